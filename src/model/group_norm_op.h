#ifndef LKS_MODEL_GROUP_NORM_OP_H
#define LKS_MODEL_GROUP_NORM_OP_H

#include "model/network_parts.h"

/* Group and layer norm in a network. Their statistics are those of a sample, so that they wait for nobody; the sums of dy
 * and of dy x_hat are exact sums over the microbatches, which travel with the last reduction of a pass. */

/** Local. For one microbatch; y of all its rows, those past the mini-batch's end too. */
void lks_group_norm_op_forward(const lks_pass_context *context, const lks_op *op, void *y, const void *x,
                               size_t microbatch, int thread);
/** Local. dx may be NULL, or dy. The gradient of rows past the mini-batch's end becomes 0. */
void lks_group_norm_op_backward(const lks_pass_context *context, const lks_op *op, void *dx, void *dy,
                                size_t microbatch, int thread);
/** Local. After the backward pass: this rank's sums of all of them, ready to travel. */
void lks_group_norms_accumulate(const lks_pass_context *context);
/** Local. After the last reduction: dgamma and dbeta. */
void lks_group_norms_gradients(const lks_pass_context *context);

#endif
