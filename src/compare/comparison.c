#include "compare/comparison.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "compare/word_list.h"
#include "config/config_value.h"

lks_status lks_comparison_rates(lks_comparison *comparison, const char *text)
{
  comparison->rates = 0;
  while (text[strspn(text, " \t")] != '\0') {
    char word[LKS_WORD_MAX];
    lks_config scratch;
    lks_status status = lks_next_word(word, &text, "a learning rate");
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
  *config = comparison->arm[arm].config;
  memset(config->output, 0, sizeof config->output);
  config->seed = comparison->first_seed + seed;
  lks_comparison_run_folder(config->output, comparison, arm, seed);
}

/* The dataset and the epochs, which a run that is continued may change, count here. */
lks_status lks_comparison_same_settings(const lks_config *there, const lks_config *here, const char *where)
{
  size_t count;
  char a[LKS_VALUE_MAX], b[LKS_VALUE_MAX];
  const lks_option *all = lks_config_options(&count);
  const lks_option *option = lks_config_value_differs(a, b, there, here, all, count, lks_config_is_execution);
  if (option == NULL) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "%s has %s = %.200s, not %.200s", where, option->name, a, b);
}
