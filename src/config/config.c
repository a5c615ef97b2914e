#include "lockstep/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/ini_file.h"
#include "base/integers.h"
#include "base/suggest.h"
#include "config/config_sections.h"
#include "config/config_value.h"

const lks_option *lks_config_option(const char *key)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(option[i].name, key) == 0) return &option[i];
  return NULL;
}

static lks_status unknown_key(const char *key)
{
  const char *names[LKS_OPTIONS_MAX];
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) names[i] = option[i].name;
  const char *near = lks_suggest(key, names, count);
  if (near != NULL) return lks_fail(LKS_ERR_USAGE, "unknown key '%.100s'; did you mean '%s'?", key, near);
  return lks_fail(LKS_ERR_USAGE, "unknown key '%.100s'; `lockstep help train` lists all keys", key);
}

void lks_config_default(lks_config *config)
{
  memset(config, 0, sizeof *config);
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) lks_config_value_read(config, &option[i], option[i].standard);
}

lks_status lks_config_set(lks_config *config, const char *key, const char *value)
{
  const lks_option *option = lks_config_option(key);
  if (option == NULL) return unknown_key(key);
  return lks_config_value_read(config, option, value);
}

bool lks_section_is_arm(const char **name, const char *section)
{
  if (strncasecmp(section, "arm", 3) != 0 || (section[3] != '\0' && section[3] != ' ')) return false;
  *name = section + 3 + strspn(section + 3, " ");
  return true;
}

/* One reading of an INI text. */
typedef struct reading {
  lks_config *config;
  bool arms, sections; /* passes over sections of arms; knows all other sections */
  bool seen[LKS_OPTIONS_MAX];
} reading;

static lks_status check_section(const char *section)
{
  const char *names[LKS_OPTIONS_MAX];
  size_t count, groups = 0;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(section, option[i].group) == 0) return LKS_OK;
    if (i == 0 || strcmp(option[i].group, option[i - 1].group) != 0) names[groups++] = option[i].group;
  }
  const char *near = lks_suggest(section, names, groups);
  if (near) return lks_fail(LKS_ERR_USAGE, "unknown section [%.50s]; did you mean [%s]?", section, near);
  return lks_fail(LKS_ERR_USAGE,
                  "unknown section [%.50s]; config.ini of a run has all sections, and a file needs none",
                  section);
}

static lks_status take_once(reading *r, const char *key, const char *value)
{
  size_t count;
  const lks_option *all = lks_config_options(&count), *option = lks_config_option(key);
  if (option == NULL) return unknown_key(key);
  if (r->seen[option - all])
    return lks_fail(LKS_ERR_USAGE, "the key %s stands there twice; which value counts? Leave one", key);
  r->seen[option - all] = true;
  return lks_config_value_read(r->config, option, value);
}

static lks_status take_pair(void *user, const char *section, const char *key, const char *value)
{
  reading *r = user;
  const char *name;
  const bool arm = lks_section_is_arm(&name, section);
  if (arm && !r->arms)
    return lks_fail(LKS_ERR_USAGE, "[Arm %s] is an arm of a comparison: `lockstep compare` alone reads it",
                    name);
  if (arm) return LKS_OK;
  if (key == NULL) return r->sections ? check_section(section) : LKS_OK;
  return take_once(r, key, value);
}

lks_status lks_config_parse(lks_config *config, const char *text, const char *where)
{
  reading r = {.config = config}; /* of a checkpoint, whose sections may be those of another version */
  return lks_ini_parse_sections(text, where, take_pair, &r, LKS_ERR_USAGE);
}

lks_status lks_config_read(lks_config *config, const char *path)
{
  reading r = {.config = config, .sections = true};
  return lks_ini_read_sections(path, take_pair, &r, LKS_ERR_USAGE);
}

