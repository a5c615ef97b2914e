#ifndef LKS_TRAIN_STEP_BACK_H
#define LKS_TRAIN_STEP_BACK_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/** A run before a step. What follows a step may be as long as the step itself (probes, a row of steps.csv with
 * its evaluation); when it is given up, the step has to be done again, with all that follows it. */
typedef struct lks_step_back {
  lks_snapshot snapshot;
  lks_run_state state;
} lks_step_back;

/** Local. Keeps parameters, running statistics, moments and state as they are. LKS_ERR_RANK. */
lks_status lks_step_back_keep(lks_step_back *back, lks_network *network, lks_optimizer *optimizer,
                              const lks_run_state *state);
/** Local. Puts back what was kept. */
void lks_step_back_go(const lks_step_back *back, lks_network *network, lks_optimizer *optimizer,
                      lks_run_state *state);
/** Local. Frees what it holds. */
void lks_step_back_clear(lks_step_back *back);

#endif
