#include "model/forward.h"

#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "model/group_norm_op.h"
#include "model/input.h"
#include "model/microbatches.h"
#include "model/nonfinite.h"
#include "model/norm.h"
#include "model/tap.h"

/* The operators of one stage for one microbatch, forwards. A microbatch always has
 * network->options.microbatch rows of samples; those past the end of the mini-batch begin as zeros and go
 * through the same arithmetic, so nothing depends on what an earlier mini-batch left in memory. */

static size_t samples_of(const lks_pass_context *context, size_t microbatch)
{
  return lks_batch_plan_samples(context->plan, microbatch);
}

/* Where a microbatch begins in this rank's shard. */
static size_t shard_sample(const lks_pass_context *context, size_t microbatch)
{
  return microbatch * context->plan->microbatch;
}

static lks_status linear_forward(const lks_pass_context *context, const lks_op *op, void *y, const void *x,
                                 int thread)
{
  const lks_network *network = context->network;
  const lks_linear_unit *unit = &network->linear[op->unit];
  const float *bias = op->layer->bias ? network->parameters + unit->bias : NULL;
  return lks_linear_forward(y, x, unit->packed, bias, unit->linear, thread, network->scratch[thread]);
}

/* `samples` samples of a microbatch, from `first` on */
static void normalize(const lks_pass_context *context, const lks_norm_unit *unit,
                      const lks_batch_norm_form *form, char *y, const char *x, const char *residual,
                      size_t microbatch, size_t first, size_t samples)
{
  const lks_op *op = unit->op;
  size_t bytes = lks_type_bytes(op->type), values = unit->pixels * unit->channels;
  y += first * op->elements * bytes;
  x += first * values * bytes;
  if (residual) residual += first * values * bytes;
  bool kept = context->pass == LKS_PASS_TRAIN; /* for the backward pass */
  if (op->pool)
    lks_batch_norm_pool_forward(y, kept ? lks_chosen(unit, microbatch, first) : NULL,
                                kept ? lks_argmax(unit, microbatch, first) : NULL, x, form, op->relu,
                                &unit->grid, samples, unit->channels, op->type);
  else
    lks_batch_norm_forward(y, x, residual, form, op->relu, samples * unit->pixels, unit->channels, op->type);
}

/* The rows past the end of the mini-batch are normalized as the last group's. */
static void norm_forward(const lks_pass_context *context, const lks_op *op, char *y, const char *x,
                         const char *residual, size_t microbatch)
{
  const lks_norm_unit *unit = &context->network->unit_norm[op->unit];
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  size_t all = plan->microbatch;
  if (context->pass == LKS_PASS_RUNNING) {
    normalize(context, unit, &unit->running, y, x, residual, microbatch, 0, all);
    return;
  }
  for (size_t s = plan->segment_begin[microbatch]; s < plan->segment_begin[microbatch + 1]; s++) {
    const lks_segment *segment = &plan->segment[s];
    bool last = s + 1 == plan->segment_begin[microbatch + 1];
    size_t samples = last ? all - segment->offset : segment->samples;
    normalize(context, unit, &unit->form[segment->group - plan->first_group], y, x, residual, microbatch,
              segment->offset, samples);
  }
}

static void dropout_forward(const lks_pass_context *context, const lks_op *op, char *y, const char *x,
                            size_t microbatch)
{
  size_t samples = samples_of(context, microbatch), first = shard_sample(context, microbatch);
  size_t bytes = op->elements * lks_type_bytes(op->type);
  if (context->pass != LKS_PASS_TRAIN) {
    if (y != x) memcpy(y, x, context->plan->microbatch * bytes);
    return;
  }
  for (size_t i = 0; i < samples; i++) {
    lks_random_key key =
        lks_random_key_make(context->network->options.seed, LKS_RANDOM_DROPOUT, (uint32_t)op->unit,
                            context->step, context->batch->sample[first + i]);
    lks_dropout(y + i * bytes, x + i * bytes, op->layer->rate, &key, op->elements, op->type);
  }
  memset(y + samples * bytes, 0, (context->plan->microbatch - samples) * bytes);
}

