#include "study/tuning.h"

#include "base/file.h"
#include "study/ini_file.h"
#include "study/printed.h"
#include "train/csv.h"

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

lks_status lks_tuning_write(const lks_comparison *comparison, size_t arm, const lks_tuning *tuning)
{
  lks_printed printed;
  char path[LKS_TEXT_MAX], number[3][LKS_NUMBER_MAX];
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream,
          "# Learning rate of the arm %s, chosen on %zu held-out training samples.\n"
          "# rate = learning rate, held-out accuracy, held-out loss (medians of the last five epochs)\n",
          comparison->arm[arm].bn, comparison->tune_holdout);
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
  lks_status status = lks_ini_read(path, take, tuning);
  if (!status && tuning->chosen == SIZE_MAX)
    status = lks_fail(LKS_ERR_DATA, "%s: is cut short; delete it and run compare again", path);
  return status;
}
