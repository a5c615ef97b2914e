#include "model/group_norm_op.h"

#include <string.h>

static lks_group_norm_shape shape_of(const lks_group_norm_unit *unit)
{
  return (lks_group_norm_shape){unit->pixels, unit->channels, unit->groups, unit->epsilon, unit->op->type};
}

static double *moments_of(const lks_pass_context *context, const lks_group_norm_unit *unit, size_t microbatch)
{
  return unit->moments + microbatch * context->network->options.microbatch * 2 * unit->groups;
}

void lks_group_norm_op_forward(const lks_pass_context *context, const lks_op *op, void *y, const void *x,
                               size_t microbatch, int thread)
{
  lks_network *network = context->network;
  const lks_group_norm_unit *unit = &network->group_norm[op->unit];
  const lks_group_norm_shape shape = shape_of(unit);
  lks_group_norm_forward(y, moments_of(context, unit, microbatch), x, network->parameters + unit->gamma,
                         network->parameters + unit->beta, &shape, context->plan->microbatch,
                         &network->group_norm_work[thread]);
}

void lks_group_norm_op_backward(const lks_pass_context *context, const lks_op *op, void *dx, void *dy,
                                size_t microbatch, int thread)
{
  lks_network *network = context->network;
  const lks_group_norm_unit *unit = &network->group_norm[op->unit];
  const lks_group_norm_shape shape = shape_of(unit);
  const size_t samples = lks_batch_plan_samples(context->plan, microbatch);
  const size_t bytes = unit->pixels * unit->channels * lks_type_bytes(op->type);
  double *sums = unit->sums + microbatch * 2 * unit->channels;
  memset(sums, 0, 2 * unit->channels * sizeof *sums);
  lks_group_norm_backward(dx, sums, dy, lks_value(network, op->input, microbatch),
                          moments_of(context, unit, microbatch), network->parameters + unit->gamma, &shape,
                          samples, &network->group_norm_work[thread]);
  if (dx) memset((char *)dx + samples * bytes, 0, (context->plan->microbatch - samples) * bytes);
}

void lks_group_norms_accumulate(const lks_pass_context *context)
{
  const lks_network *network = context->network;
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM]; u++) {
    const lks_group_norm_unit *unit = &network->group_norm[u];
    const size_t columns = 2 * unit->channels;
    memset(unit->pooled, 0, columns * LKS_EXACT_LIMBS * sizeof *unit->pooled);
    for (size_t i = 0; i < context->plan->count; i++)
      for (size_t c = 0; c < columns; c++)
        lks_exact_sum_add(unit->pooled + c * LKS_EXACT_LIMBS, unit->sums[i * columns + c]);
  }
}

void lks_group_norms_gradients(const lks_pass_context *context)
{
  lks_network *network = context->network;
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM]; u++) {
    const lks_group_norm_unit *unit = &network->group_norm[u];
    const int64_t *dbeta = unit->pooled, *dgamma = dbeta + unit->channels * LKS_EXACT_LIMBS;
    for (size_t c = 0; c < unit->channels; c++) {
      network->gradients[unit->beta + c] = (float)lks_exact_sum_value(dbeta + c * LKS_EXACT_LIMBS);
      network->gradients[unit->gamma + c] = (float)lks_exact_sum_value(dgamma + c * LKS_EXACT_LIMBS);
    }
  }
}
