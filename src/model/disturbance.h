#ifndef LKS_MODEL_DISTURBANCE_H
#define LKS_MODEL_DISTURBANCE_H

#include "model/network_parts.h"

/* Batch norm whose outputs are moved on purpose: y (1 + X n) + X n', n and n' fresh normal deviates for each channel and
 * step. A network that still learns with them shows that moving distributions are not what batch norm prevents.
 * Source: Santurkar et al. 2018, section 2.2. It is batch norm with gamma' = gamma (1 + X n) and
 * beta' = beta (1 + X n) + X n', so the backward pass is as always but for the factor of dgamma and dbeta. */

/** Local. Whether the outputs of this pass are disturbed. */
static inline bool lks_disturbed(const lks_pass_context *context)
{
  return context->network->options.disturb > 0 &&
         (context->pass == LKS_PASS_TRAIN || context->pass == LKS_PASS_PROBE);
}

/** Collective. Draws the deviates of a step, on rank 0: logarithms of another host's library may differ. */
lks_status lks_disturbance_draw_all(const lks_pass_context *context);
/** Local. Puts disturbed gamma and beta in the place of these; borrowed, until the next pass. */
void lks_disturbance_apply(const float **gamma, const float **beta, const lks_network *network,
                           const lks_norm_unit *unit);
/** Local. Makes the gradients of disturbed gamma and beta those of the parameters. */
void lks_disturbance_gradients(lks_network *network, const lks_norm_unit *unit);

#endif
