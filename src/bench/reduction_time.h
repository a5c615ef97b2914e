#ifndef LKS_BENCH_REDUCTION_TIME_H
#define LKS_BENCH_REDUCTION_TIME_H

#include "lockstep/comm.h"

/** Collective over comm. Seconds of one MPI_Allreduce of values [count] as this rank sees it: median of some
 * runs. The values are overwritten. Returns MPI's code. */
int lks_reduction_time(double *seconds, MPI_Comm comm, int64_t *values, int count);

/** Collective. Seconds of one reduction of `bytes` bytes over all ranks when none of them is late: median of
 * some runs, mean over the ranks. */
lks_status lks_reduction_time_all(double *seconds, lks_comm *comm, size_t bytes);

#endif
