#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/integers.h"
#include "base/suggest.h"
#include "compare/arm_settings.h"
#include "compare/comparison.h"
#include "compare/word_list.h"
#include "sums/batch_plan.h"
#include "sums/partition.h"

/** Samples of the largest of so many shards: larger parts come first. */
static size_t largest_shard(const lks_config *config, size_t ranks)
{
  const size_t microbatches = lks_divide_up(config->batch_size, config->microbatch);
  const size_t samples = lks_partition_begin(microbatches, ranks, 1) * config->microbatch;
  return lks_min(samples, config->batch_size);
}

static size_t group_of(const lks_config *config)
{
  switch (config->bn.kind) {
  case LKS_NORM_SYNC: return config->batch_size;
  case LKS_NORM_SIZE: return config->bn.size;
  case LKS_NORM_RANKS: return largest_shard(config, config->bn.size);
  default: return 0;
  }
}

/* No byte that a table, a picture or a file name would have to quote. */
static lks_status check_name(const char *name)
{
  const size_t length = strlen(name);
  if (length == 0)
    return lks_fail(LKS_ERR_USAGE, "an arm has no name; write NAME:key=value, as in fast:lr=0.5");
  if (length >= LKS_ARM_NAME)
    return lks_fail(LKS_ERR_USAGE, "the arm's name '%.60s' is longer than %d bytes; take a shorter one", name,
                    LKS_ARM_NAME - 1);
  for (const char *c = name; *c != '\0'; c++)
    if ((unsigned char)*c > 126 || (!isalnum((unsigned char)*c) && strchr(" _.+:=()-", *c) == NULL))
      return lks_fail(LKS_ERR_USAGE,
                      "the arm's name '%s' holds '%c'; take letters, digits, blanks and any of _.+:=()-",
                      name, (unsigned char)*c > 126 || iscntrl((unsigned char)*c) ? '?' : *c);
  if (!isalnum((unsigned char)name[0]) || name[length - 1] == ' ')
    return lks_fail(LKS_ERR_USAGE,
                    "the arm's name '%s' must begin with a letter or digit and not end with a blank", name);
  return LKS_OK;
}

static void name_arm(lks_arm *arm, const char *name)
{
  memset(arm, 0, sizeof *arm);
  strcpy(arm->name, name);
  strcpy(arm->folder, name);
  for (char *c = arm->folder; *c != '\0'; c++)
    if (!isalnum((unsigned char)*c) && strchr("_.+=-", *c) == NULL) *c = '-';
}

static lks_status check_room(const lks_comparison *comparison, const lks_arm *arm)
{
  for (size_t i = 0; i < comparison->arms; i++) {
    if (strcmp(comparison->arm[i].name, arm->name) == 0)
      return lks_fail(LKS_ERR_USAGE, "the arm %s stands there twice; name each arm once", arm->name);
    if (strcmp(comparison->arm[i].folder, arm->folder) == 0)
      return lks_fail(LKS_ERR_USAGE, "the arms '%s' and '%s' would have the same folder %s; rename one",
                      comparison->arm[i].name, arm->name, arm->folder);
  }
  if (comparison->arms == LKS_ARMS_MAX)
    return lks_fail(LKS_ERR_USAGE, "more than %d arms; make several comparisons", LKS_ARMS_MAX);
  return LKS_OK;
}

/** The microbatch follows from the arm's own batch size where base's does from base's. */
static lks_status configure(lks_arm *arm, const lks_config *base, const char *settings, int size)
{
  lks_config *config = &arm->config;
  *config = *base;
  memset(config->output, 0, sizeof config->output);
  config->microbatch = lks_given_microbatch(base);
  lks_status status = lks_arm_settings_apply(config, &arm->own_rate, settings);
  if (status) return status;
  if (config->bn.kind == LKS_NORM_RANK) config->bn = (lks_norm){LKS_NORM_RANKS, (size_t)size};
  status = lks_config_check(config);
  if (status) return status;
  arm->group = group_of(config);
  return lks_arm_settings_print(arm->settings, config, base, arm->own_rate);
}

