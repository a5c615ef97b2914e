#ifndef LKS_BENCH_BENCH_CEILING_H
#define LKS_BENCH_BENCH_CEILING_H

#include "lockstep/comm.h"
#include "model/op_times.h"

/* What a step cannot beat on this machine, measured on the spot with every thread of every rank at work, as
 * in a step. */

/** Collective. Seconds that one thread spends in a step on one kind of work of a convolution or dense layer
 * when its primitive runs again and again on a microbatch that is hot in cache; mean over threads and ranks,
 * medians of short runs. `microbatches`: of this rank's shard. After a training pass, whose values are
 * overwritten. */
lks_status lks_bench_alone_all(double *seconds, lks_comm *comm, lks_network *network, int threads,
                               size_t microbatches, int op, lks_work work);

/** Collective. Bytes a second, read and written, of one thread that copies inside of `bytes` bytes, a
 * microbatch's working set; mean over threads and ranks. The sizes measured are powers of two, each once. */
typedef struct lks_bench_copies {
  double rate[64]; /* by the power of two; 0: not measured */
} lks_bench_copies;
/** Collective. */
lks_status lks_bench_copy_all(double *rate, lks_bench_copies *copies, lks_comm *comm, int threads,
                              size_t bytes);

#endif
