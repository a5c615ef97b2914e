#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/printed.h"
#include "base/shell_word.h"
#include "compare/arm_settings.h"
#include "compare/comparison.h"

static lks_status print_arm(FILE *stream, const lks_comparison *comparison, const lks_arm *arm)
{
  lks_config base = comparison->base;
  char settings[LKS_TEXT_MAX], *text;
  lks_printed printed;
  base.bn = (lks_norm){LKS_NORM_SYNC, 0}; /* which no option of the command says */
  lks_status status = lks_arm_settings_print(settings, &arm->config, &base, arm->own_rate);
  if (!status) status = lks_printed_begin(&printed);
  if (status) return status;
  lks_arm_word_print(printed.stream, arm->name, ":");
  fprintf(printed.stream, ":%s", settings);
  status = lks_printed_text(&text, &printed);
  if (status) return status;
  fputs(" --arm ", stream);
  lks_shell_word_print(stream, text);
  lks_free(text);
  return LKS_OK;
}

static lks_status print_arms(FILE *stream, const lks_comparison *comparison)
{
  lks_status status = LKS_OK;
  const bool is_short = lks_comparison_is_short(comparison);
  for (size_t i = 0; i < comparison->arms && !status; i++) {
    if (is_short)
      fprintf(stream, "%s%s", i > 0 ? "," : " --bn ", comparison->arm[i].name);
    else
      status = print_arm(stream, comparison, &comparison->arm[i]);
  }
  if (comparison->reference != lks_comparison_reference_default(comparison)) {
    fputs(" --reference ", stream);
    lks_shell_word_print(stream, comparison->arm[comparison->reference].name);
  }
  return status;
}

static void print_own_options(FILE *stream, const lks_comparison *comparison)
{
  char number[LKS_NUMBER_MAX];
  fprintf(stream, " --seeds %zu", comparison->seeds);
  if (comparison->first_seed != 1) fprintf(stream, " --seed %" PRIu64, comparison->first_seed);
  lks_number_print(number, comparison->margin, "");
  if (comparison->margin != LKS_MARGIN) fprintf(stream, " --margin %s", number);
  for (size_t i = 0; i < comparison->rates; i++) {
    lks_number_print(number, comparison->rate[i], "");
    fprintf(stream, "%s%s", i == 0 ? " --tune-lr " : ",", number);
  }
  if (comparison->rates > 0) fprintf(stream, " --tune-holdout %zu", comparison->tune_holdout);
}

static bool is_said_elsewhere(const lks_comparison *comparison, const char *name)
{
  return lks_setting_is_of_job(name) || strcmp(name, "data") == 0 || strcmp(name, "bn") == 0 ||
         (comparison->rates > 0 && strcmp(name, "lr") == 0);
}

static void print_train_options(FILE *stream, const lks_comparison *comparison)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  lks_config standard, given = comparison->base;
  lks_config_default(&standard);
  given.microbatch = lks_given_microbatch(&given);
  for (size_t i = 0; i < count; i++) {
    char value[LKS_VALUE_MAX], usual[LKS_VALUE_MAX];
    if (is_said_elsewhere(comparison, option[i].name)) continue;
    lks_config_value_print(value, &given, &option[i]);
    lks_config_value_print(usual, &standard, &option[i]);
    if (strcmp(value, usual) == 0) continue;
    if (option[i].type == LKS_OPTION_SWITCH) {
      fprintf(stream, " --%s%s", strcmp(value, "on") == 0 ? "" : "no-", option[i].name);
    } else {
      fprintf(stream, " --%s ", option[i].name);
      lks_shell_word_print(stream, value);
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
  lks_shell_word_print(printed.stream, comparison->base.data);
  status = print_arms(printed.stream, comparison);
  print_own_options(printed.stream, comparison);
  print_train_options(printed.stream, comparison);
  fputs(" -o DIR", printed.stream);
  lks_status ended = lks_printed_text(text, &printed);
  if (!status || ended) return lks_status_worse(status, ended);
  lks_free(*text);
  *text = NULL;
  return status;
}
