#include "compare/run_task.h"

#include <stdio.h>

#include "compare/results.h"
#include "compare/tuning.h"

static const double interval =
    30; /* seconds from one checkpoint to the next: what a run that is killed has to do again */

/* Settings that only say how runs of a comparison are executed. */
static void settle_execution(lks_config *config)
{
  config->noise = true;
  config->keep = 1;
  if (!config->checkpoint_every && config->checkpoint_interval == 0) config->checkpoint_interval = interval;
  config->progress = LKS_DISPLAY_NONE;
}

void lks_run_task_config(lks_config *config, const lks_run_task *task)
{
  if (task->tune) {
    lks_tuning_run_config(config, task->comparison, task->arm, task->index);
  } else {
    lks_comparison_run_config(config, task->comparison, task->arm, task->index);
    config->lr = task->lr;
  }
  settle_execution(config);
}

void lks_run_task_title(char title[LKS_RUN_TITLE], const lks_run_task *task)
{
  lks_config config;
  const char *arm = task->comparison->arm[task->arm].name;
  lks_run_task_config(&config, task);
  if (task->tune)
    snprintf(title, LKS_RUN_TITLE, "tune %s lr %g", arm, config.lr);
  else
    snprintf(title, LKS_RUN_TITLE, "run %zu/%zu  %s seed %llu", task->number, task->count, arm,
             (unsigned long long)config.seed);
}

lks_status lks_run_task_measure(lks_run_task *task, const lks_arm_data *data)
{
  lks_config config;
  lks_run_task_config(&config, task);
  task->epochs = config.epochs;
  return lks_arm_data_steps(&task->steps, data, task->arm, &config);
}

static lks_status find_done(lks_run_task *tasks, size_t count)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    lks_config config;
    lks_run_result result = {0};
    lks_run_task_config(&config, &tasks[i]);
    status = lks_run_result_read(&result, &tasks[i].done, config.output);
    tasks[i].diverged = result.diverged;
    tasks[i].diverged_at = result.diverged_at;
  }
  return status;
}

lks_status lks_run_tasks_find_done_all(lks_run_task *tasks, size_t count, lks_comm *comm)
{
  lks_status status = lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? find_done(tasks, count) : LKS_OK);
  for (size_t i = 0; i < count && !status; i++) {
    size_t found[] = {tasks[i].done, tasks[i].diverged, tasks[i].diverged_at};
    status = lks_comm_broadcast_all(comm, found, sizeof found, 0);
    tasks[i].done = found[0];
    tasks[i].diverged = found[1];
    tasks[i].diverged_at = found[2];
  }
  return status;
}
