#ifndef LKS_COMPARE_RUN_TASK_H
#define LKS_COMPARE_RUN_TASK_H

#include "compare/arm_data.h"
#include "compare/comparison.h"

/** A run of a comparison that is to be made, or was: of an arm and a seed, or of a learning rate that is tried for an arm. */
typedef struct lks_run_task {
  const lks_comparison *comparison; /* borrowed */
  bool tune;
  size_t arm, index;    /* of the seed, or of the rate */
  size_t number, count; /* "run 3/8", from 1: its place among all */
  double lr;            /* of a run with a seed */
  size_t epochs, steps; /* steps of an epoch */
  double cost;          /* of the whole run, in what unit ever: lks_run_phases_choose_all */
  bool done, diverged;  /* it came to its end */
  size_t diverged_at;   /* after so many steps */
} lks_run_task;

/** Local. Of the whole run. */
static inline size_t lks_run_task_steps(const lks_run_task *task)
{
  return task->epochs * task->steps;
}

enum { LKS_RUN_TITLE = LKS_ARM_NAME + 64 };

/** Local. The settings that it is made with, in its folder (output). */
void lks_run_task_config(lks_config *config, const lks_run_task *task);
/** Local. "run 3/8  sync seed 2", "tune sync lr 0.1" */
void lks_run_task_title(char title[LKS_RUN_TITLE], const lks_run_task *task);

/** Local. Fills in epochs and steps. LKS_ERR_DATA: there are too few samples. */
lks_status lks_run_task_measure(lks_run_task *task, const lks_arm_data *data);
/** Collective; tasks[count] equal on all ranks. Fills in done, diverged and diverged_at, as rank 0 finds them. */
lks_status lks_run_tasks_find_done_all(lks_run_task *tasks, size_t count, lks_comm *comm);

#endif
