#include "model/tap.h"

#include <string.h>

/* Values on their way through the network, copied out for whoever measures them. Nothing is asked of a pass that has no
 * tap but whether there is one. */

void lks_tap_take(const lks_pass_context *context, int op, size_t microbatch)
{
  const lks_network *network = context->network;
  const lks_op *o = &network->stages->op[op];
  const size_t first = microbatch * context->plan->microbatch;
  const size_t count = lks_batch_plan_samples(context->plan, microbatch) * o->elements;
  const void *values = lks_value(network, op, microbatch);
  float *out = network->tap[op] + first * o->elements;
  for (size_t i = 0; i < count; i++) out[i] = lks_type_load(values, i, o->type);
}

/* The operator whose output is wanted. */
static lks_status find(int *op, const lks_network *network, const char *layer, lks_tap_side side)
{
  const lks_stages *s = network->stages;
  for (int o = 0; o < s->ops; o++) {
    if (!layer[0] || strcmp(s->op[o].layer->name, layer) != 0 || s->op[o].kind == LKS_OP_INPUT) continue;
    *op = side == LKS_TAP_INPUT ? s->op[o].input : o;
    return LKS_OK;
  }
  return lks_fail(
      LKS_ERR_USAGE,
      "the model has no layer '%.64s' to look at; name a convolution, a dense layer or a batch norm, such as %s",
      layer, s->op[s->ops - 1].layer->name);
}

lks_status lks_network_tap_shape(lks_shape *shape, const lks_network *network, const char *layer,
                                 lks_tap_side side)
{
  int op = 0;
  lks_status status = find(&op, network, layer, side);
  if (!status) *shape = network->stages->op[op].out;
  return status;
}

lks_status lks_network_tap(lks_network *network, const char *layer, lks_tap_side side, float *values)
{
  int op = 0;
  lks_status status = find(&op, network, layer, side);
  if (status) return status;
  if (!network->tap) network->tap = lks_new((size_t)network->stages->ops, sizeof *network->tap);
  if (!network->tap) return LKS_ERR_RANK;
  network->tap[op] = values;
  return LKS_OK;
}

void lks_network_taps_end(lks_network *network)
{
  lks_free(network->tap);
  network->tap = NULL;
}
