#ifndef LKS_MODEL_FORWARD_H
#define LKS_MODEL_FORWARD_H

#include "model/network_parts.h"

/** Local. The operators of the stage context->stage for one microbatch, forwards. */
lks_status lks_forward_microbatch(const lks_pass_context *context, size_t microbatch, int thread);

#endif
