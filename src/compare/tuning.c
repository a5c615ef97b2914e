#include "compare/tuning.h"

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/ini_file.h"
#include "base/printed.h"
#include "compare/results.h"
#include "statistics/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lks_tuning_run_config(lks_config *config, const lks_comparison *comparison, size_t arm, size_t rate)
{
  char number[LKS_NUMBER_MAX];
  lks_comparison_run_config(config, comparison, arm, 0);
  config->lr = comparison->rate[rate];
  config->holdout = comparison->tune_holdout;
  lks_number_print(number, config->lr, "nan");
  snprintf(config->output, sizeof config->output, "%.*s/tune/%s/lr-%s", LKS_COMPARISON_DIRECTORY_MAX,
           comparison->directory, comparison->arm[arm].folder, number);
}

static void file_of(char path[LKS_TEXT_MAX], const lks_comparison *comparison, size_t arm)
{
  snprintf(path, LKS_TEXT_MAX, "%.*s/tune/%s.ini", LKS_COMPARISON_DIRECTORY_MAX, comparison->directory,
           comparison->arm[arm].folder);
}

static lks_status write_choice(const lks_comparison *comparison, size_t arm, const lks_tuning *tuning)
{
  lks_printed printed;
  char path[LKS_TEXT_MAX], number[3][LKS_NUMBER_MAX];
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream,
          "# Learning rate of the arm %s, chosen on %zu held-out training samples.\n"
          "# rate = learning rate, held-out accuracy, held-out loss (medians of the last five epochs)\n",
          comparison->arm[arm].name, comparison->tune_holdout);
  for (size_t r = 0; r < tuning->rates; r++) {
    lks_number_print(number[0], tuning->rate[r], "nan");
    lks_number_print(number[1], tuning->accuracy[r], "nan");
    lks_number_print(number[2], tuning->loss[r], "nan");
    fprintf(printed.stream, "rate = %s %s %s\n", number[0], number[1], number[2]);
  }
  fprintf(printed.stream, "# number of the chosen one, from 0\nchosen = %zu\n", tuning->chosen);
  file_of(path, comparison, arm);
  return lks_printed_file(path, &printed);
}

static lks_status take(void *user, const char *key, const char *value)
{
  lks_tuning *t = user;
  char *end, rest[2] = "";
  if (!strcmp(key, "rate") && t->rates < LKS_RATES_MAX) {
    size_t r = t->rates++;
    if (sscanf(value, "%lf %lf %lf%1s", &t->rate[r], &t->accuracy[r], &t->loss[r], rest) == 3) return LKS_OK;
  } else if (!strcmp(key, "chosen")) {
    t->chosen = strtoull(value, &end, 10);
    if (end != value && !*end && t->chosen < t->rates && isfinite(t->accuracy[t->chosen])) return LKS_OK;
  }
  return lks_fail(LKS_ERR_DATA, "'%.40s = %.80s' is not what was written there", key, value);
}

lks_status lks_tuning_read(lks_tuning *tuning, bool *done, const lks_comparison *comparison, size_t arm)
{
  char path[LKS_TEXT_MAX];
  file_of(path, comparison, arm);
  *tuning = (lks_tuning){.chosen = SIZE_MAX};
  *done = lks_file_exists(path);
  if (!*done) return LKS_OK;
  lks_status status = lks_ini_read(path, take, tuning, LKS_ERR_DATA);
  if (!status && tuning->chosen == SIZE_MAX)
    status = lks_fail(LKS_ERR_DATA, "%s: is cut short; delete it and run compare again", path);
  return status;
}

/* Median of the last five epochs' held-out accuracy, and the loss, of a tuning run; diverged ones have none.
 */
static lks_status score(double *accuracy, double *loss, const char *folder)
{
  lks_metrics_row *row;
  size_t epochs;
  *accuracy = *loss = NAN;
  lks_status status = lks_metrics_read(&row, &epochs, folder);
  double *values = status || !epochs ? NULL : lks_new(2 * epochs, sizeof *values);
  if (!status && epochs && !values) status = LKS_ERR_RANK; /* which is no divergence */
  for (size_t e = 0; values && e < epochs; e++) {
    values[e] = row[e].test_accuracy;
    values[epochs + e] = row[e].test_loss;
  }
  if (values) {
    *accuracy = lks_median_of_last_five(values, epochs);
    *loss = lks_median_of_last_five(values + epochs, epochs);
  }
  lks_free(values);
  lks_free(row);
  return status;
}

lks_status lks_tuning_choose(const lks_comparison *comparison, size_t arm)
{
  lks_tuning t = {.rates = comparison->rates, .chosen = SIZE_MAX};
  for (size_t r = 0; r < t.rates; r++) {
    lks_config config;
    bool done;
    lks_run_result result;
    lks_tuning_run_config(&config, comparison, arm, r);
    t.rate[r] = config.lr;
    t.accuracy[r] = t.loss[r] = NAN;
    lks_status status = lks_run_result_read(&result, &done, config.output);
    if (!status && done && !result.diverged) status = score(&t.accuracy[r], &t.loss[r], config.output);
    if (status) return status;
    if (isnan(t.accuracy[r])) continue;
    size_t best = t.chosen;
    if (best == SIZE_MAX || t.accuracy[r] > t.accuracy[best] ||
        (t.accuracy[r] == t.accuracy[best] && t.loss[r] < t.loss[best]))
      t.chosen = r;
  }
  if (t.chosen == SIZE_MAX)
    return lks_fail(
        LKS_ERR_DIVERGED,
        "%s diverged at every learning rate of --tune-lr: compare with lower ones in another directory",
        comparison->arm[arm].name);
  return write_choice(comparison, arm, &t);
}
