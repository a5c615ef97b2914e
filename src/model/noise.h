#ifndef LKS_MODEL_NOISE_H
#define LKS_MODEL_NOISE_H

#include "model/network_parts.h"

/** Local. Zeroes for the sums of a step, which travel with its last reduction. */
void lks_noise_begin(const lks_pass_context *context);
/** Local. variance [channels] and n: of one local group, as soon as they are known. */
void lks_noise_add_group(const lks_pass_context *context, lks_norm_unit *unit, size_t local_group,
                         const double *variance, double n);
/** Local. After lks_norm_update, whose moments of the whole mini-batch it takes. */
void lks_noise_finish(const lks_pass_context *context);
/** Local. Whether this pass measures noise. */
static inline bool lks_noise_measured(const lks_pass_context *context)
{
  return context->network->options.measure_noise && context->pass == LKS_PASS_TRAIN;
}

#endif
