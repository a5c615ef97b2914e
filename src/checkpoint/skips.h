#ifndef LKS_CHECKPOINT_SKIPS_H
#define LKS_CHECKPOINT_SKIPS_H

#include "lockstep/checkpoint.h"

/* The mini-batches that a run leaves out: numbers of steps, counted from 0 over all epochs. They may lie ahead of where
 * the run stands. */

/** Local. How many of them lie in [begin, end). */
size_t lks_skips_between(const lks_run_state *state, size_t begin, size_t end);
/** Local. Puts one in its place, once. LKS_ERR_DIVERGED when there is no room for more. */
lks_status lks_skips_add(lks_run_state *state, size_t step);

#endif