lks_status lks_config_read_common(lks_config *config, const char *path)
{
  reading r = {.config = config, .sections = true, .arms = true};
  return lks_ini_read_sections(path, take_pair, &r, LKS_ERR_USAGE);
}

static void print_all(FILE *stream, const lks_config *config)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) {
    char value[LKS_VALUE_MAX];
    lks_config_value_print(value, config, &option[i]);
    if (i == 0 || strcmp(option[i].group, option[i - 1].group) != 0)
      fprintf(stream, "%s[%s]\n", i == 0 ? "" : "\n", option[i].group);
    fprintf(stream, "# %s\n%s = %s\n", option[i].help, option[i].name, value);
  }
}

lks_status lks_config_print(char **text, const lks_config *config)
{
  char *printed = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&printed, &bytes);
  if (stream == NULL) return lks_fail(LKS_ERR_RANK, "not enough memory to print the configuration");
  print_all(stream, config);
  bool complete = fclose(stream) == 0;
  *text = complete ? lks_new(bytes + 1, 1) : NULL;
  if (*text != NULL) memcpy(*text, printed, bytes);
  free(printed);
  return *text != NULL ? LKS_OK : lks_fail(LKS_ERR_RANK, "not enough memory to print the configuration");
}

lks_norm_layers lks_config_norm_layers(const lks_config *config)
{
  return config->bn.kind == LKS_NORM_NONE ? (lks_norm_layers){LKS_NORM_LAYERS_NONE, 0} : config->norm;
}

static lks_status check_norm(const lks_config *config)
{
  const lks_norm norm = config->bn;
  if (norm.kind == LKS_NORM_NONE && config->norm.kind != LKS_NORM_LAYERS_BATCH)
    return lks_fail(
        LKS_ERR_USAGE,
        "norm = %s stands in the place of batch norm, which bn = none leaves out; leave one of the two out",
        lks_norm_layers_text(config->norm).text);
  if (norm.kind == LKS_NORM_SIZE && norm.size > config->batch_size)
    return lks_fail(
        LKS_ERR_USAGE,
        "bn = %s: the normalization batch is larger than the mini-batch of %zu samples; take a smaller one, or sync for the whole mini-batch",
        lks_norm_text(norm).text, config->batch_size);
  if (norm.kind == LKS_NORM_RANKS && norm.size > config->batch_size)
    return lks_fail(
        LKS_ERR_USAGE,
        "bn = %s: more ranks than the %zu samples of a mini-batch; take fewer ranks, or a larger batch-size",
        lks_norm_text(norm).text, config->batch_size);
  return LKS_OK;
}

static lks_status check_batch(lks_config *config)
{
  if (config->train_samples == 1)
    return lks_fail(LKS_ERR_USAGE, "train-samples = 1: batch norm needs at least 2 samples; 0 takes all");
  if (config->microbatch > config->batch_size)
    return lks_fail(
        LKS_ERR_USAGE,
        "microbatch = %zu: larger than the mini-batch of %zu samples; take a smaller one, or 0 to have it chosen",
        config->microbatch, config->batch_size);
  if (config->microbatch == 0) {
    size_t wanted = config->batch_size / 16 < 8 ? 8 : config->batch_size / 16;
    config->microbatch = lks_min(wanted, config->batch_size);
  }
  return LKS_OK;
}

static lks_status check_fine_tuning(const lks_config *config)
{
  if (config->init_except[0] && !config->init[0])
    return lks_fail(
        LKS_ERR_USAGE,
        "init-except says which layers do not begin as in the file of init: give --init FILE too");
  if (config->freeze_bn && config->bn.kind == LKS_NORM_NONE)
    return lks_fail(LKS_ERR_USAGE, "freeze-bn: with bn = none there is no batch norm to freeze");
  if (config->freeze_bn && (config->noise || config->bn_disturb > 0))
    return lks_fail(
        LKS_ERR_USAGE,
        "freeze-bn: batch norm that stays as it is has no noise and cannot be disturbed; leave noise and bn-disturb out");
  return LKS_OK;
}

