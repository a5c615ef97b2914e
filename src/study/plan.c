#include "study/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "compare/arm_settings.h"
#include "compare/ranks_per_run.h"

lks_status lks_study_folder(char folder[LKS_STUDY_FOLDER_MAX], const lks_study *study,
                            const lks_study_options *options)
{
  if (strlen(options->directory) > LKS_STUDY_FOLDER_MAX - 40)
    return lks_fail(LKS_ERR_USAGE, "%.60s...: too long for the folder of a study; take a shorter --output",
                    options->directory);
  snprintf(folder, LKS_STUDY_FOLDER_MAX, "%.*s/%.31s", LKS_STUDY_FOLDER_MAX - 40, options->directory,
           study->name);
  return LKS_OK;
}

static lks_status set_all(lks_config *config, const char *settings)
{
  bool more = true;
  lks_status status = LKS_OK;
  while (more && !status) {
    char key[LKS_KEY_MAX], value[LKS_VALUE_MAX];
    status = lks_arm_setting_next(&more, key, value, &settings);
    if (more && !status) status = lks_config_set(config, key, value);
  }
  return status;
}

static lks_status configure(lks_config *config, const lks_study_plan *plan, const char *settings)
{
  const lks_study_options *options = &plan->options;
  lks_config_default(config);
  strcpy(config->data, plan->data);
  const lks_status status = set_all(config, settings);
  if (options->epochs > 0) config->epochs = options->epochs;
  if (options->epochs > 0) config->warmup = fmin(config->warmup, (double)config->epochs / 4);
  if (options->train_samples > 0) config->train_samples = options->train_samples;
  config->threads = options->threads;
  config->progress = options->progress;
  config->stall_limit = options->stall_limit;
  config->max_time = options->max_time;
  config->isa = options->isa;
  return status ? status : lks_config_check(config);
}

lks_status lks_study_part_add(lks_comparison **comparison, lks_study_plan *plan, const char *name,
                              const char *settings)
{
  *comparison = NULL;
  if (plan->parts == LKS_STUDY_PARTS_MAX)
    return lks_fail(LKS_ERR_USAGE, "a study has at most %d comparisons", LKS_STUDY_PARTS_MAX);
  lks_comparison *part = lks_new(1, sizeof *part);
  if (part == NULL) return LKS_ERR_RANK;
  plan->part[plan->parts++] = part;
  const bool first = name[0] == '\0';
  snprintf(part->asked_in, sizeof part->asked_in, "%s", plan->options.directory);
  snprintf(part->directory, sizeof part->directory, "%s%s%s", plan->folder, first ? "" : "/", name);
  part->first_seed = plan->options.first_seed;
  part->seeds = plan->options.seeds;
  part->margin = LKS_MARGIN;
  *comparison = part;
  const char *ranks = plan->options.ranks_per_run;
  lks_status status = lks_ranks_per_run_parse(&part->ranks_per_run, ranks[0] ? ranks : "auto", plan->ranks);
  return status ? status : configure(&part->base, plan, settings);
}

/* An arm with epochs of its own has no more of them than --epochs says. */
static void limit_epochs(char out[LKS_TEXT_MAX], const char *settings, size_t epochs)
{
  static const char key[] = "epochs=";
  const char *own = strstr(settings, key);
  const size_t number = own != NULL ? strspn(own + sizeof key - 1, "0123456789") : 0;
  if (own == NULL || epochs == 0 || strtoull(own + sizeof key - 1, NULL, 10) <= epochs)
    snprintf(out, LKS_TEXT_MAX, "%s", settings);
  else
    snprintf(out, LKS_TEXT_MAX, "%.*s%zu%s", (int)(own - settings + sizeof key - 1), settings, epochs,
             own + sizeof key - 1 + number);
}

lks_status lks_study_arms_add(lks_comparison *comparison, const lks_study_plan *plan,
                              const lks_study_arm *arms, size_t count)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    char settings[LKS_TEXT_MAX];
    limit_epochs(settings, arms[i].settings, plan->options.epochs);
    status = lks_comparison_arm_add(comparison, arms[i].name, settings, plan->ranks);
  }
  if (!status) comparison->reference = 0;
  return status;
}

lks_status lks_study_plan_create(lks_study_plan **plan, const lks_study *study,
                                 const lks_study_options *options, const char *folder, const char *data,
                                 int ranks)
{
  lks_status status = LKS_OK;
  lks_study_plan *made = *plan = lks_new(1, sizeof *made);
  if (made == NULL) return LKS_ERR_RANK;
  made->study = study;
  made->options = *options;
  made->ranks = ranks;
  snprintf(made->data, sizeof made->data, "%s", data);
  if (folder == NULL)
    status = lks_study_folder(made->folder, study, options);
  else
    snprintf(made->folder, sizeof made->folder, "%s", folder);
  if (!status) status = study->plan(made);
  if (status) lks_study_plan_destroy(plan);
  return status;
}

void lks_study_plan_destroy(lks_study_plan **plan)
{
  if (*plan == NULL) return;
  for (size_t i = 0; i < (*plan)->parts; i++) lks_free((*plan)->part[i]);
  lks_free(*plan);
  *plan = NULL;
}
