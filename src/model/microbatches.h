#ifndef LKS_MODEL_MICROBATCHES_H
#define LKS_MODEL_MICROBATCHES_H

#include "model/network_parts.h"

typedef lks_status (*lks_microbatch_work)(const lks_pass_context *context, size_t microbatch, int thread);

/** Local. Runs `work` for every microbatch of this rank; each thread takes a contiguous run, always the same
 * one. A failure is kept in network->failure; the others go on. */
void lks_microbatches_run(const lks_pass_context *context, lks_microbatch_work work);
/** Local, and may be called by several threads at once. Keeps this thread's message and status for the
 * agreement at the end of the pass; of several failures the first. */
void lks_microbatches_fail(lks_network *network, lks_status status);

#endif
