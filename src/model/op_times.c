#include "model/op_times.h"

#include "base/arena.h"
#include "model/network_parts.h"

lks_status lks_op_times_create(lks_op_times **times, const lks_network *network)
{
  *times = lks_new(1, sizeof **times);
  if (!*times) return LKS_ERR_RANK;
  (*times)->ops = network->stages->ops;
  (*times)->threads = network->threads;
  size_t count = (size_t)(*times)->ops * (size_t)(*times)->threads * LKS_WORKS;
  (*times)->seconds = lks_new(count, sizeof *(*times)->seconds);
  if ((*times)->seconds) return LKS_OK;
  lks_op_times_destroy(times);
  return LKS_ERR_RANK;
}

void lks_op_times_destroy(lks_op_times **times)
{
  if (!*times) return;
  lks_free((*times)->seconds);
  lks_free(*times);
  *times = NULL;
}

void lks_network_op_times(lks_network *network, lks_op_times *times)
{
  network->op_times = times;
}

double lks_op_times_seconds(const lks_op_times *times, int op, lks_work work)
{
  double sum = 0;
  for (ptrdiff_t t = 0; t < times->threads; t++)
    sum += times->seconds[(t * times->ops + op) * LKS_WORKS + work];
  return sum / times->threads;
}

const lks_stages *lks_network_stages(const lks_network *network)
{
  return network->stages;
}

lks_status lks_network_linear_alone(lks_network *network, int op, lks_work work, size_t microbatch,
                                    int thread)
{
  const lks_op *o = &network->stages->op[op];
  const lks_linear_unit *unit = &network->linear[o->unit];
  void *scratch = network->scratch[thread];
  const void *x = lks_value(network, o->input, microbatch);
  const void *dy = lks_gradient(network, o->gradient[0], microbatch);
  const float *bias = o->layer->bias ? network->parameters + unit->bias : NULL;
  if (work == LKS_WORK_FORWARD)
    return lks_linear_forward(lks_value(network, op, microbatch), x, unit->packed, bias, unit->linear, thread,
                              scratch);
  if (work == LKS_WORK_BACKWARD)
    return lks_linear_backward_data(lks_gradient(network, o->dx, microbatch), dy, unit->packed, unit->linear,
                                    thread, scratch);
  return lks_linear_backward_weights(network->leaf_sums[thread], x, dy, unit->linear, thread, scratch);
}
