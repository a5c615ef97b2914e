#ifndef LKS_MODEL_TAP_H
#define LKS_MODEL_TAP_H

#include "model/network_parts.h"

/** Local. Copies what operator `op` just made of a microbatch, before another one may write over it. */
void lks_tap_take(const lks_pass_context *context, int op, size_t microbatch);

#endif
