#ifndef LKS_COMPARE_COMPARISON_RUN_H
#define LKS_COMPARE_COMPARISON_RUN_H

#include "compare/run_queue.h"
#include "compare/run_task.h"

/** What runs of a comparison are made with; all borrowed. */
typedef struct lks_run_maker {
  lks_teams *teams;
  lks_run_queue *queue;
  const lks_arm_data *data;
  const char *asked_in; /* a folder in which a run looks for what it is asked; NULL: none */
  double begun;         /* for --max-time, which is the whole job's */
} lks_run_maker;

/** Collective over this rank's team. Makes the run `number` of the queue to its end, from where it stands, and tells the queue how it
 * ended. That it diverged is written down and is an end too. */
void lks_comparison_run_make_all(const lks_run_maker *maker, size_t number, const lks_run_task *task);

#endif
