#ifndef LKS_BENCH_BENCH_PARTS_H
#define LKS_BENCH_BENCH_PARTS_H

#include "bench/bench.h"
#include "bench/bench_ceiling.h"

/** Collective. What the parts of a step compute and move, and how long as much takes by itself: passes from
 * their layers, the optimizer against copies, reductions against the same ones when no rank is late. After
 * times, traffic and layers of the arm are known. */
lks_status lks_bench_parts_all(lks_bench_arm *arm, lks_comm *comm, lks_bench_runner *runner,
                               lks_bench_copies *copies);

#endif
