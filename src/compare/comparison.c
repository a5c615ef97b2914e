#include "compare/comparison.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/integers.h"
#include "base/printed.h"
#include "config/config_value.h"
#include "sums/batch_plan.h"
#include "sums/partition.h"

enum { WORD_MAX = 64 };

/** The next word of a list with commas, without blanks around it; *text moves behind it. */
static lks_status next_word(char word[WORD_MAX], const char **text, const char *what)
{
  const char *begin = *text + strspn(*text, " \t");
  size_t length = strcspn(begin, ",");
  *text = begin + length;
  if (**text == ',') ++*text;
  while (length > 0 && isspace((unsigned char)begin[length - 1])) length--;
  if (length == 0) return lks_fail(LKS_ERR_USAGE, "%s is missing between two commas", what);
  if (length >= WORD_MAX) return lks_fail(LKS_ERR_USAGE, "'%.*s...' is not %s", WORD_MAX, begin, what);
  memcpy(word, begin, length);
  word[length] = '\0';
  return LKS_OK;
}

/** Samples of the largest of so many shards: larger parts come first. */
static size_t largest_shard(const lks_config *config, size_t ranks)
{
  const size_t microbatches = lks_divide_up(config->batch_size, config->microbatch);
  const size_t samples = lks_partition_begin(microbatches, ranks, 1) * config->microbatch;
  return lks_min(samples, config->batch_size);
}

static void describe_arm(lks_arm *arm, const lks_config *config, int size)
{
  lks_norm norm = config->bn;
  memset(arm, 0, sizeof *arm);
  if (norm.kind == LKS_NORM_RANK) norm = (lks_norm){LKS_NORM_RANKS, (size_t)size};
  switch (norm.kind) {
  case LKS_NORM_SYNC: arm->group = config->batch_size; break;
  case LKS_NORM_SIZE: arm->group = norm.size; break;
  case LKS_NORM_RANKS: arm->group = largest_shard(config, norm.size); break;
  default: arm->group = 0; break;
  }
  arm->norm = norm;
  strcpy(arm->name, lks_norm_text(norm).text);
  memcpy(arm->folder, arm->name, sizeof arm->folder);
  char *colon = strchr(arm->folder, ':');
  if (colon != NULL) *colon = '-';
}

static lks_status add_arm(lks_comparison *comparison, const char *word, int size)
{
  lks_arm arm;
  lks_config config = comparison->base;
  lks_status status = lks_config_set(&config, "bn", word);
  if (!status) status = lks_config_check(&config);
  if (status) return status;
  describe_arm(&arm, &config, size);
  if (arm.group > config.batch_size || (config.bn.kind == LKS_NORM_RANK && (size_t)size > config.batch_size))
    return lks_fail(LKS_ERR_USAGE, "bn = %s: larger than the mini-batch of %zu samples", word,
                    config.batch_size);
  for (size_t i = 0; i < comparison->arms; i++)
    if (strcmp(comparison->arm[i].name, arm.name) == 0)
      return lks_fail(LKS_ERR_USAGE, "the arm %s stands there twice; name each arm once", arm.name);
  if (comparison->arms == LKS_ARMS_MAX)
    return lks_fail(LKS_ERR_USAGE, "more than %d arms; make several comparisons", LKS_ARMS_MAX);
  comparison->arm[comparison->arms++] = arm;
  return LKS_OK;
}

lks_status lks_comparison_arms(lks_comparison *comparison, const char *text, int size)
{
  comparison->arms = comparison->reference = 0;
  if (text[strspn(text, " \t")] == '\0')
    return lks_fail(LKS_ERR_USAGE, "no arms; name the normalization batches to compare: sync,rank,32,none");
  while (*text != '\0') {
    char word[WORD_MAX];
    lks_status status = next_word(word, &text, "an arm");
    if (!status) status = add_arm(comparison, word, size);
    if (status) return status;
  }
  for (size_t i = 0; i < comparison->arms; i++)
    if (comparison->arm[i].norm.kind == LKS_NORM_SYNC) comparison->reference = i;
  return LKS_OK;
}

lks_status lks_comparison_rates(lks_comparison *comparison, const char *text)
{
  comparison->rates = 0;
  while (text[strspn(text, " \t")] != '\0') {
    char word[WORD_MAX];
    lks_config scratch;
    lks_status status = next_word(word, &text, "a learning rate");
    if (!status) status = lks_config_set(&scratch, "lr", word);
    if (status) return lks_fail_in(status, "tune-lr: ");
    for (size_t i = 0; i < comparison->rates; i++)
      if (comparison->rate[i] == scratch.lr)
        return lks_fail(LKS_ERR_USAGE, "tune-lr: %s stands there twice; name each rate once", word);
    if (comparison->rates == LKS_RATES_MAX)
      return lks_fail(LKS_ERR_USAGE, "tune-lr: more than %d learning rates; take fewer", LKS_RATES_MAX);
    comparison->rate[comparison->rates++] = scratch.lr;
  }
  return LKS_OK;
}

