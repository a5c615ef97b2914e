#ifndef LKS_COMPARE_RANKS_PER_RUN_H
#define LKS_COMPARE_RANKS_PER_RUN_H

#include "compare/run_task.h"
#include "lockstep/comm.h"

/* Whether runs are made one after the other by all ranks, or side by side by teams of them. The bits are the same; the time is not:
 * a team of one waits for nobody, and the last runs leave teams without one. */

/** Runs [0..count) are made in order by `teams` teams, then those behind them by the next phase's. */
typedef struct lks_run_phases {
  size_t phases;
  struct {
    int teams;
    size_t count;
  } phase[2];
} lks_run_phases;

/** Local. "auto" or the ranks of a run, at most `size`; 0 stands for auto. LKS_ERR_USAGE. */
lks_status lks_ranks_per_run_parse(size_t *ranks, const char *text, int size);

/** Local. Seconds until all runs are done when each goes to the team that is free first; cost[count]: seconds of each, on one of these
 * teams, in the order in which they are taken. */
double lks_makespan(const double *cost, size_t count, int teams);

/** A way to split the ranks that was tried. */
typedef struct lks_split_speed {
  int teams;
  double seconds; /* a step of every team at once */
} lks_split_speed;

/** Local. The phases that end first. work[count]: of each run, in the order in which they are taken, in steps; speed[speeds]: at least
 * one, of which the first is taken where none is better. */
lks_run_phases lks_run_phases_plan(const double *work, size_t count, const lks_split_speed *speed,
                                   size_t speeds);

/** Collective; arguments equal on all ranks. Phases for tasks[count], whose cost it estimates. Where several are made at a time, the
 * longest come first: a short one at the end leaves few ranks idle. With one team their order stays. wanted: ranks of a run; 0: what
 * a short measurement of a training step finds fastest, which takes a few steps of each arm, and of
 * other splits no more than a fiftieth of the time that it expects of the whole.
 * LKS_ERR_USAGE: a window, or hosts that do not see the comparison's folder. */
lks_status lks_run_phases_choose_all(lks_run_phases *phases, lks_comm *comm, lks_run_task *tasks,
                                     size_t count, const lks_arm_data *data, size_t wanted);

#endif