static lks_status check_optimizer(const lks_config *config)
{
  const bool sgd = config->optimizer == LKS_OPTIMIZER_SGD;
  if (config->nesterov && !(sgd && config->momentum > 0))
    return lks_fail(LKS_ERR_USAGE, "nesterov needs optimizer = sgd and a momentum above 0");
  if (sgd && config->momentum >= 1)
    return lks_fail(LKS_ERR_USAGE, "momentum = 1: take a value below 1, such as 0.9");
  if (!sgd && (config->beta1 >= 1 || config->beta2 >= 1))
    return lks_fail(LKS_ERR_USAGE, "beta1 and beta2 must be below 1, such as 0.9 and 0.999");
  if (config->epochs > 0 && config->warmup > (double)config->epochs)
    return lks_fail(LKS_ERR_USAGE, "warmup = %g: longer than the run of %zu epochs; take fewer",
                    config->warmup, config->epochs);
  return LKS_OK;
}

static lks_status check_measurements(const lks_config *config)
{
  if (config->log_test && !config->log_every)
    return lks_fail(LKS_ERR_USAGE, "log-test has no effect without log-every; add --log-every STEPS");
  if (config->stop_at > 0 && !config->log_test)
    return lks_fail(
        LKS_ERR_USAGE,
        "stop-at = %g looks at the test accuracies of steps.csv; add --log-every STEPS and --log-test",
        config->stop_at);
  if ((config->probes & LKS_PROBE_NOISE) && config->norm.kind != LKS_NORM_LAYERS_BATCH)
    return lks_fail(LKS_ERR_USAGE, "probe noise measures what batch norm does, and norm = %s has none",
                    lks_norm_layers_text(config->norm).text);
  if ((config->probes & LKS_PROBE_NOISE) && config->bn.kind == LKS_NORM_NONE)
    return lks_fail(LKS_ERR_USAGE, "probe noise measures what batch norm does, and bn = none has none");
  return LKS_OK;
}

static lks_status check_end(const lks_config *config)
{
  if (config->epochs > 0 && config->early_stopping >= config->epochs)
    return lks_fail(
        LKS_ERR_USAGE,
        "early-stopping = %zu never ends a run of %zu epochs, of which the first one is the best at first; take fewer, or more epochs",
        config->early_stopping, config->epochs);
  return LKS_OK;
}

static lks_status check_window(const lks_config *config)
{
  if (config->window && config->cache[0])
    return lks_fail(LKS_ERR_USAGE,
                    "cache and window are two ways to do without memory for all samples; give one of them");
  if (config->window && config->probes)
    return lks_fail(
        LKS_ERR_USAGE,
        "probes look at single samples, which a window of %zu does not have at hand; take --cache DIR instead of window",
        config->window);
  return LKS_OK;
}

lks_status lks_config_check(lks_config *config)
{
  if (config->data[0] == '\0' && config->resume && config->output[0] != '\0')
    return lks_fail(
        LKS_ERR_USAGE,
        "no dataset given, and there is no %s/config.ini that names it: this is no run to be resumed. `lockstep train DATA.h5 --init CHECKPOINT.h5` begins one with the weights of a checkpoint",
        config->output);
  if (config->data[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no dataset given; name one: lockstep train DATA.h5");
  if (config->model[0] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no model given; name a preset (mlp, cnn, resnet8, resnet20) or a file");
  if (config->label_smoothing >= 1)
    return lks_fail(LKS_ERR_USAGE, "label-smoothing = %g: take a value below 1, such as 0.1",
                    config->label_smoothing);
  lks_status status = check_norm(config);
  if (!status) status = check_fine_tuning(config);
  if (!status) status = check_optimizer(config);
  if (!status) status = check_measurements(config);
  if (!status) status = check_end(config);
  if (!status) status = check_window(config);
  return status ? status : check_batch(config);
}
