#include <string.h>

#include "base/file.h"
#include "base/ini_file.h"
#include "base/printed.h"
#include "config/config_value.h"
#include "study/plan.h"

/* study.ini: which study a folder holds, and with what options. */

enum { PATH_SIZE = LKS_STUDY_FOLDER_MAX + 32 };

#define AT(field) offsetof(lks_study_options, field)
static const lks_option option[] = {
    {"full", NULL, LKS_OPTION_SWITCH, AT(full), "off", NULL, 0, 0, NULL, "the long version"},
    {"epochs", "N", LKS_OPTION_SIZE, AT(epochs), "0", NULL, 0, 1e6, NULL, "0: the study's own"},
    {"train-samples", "N", LKS_OPTION_SIZE, AT(train_samples), "0", NULL, 0, 2147483647.0, NULL,
     "0: the study's own, or all"},
    {"seed", "N", LKS_OPTION_SEED, AT(first_seed), "1", NULL, 0, 0, NULL, "the first one"},
    {"data", "FILE", LKS_OPTION_TEXT, AT(data), "", NULL, 0, 0, NULL, "empty: the study's own"},
};
enum { OPTIONS = sizeof option / sizeof *option };

static void path_of(char path[PATH_SIZE], const char *folder)
{
  snprintf(path, PATH_SIZE, "%s/study.ini", folder);
}

bool lks_study_is_in(const char *folder)
{
  char path[PATH_SIZE];
  if (strlen(folder) >= LKS_STUDY_FOLDER_MAX) return false;
  path_of(path, folder);
  return lks_file_exists(path);
}

typedef struct reading {
  const lks_study *study;
  lks_study_options *options;
} reading;

static lks_status take(void *user, const char *key, const char *value)
{
  reading *r = user;
  if (strcmp(key, "study") == 0) return lks_study_find(&r->study, value);
  for (size_t i = 0; i < OPTIONS; i++)
    if (strcmp(key, option[i].name) == 0) return lks_config_value_read(r->options, &option[i], value);
  return lks_fail(LKS_ERR_DATA, "%.80s is no key of a study", key);
}

lks_status lks_study_file_read(const lks_study **study, lks_study_options *options, const char *folder)
{
  char path[PATH_SIZE];
  reading r = {.options = options};
  memset(options, 0, sizeof *options);
  options->seeds = 1; /* those of comparison.ini count */
  if (!lks_study_is_in(folder))
    return lks_fail(LKS_ERR_USAGE, "%.200s holds no study: it has no study.ini", folder);
  path_of(path, folder);
  for (size_t i = 0; i < OPTIONS; i++) lks_config_value_read(options, &option[i], option[i].standard);
  lks_status status = lks_ini_read(path, take, &r, LKS_ERR_DATA);
  if (!status && r.study == NULL) status = lks_fail(LKS_ERR_DATA, "%s: it does not say which study", path);
  *study = r.study;
  if (status != LKS_ERR_DATA) return status;
  return lks_fail(status, "%s; delete it and run the study with the same options again", lks_message());
}

static lks_status same(const lks_study_plan *plan)
{
  lks_study_options there;
  const lks_study *study = NULL;
  lks_status status = lks_study_file_read(&study, &there, plan->folder);
  if (!status && study && study != plan->study)
    status =
        lks_fail(LKS_ERR_USAGE, "%s holds the study %s; take another --output", plan->folder, study->name);
  for (size_t i = 0; i < OPTIONS && !status; i++) {
    char before[LKS_VALUE_MAX], now[LKS_VALUE_MAX];
    lks_config_value_print(before, &there, &option[i]);
    lks_config_value_print(now, &plan->options, &option[i]);
    if (strcmp(before, now) != 0)
      status =
          lks_fail(LKS_ERR_USAGE,
                   "%s/study.ini has %s = %.200s, not %.200s; give the same options, or another --output",
                   plan->folder, option[i].name, before, now);
  }
  return status;
}

lks_status lks_study_file_open(const lks_study_plan *plan)
{
  char path[PATH_SIZE];
  lks_printed printed;
  if (lks_study_is_in(plan->folder)) return same(plan);
  path_of(path, plan->folder);
  lks_status status = lks_folder_make(plan->folder);
  if (!status) status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream, "# made by lockstep study\nstudy = %s\n", plan->study->name);
  for (size_t i = 0; i < OPTIONS; i++) {
    char value[LKS_VALUE_MAX];
    lks_config_value_print(value, &plan->options, &option[i]);
    fprintf(printed.stream, "# %s\n%s = %s\n", option[i].help, option[i].name, value);
  }
  return lks_printed_file(path, &printed);
}
