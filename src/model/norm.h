#ifndef LKS_MODEL_NORM_H
#define LKS_MODEL_NORM_H

#include "model/network_parts.h"

/** Local. Number of the first batch norm whose statistics are taken at the end of `stage`, and of the first
 * one after it. */
void lks_norms_of_stage(const lks_network *network, int stage, int *first, int *end);
/** Collective. From the segments' sums to the forms of every local group. */
lks_status lks_norm_forward_reduce_all(const lks_pass_context *context);
/** Collective, without waiting / waiting: from the segments' sums to the groups' means of dy and dy*x_hat. */
lks_status lks_norm_backward_start_all(const lks_pass_context *context);
lks_status lks_norm_backward_finish_all(const lks_pass_context *context);
/** Local. Forms from the running statistics, if they have changed. */
void lks_norm_running_forms(lks_network *network);
/** Local. Whether a norm's pooled sums are known to all ranks without the last reduction. */
bool lks_norm_pooled_known(const lks_batch_plan *plan);
/** Local. After the last reduction of a training pass, with which the sums of dy and of dy*x_hat are known:
 * they are the gradients of beta and gamma. */
void lks_norm_gradients(const lks_pass_context *context);
/** Local. After a training pass that all ranks found good: running statistics. */
void lks_norm_update(const lks_pass_context *context);
/** Local. After a pass of LKS_PASS_PRECISE: adds its sums to those before, for
 * lks_network_precise_set_all. */
void lks_norm_precise_add(const lks_pass_context *context);

/** Local. Whether a training pass takes batch norm as it is: with running statistics, which it leaves alone. */
static inline bool lks_norm_rests(const lks_pass_context *context)
{
  return context->network->options.freeze_norm &&
         (context->pass == LKS_PASS_TRAIN || context->pass == LKS_PASS_PROBE);
}

#endif
