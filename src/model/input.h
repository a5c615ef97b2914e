#ifndef LKS_MODEL_INPUT_H
#define LKS_MODEL_INPUT_H

#include "model/network_parts.h"

/** Local. The raw samples of a microbatch as the first layer takes them: scaled, and in training moved and
 * mirrored by chance. y [plan->microbatch, op->elements] out. */
void lks_input_microbatch(const lks_pass_context *context, const lks_op *op, char *y, size_t microbatch);

#endif