static lks_status op_forward(const lks_pass_context *context, int o, size_t microbatch, int thread)
{
  lks_network *network = context->network;
  const lks_op *op = &network->stages->op[o];
  size_t all = context->plan->microbatch * op->elements;
  void *y = lks_value(network, o, microbatch);
  if (op->kind == LKS_OP_INPUT) {
    lks_input_microbatch(context, op, y, microbatch);
    return LKS_OK;
  }
  const void *x = lks_value(network, op->input, microbatch);
  const void *residual = op->residual >= 0 ? lks_value(network, op->residual, microbatch) : NULL;
  switch (op->kind) {
  case LKS_OP_INPUT: break;
  case LKS_OP_LINEAR: return linear_forward(context, op, y, x, thread);
  case LKS_OP_NORM: norm_forward(context, op, y, x, residual, microbatch); break;
  case LKS_OP_RELU: lks_relu_forward(y, x, all, op->type); break;
  case LKS_OP_LEAKY_RELU: lks_leaky_relu_forward(y, x, (float)op->layer->slope, all, op->type); break;
  case LKS_OP_SIGMOID: lks_sigmoid_forward(y, x, all, op->type); break;
  case LKS_OP_GELU: lks_gelu_forward(y, x, all, op->type); break;
  case LKS_OP_SILU: lks_silu_forward(y, x, all, op->type); break;
  case LKS_OP_TANH: lks_tanh_forward(y, x, all, op->type); break;
  case LKS_OP_GROUP_NORM: lks_group_norm_op_forward(context, op, y, x, microbatch, thread); break;
  case LKS_OP_POOL: {
    lks_pool_unit *pool = &network->pool[op->unit];
    char *workspace = pool->workspace + microbatch * pool->workspace_stride;
    return lks_pool_forward(y, workspace, x, pool->pool, thread, network->scratch[thread]);
  }
  case LKS_OP_DROPOUT: dropout_forward(context, op, y, x, microbatch); break;
  case LKS_OP_ADD: lks_add_forward(y, x, residual, all, op->type); break;
  }
  return LKS_OK;
}

/* Sums of the values that a batch norm of the next stage takes from operator o, while they are hot in cache.
 */
static void norm_sums(const lks_pass_context *context, int o, size_t microbatch, int thread)
{
  const lks_network *network = context->network;
  int first, end;
  lks_norms_of_stage(network, context->stage, &first, &end);
  for (int u = first; u < end; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    if (unit->op->input != o) continue;
    const lks_batch_plan *plan = lks_plan_of(context, unit);
    const char *x = lks_value(network, o, microbatch);
    lks_type type = network->stages->op[o].type;
    size_t sample_bytes = unit->pixels * unit->channels * lks_type_bytes(type);
    double begin = lks_op_times_begin(network->op_times);
    for (size_t s = plan->segment_begin[microbatch]; s < plan->segment_begin[microbatch + 1]; s++) {
      const lks_segment *segment = &plan->segment[s];
      double *sums = unit->segment_sums + s * 2 * unit->channels;
      lks_batch_norm_sums(sums, sums + unit->channels, x + segment->offset * sample_bytes,
                          segment->samples * unit->pixels, unit->channels, type);
    }
    lks_op_times_book(network->op_times, thread, (int)(unit->op - network->stages->op), LKS_WORK_SUMS, begin);
  }
}

static void take_logits(float *logits, const void *values, size_t count, lks_type type)
{
  for (size_t i = 0; i < count; i++) logits[i] = lks_type_load(values, i, type);
}

/* Loss and gradient of the logits; the rows past the end of the mini-batch have gradient zero. */
static void loss_forward(const lks_pass_context *context, size_t microbatch)
{
  lks_network *network = context->network;
  const lks_op *op = &network->stages->op[network->stages->ops - 1];
  size_t samples = samples_of(context, microbatch), first = shard_sample(context, microbatch);
  size_t bytes = op->elements * lks_type_bytes(network->stages->type);
  float *logits = network->logits + first * op->elements;
  take_logits(logits, lks_value(network, network->stages->ops - 1, microbatch), samples * op->elements,
              op->type);
  bool train = context->pass == LKS_PASS_TRAIN;
  char *gradient = NULL;
  if (train) {
    gradient = lks_gradient(network, op->gradient[0], microbatch);
    memset(gradient + samples * bytes, 0, (context->plan->microbatch - samples) * bytes);
  }
  if (!context->batch->label) return;
  lks_softmax_cross_entropy(network->loss + first, network->correct + first, gradient, NULL, logits,
                            context->batch->label + first, train ? network->options.smoothing : 0,
                            1.0 / (double)context->plan->samples, samples, op->elements,
                            network->stages->type);
}

lks_status lks_forward_microbatch(const lks_pass_context *context, size_t microbatch, int thread)
{
  const lks_stages *stages = context->network->stages;
  lks_op_times *times = context->network->op_times;
  for (int o = stages->begin[context->stage]; o < stages->begin[context->stage + 1]; o++) {
    lks_status status = lks_microbatches_given_up();
    if (status) return status;
    lks_microbatches_show(&stages->op[o], thread);
    double begin = lks_op_times_begin(times);
    status = op_forward(context, o, microbatch, thread);
    lks_op_times_book(times, thread, o, LKS_WORK_FORWARD, begin);
    if (status) return status;
    lks_nonfinite_forward(context, o, microbatch);
    if (context->network->tap && context->network->tap[o]) lks_tap_take(context, o, microbatch);
    if (context->pass != LKS_PASS_RUNNING && !lks_norm_rests(context))
      norm_sums(context, o, microbatch, thread);
  }
  if (context->stage == stages->stages - 1) loss_forward(context, microbatch);
  return LKS_OK;
}