lks_status lks_comparison_arm_add(lks_comparison *comparison, const char *name, const char *settings,
                                  int size)
{
  lks_status status = check_name(name);
  if (status) return status;
  lks_arm arm;
  name_arm(&arm, name);
  status = check_room(comparison, &arm);
  if (status) return status;
  status = configure(&arm, &comparison->base, settings == NULL ? "" : settings, size);
  if (status) return lks_fail_in(status, "arm %s: ", name);
  comparison->arm[comparison->arms++] = arm;
  comparison->reference = lks_comparison_reference_default(comparison);
  return LKS_OK;
}

static lks_status add_norm(lks_comparison *comparison, const char *word, int size)
{
  lks_norm norm;
  lks_status status = lks_norm_parse(&norm, word);
  if (status) return lks_fail_in(status, "bn: ");
  if (norm.kind == LKS_NORM_RANK) norm = (lks_norm){LKS_NORM_RANKS, (size_t)size};
  char settings[48];
  const lks_norm_words words = lks_norm_text(norm);
  snprintf(settings, sizeof settings, "bn=%s", words.text);
  return lks_comparison_arm_add(comparison, words.text, settings, size);
}

lks_status lks_comparison_arms_add(lks_comparison *comparison, const char *text, int size)
{
  if (text[strspn(text, " \t")] == '\0')
    return lks_fail(LKS_ERR_USAGE,
                    "no arms; name what to compare: --bn sync,rank,32,none, or --arm NAME:key=value,...");
  while (*text != '\0') {
    char word[LKS_WORD_MAX];
    lks_status status = lks_next_word(word, &text, "an arm");
    if (!status) status = add_norm(comparison, word, size);
    if (status) return status;
  }
  return LKS_OK;
}

lks_status lks_comparison_arms(lks_comparison *comparison, const char *text, int size)
{
  comparison->arms = comparison->reference = 0;
  return lks_comparison_arms_add(comparison, text, size);
}

size_t lks_comparison_reference_default(const lks_comparison *comparison)
{
  for (size_t i = 0; i < comparison->arms; i++)
    if (strcmp(comparison->arm[i].name, "sync") == 0) return i;
  for (size_t i = 0; i < comparison->arms && lks_comparison_of_norms(comparison); i++)
    if (comparison->arm[i].config.bn.kind == LKS_NORM_SYNC) return i;
  return 0;
}

lks_status lks_comparison_reference_set(lks_comparison *comparison, const char *name)
{
  const char *names[LKS_ARMS_MAX];
  for (size_t i = 0; i < comparison->arms; i++) {
    names[i] = comparison->arm[i].name;
    if (strcmp(names[i], name) != 0) continue;
    comparison->reference = i;
    return LKS_OK;
  }
  const char *near = lks_suggest(name, names, comparison->arms);
  if (near == NULL)
    return lks_fail(LKS_ERR_USAGE, "reference: no arm is called '%.60s'; name one of the arms", name);
  return lks_fail(LKS_ERR_USAGE, "reference: no arm is called '%.60s'; did you mean %s?", name, near);
}

static bool is_free_or_bn(const char *name)
{
  return lks_config_is_execution(name) || strcmp(name, "bn") == 0;
}

bool lks_comparison_of_norms(const lks_comparison *comparison)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  for (size_t i = 1; i < comparison->arms; i++) {
    const lks_arm *first = &comparison->arm[0], *other = &comparison->arm[i];
    if (comparison->rates > 0 && first->own_rate != other->own_rate) return false;
    if (lks_config_value_differs(a, b, &first->config, &other->config, option, count, is_free_or_bn) != NULL)
      return false;
  }
  return true;
}

static bool is_short(const lks_comparison *comparison, const lks_arm *arm)
{
  char settings[48];
  const lks_norm_words words = lks_norm_text(arm->config.bn);
  snprintf(settings, sizeof settings, "bn=%s", words.text);
  if (strcmp(arm->name, words.text) != 0 || comparison->base.bn.kind != LKS_NORM_SYNC) return false;
  return strcmp(arm->settings, arm->config.bn.kind == LKS_NORM_SYNC ? "" : settings) == 0;
}

bool lks_comparison_is_short(const lks_comparison *comparison)
{
  for (size_t i = 0; i < comparison->arms; i++)
    if (!is_short(comparison, &comparison->arm[i])) return false;
  return true;
}

bool lks_comparison_is_tuned(const lks_comparison *comparison, size_t arm)
{
  return comparison->rates > 0 && !comparison->arm[arm].own_rate;
}
