#ifndef LKS_MODEL_MICROBATCHES_H
#define LKS_MODEL_MICROBATCHES_H

#include "base/life.h"
#include "base/stop_request.h"
#include "model/network_parts.h"

typedef lks_status (*lks_microbatch_work)(const lks_pass_context *context, size_t microbatch, int thread);

/** Local. Runs `work` for every microbatch of this rank; each thread takes a contiguous run, always the same
 * one. A failure is kept in network->failure; the others go on. */
void lks_microbatches_run(const lks_pass_context *context, lks_microbatch_work work);
/** Local, and may be called by several threads at once. Keeps this thread's message and status for the
 * agreement at the end of the pass; of several failures the first. */
void lks_microbatches_fail(lks_network *network, lks_status status);

/** Local. LKS_STOPPED once this process was asked to stop at once: what is left of the pass is then skipped, as
 * if it had failed, so that all ranks give the mini-batch up together at its last reduction. */
static inline lks_status lks_microbatches_given_up(void)
{
  return lks_stop_at_once() ? lks_fail(LKS_STOPPED, "stopped on request") : LKS_OK;
}

/** Local. Tells the stall watches which layer is being computed; thread 0 is the main one. */
static inline void lks_microbatches_show(const lks_op *op, int thread)
{
  if (thread == 0 && op->layer) lks_life_layer(op->layer->name);
}

#endif