void lks_comparison_run_folder(char path[LKS_TEXT_MAX], const lks_comparison *comparison, size_t arm,
                               size_t seed)
{
  snprintf(path, LKS_TEXT_MAX, "%.*s/runs/%s/seed-%" PRIu64, LKS_COMPARISON_DIRECTORY_MAX,
           comparison->directory, comparison->arm[arm].folder, comparison->first_seed + seed);
}

void lks_comparison_run_config(lks_config *config, const lks_comparison *comparison, size_t arm, size_t seed)
{
  *config = comparison->base;
  memset(config->output, 0, sizeof config->output);
  config->bn = comparison->arm[arm].norm;
  config->seed = comparison->first_seed + seed;
  lks_comparison_run_folder(config->output, comparison, arm, seed);
}

/* The dataset and the epochs, which a run that is continued may change, count here. */
lks_status lks_comparison_same_settings(const lks_config *there, const lks_config *here, const char *where)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) {
    char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
    if (lks_config_is_execution(option[i].name)) continue;
    lks_config_value_print(a, there, &option[i]);
    lks_config_value_print(b, here, &option[i]);
    if (strcmp(a, b) != 0)
      return lks_fail(LKS_ERR_USAGE, "%s has %s = %.200s, not %.200s", where, option[i].name, a, b);
  }
  return LKS_OK;
}

/** In quotes when the shell would not take it as it stands. */
static void print_word(FILE *stream, const char *word)
{
  bool plain = *word != '\0';
  for (const char *c = word; *c != '\0'; c++)
    plain = plain && (isalnum((unsigned char)*c) || strchr("_./:,=+-@%", *c));
  if (plain) {
    fputs(word, stream);
    return;
  }
  fputc('\'', stream);
  for (const char *c = word; *c != '\0'; c++) fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stream);
  fputc('\'', stream);
}

static void print_own_options(FILE *stream, const lks_comparison *comparison)
{
  char number[LKS_NUMBER_MAX];
  fputs(" --bn ", stream);
  for (size_t i = 0; i < comparison->arms; i++)
    fprintf(stream, "%s%s", i > 0 ? "," : "", comparison->arm[i].name);
  fprintf(stream, " --seeds %zu", comparison->seeds);
  if (comparison->first_seed != 1) fprintf(stream, " --first-seed %" PRIu64, comparison->first_seed);
  lks_number_print(number, comparison->margin, "");
  if (comparison->margin != LKS_MARGIN) fprintf(stream, " --margin %s", number);
  for (size_t i = 0; i < comparison->rates; i++) {
    lks_number_print(number, comparison->rate[i], "");
    fprintf(stream, "%s%s", i == 0 ? " --tune-lr " : ",", number);
  }
  if (comparison->rates > 0) fprintf(stream, " --tune-holdout %zu", comparison->tune_holdout);
}

static bool is_of_the_runs(const lks_comparison *comparison, const char *name)
{
  return strcmp(name, "data") == 0 || strcmp(name, "bn") == 0 || strcmp(name, "seed") == 0 ||
         (comparison->rates > 0 && strcmp(name, "lr") == 0);
}

/** 0 again if that is what the microbatch comes from. */
static size_t given_microbatch(const lks_config *config)
{
  lks_config chosen = *config;
  chosen.microbatch = 0;
  return lks_config_check(&chosen) == LKS_OK && chosen.microbatch == config->microbatch ? 0
                                                                                        : config->microbatch;
}

static void print_train_options(FILE *stream, const lks_comparison *comparison)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  lks_config standard, given = comparison->base;
  lks_config_default(&standard);
  given.microbatch = given_microbatch(&given);
  for (size_t i = 0; i < count; i++) {
    char value[LKS_VALUE_MAX], usual[LKS_VALUE_MAX];
    if (lks_config_is_execution(option[i].name) || is_of_the_runs(comparison, option[i].name)) continue;
    lks_config_value_print(value, &given, &option[i]);
    lks_config_value_print(usual, &standard, &option[i]);
    if (strcmp(value, usual) == 0) continue;
    if (option[i].type == LKS_OPTION_SWITCH) {
      fprintf(stream, " --%s%s", strcmp(value, "on") == 0 ? "" : "no-", option[i].name);
    } else {
      fprintf(stream, " --%s ", option[i].name);
      print_word(stream, value);
    }
  }
}

lks_status lks_comparison_command(char **text, const lks_comparison *comparison)
{
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fputs("lockstep compare ", printed.stream);
  print_word(printed.stream, comparison->base.data);
  print_own_options(printed.stream, comparison);
  print_train_options(printed.stream, comparison);
  fputs(" -o DIR", printed.stream);
  return lks_printed_text(text, &printed);
}
