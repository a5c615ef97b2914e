#ifndef LKS_MODEL_NONFINITE_H
#define LKS_MODEL_NONFINITE_H

#include "model/network_parts.h"

/* Where the first value that is not finite arose. A pass that works does not look: when one has diverged, it is carried
 * out again, which gives the same values, with network->nonfinite set. */

typedef enum lks_nonfinite_phase {
  LKS_NONFINITE_PARAMETERS,
  LKS_NONFINITE_FORWARD,
  LKS_NONFINITE_BACKWARD,
  LKS_NONFINITE_GRADIENTS,
  LKS_NONFINITE_NOWHERE
} lks_nonfinite_phase;

typedef struct lks_nonfinite {
  lks_nonfinite_phase phase;
  int order;        /* inside the phase */
  size_t at;        /* sample of this rank's shard; SIZE_MAX: of no sample */
  const char *name; /* of a layer or tensor; borrowed */
  float value;
} lks_nonfinite;

/** Local. Nothing is found yet, and parameters and running statistics have been looked at. */
void lks_nonfinite_begin(lks_nonfinite *found, const lks_pass_context *context);

/** Local; any thread. Looks at what operator `op` made of a microbatch, on the way up, and on the way down. Does nothing
 * unless network->nonfinite is set. */
void lks_nonfinite_forward(const lks_pass_context *context, int op, size_t microbatch);
void lks_nonfinite_backward(const lks_pass_context *context, int op, size_t microbatch);

/** Local. Whether all is finite in this rank's share of the weight gradients, which are the same on all ranks. Those of a batch norm
 * are told by its sums. */
bool lks_nonfinite_gradients_well(const lks_network *network);

/** Collective. Looks at the gradients of the parameters too, if this was training. Returns LKS_ERR_DIVERGED with the
 * message, from the rank that has the very first value. */
lks_status lks_nonfinite_name_all(lks_nonfinite *found, const lks_pass_context *context, bool damaged);

#endif
