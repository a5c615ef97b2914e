#ifndef LKS_MODEL_BACKWARD_H
#define LKS_MODEL_BACKWARD_H

#include "model/network_parts.h"

/** Local. The operators of the stage context->stage for one microbatch, backwards. */
lks_status lks_backward_microbatch(const lks_pass_context *context, size_t microbatch, int thread);

/** Collective: weight gradients of a stage leave for the network of ranks. */
lks_status lks_backward_weights_all(const lks_pass_context *context);
/** Collective. Waits for those of all stages, and writes them where the parameters' gradients are. */
lks_status lks_backward_weights_finish_all(const lks_pass_context *context);

#endif
