#ifndef LKS_FORECAST_PLAN_PROBE_H
#define LKS_FORECAST_PLAN_PROBE_H

#include "bench/bench_runner.h"

/** Bytes of a rank that nobody counts, whatever the size of the mini-batch; the largest over the ranks. */
typedef struct lks_plan_probe {
  double own;               /* MPI, oneDNN, threads, heap */
  double program;           /* pages of program and libraries */
  double optimizer;         /* which is counted, but does not depend on the mini-batch either */
  double snapshot, writing; /* more, while a checkpoint is made: on each rank; on rank 0 */
} lks_plan_probe;

/** Collective. Trains two steps of one microbatch a rank, and rehearses a checkpoint. */
lks_status lks_plan_probe_all(lks_plan_probe *probe, lks_comm *comm, const lks_bench_source *source,
                              const lks_config *config);

#endif
