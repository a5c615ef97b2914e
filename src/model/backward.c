#include "model/backward.h"

#include <string.h>

#include "kernels/elementwise.h"
#include "model/group_norm_op.h"
#include "model/microbatches.h"
#include "model/nonfinite.h"
#include "model/norm.h"
#include "sums/partition.h"

/* The operators of one stage for one microbatch, backwards, and the weight gradients of a stage. */

/* Gradient of a batch norm's input, once the groups' means are known. */
static void norm_dx(const lks_pass_context *context, const lks_op *op, size_t microbatch, int thread)
{
  lks_network *network = context->network;
  const lks_norm_unit *unit = &network->unit_norm[op->unit];
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  if (op->dx < 0) return;
  char *dx = lks_gradient(network, op->dx, microbatch);
  const char *g = lks_gradient(network, op->gradient[0], microbatch);
  const char *x = lks_value(network, op->input, microbatch);
  size_t channels = unit->channels, bytes = unit->pixels * channels * lks_type_bytes(op->type);
  float *coefficient = network->coefficient[thread];
  for (size_t s = plan->segment_begin[microbatch]; s < plan->segment_begin[microbatch + 1]; s++) {
    const lks_segment *segment = &plan->segment[s];
    size_t first = segment->offset, at = first * bytes, group = segment->group - plan->first_group;
    const double *mean = unit->mean + group * 2 * channels;
    if (op->pool)
      lks_batch_norm_pool_backward(dx + at, g + first * op->elements * lks_type_bytes(op->type),
                                   lks_argmax(unit, microbatch, first), x + at, &unit->form[group], mean,
                                   mean + channels, coefficient, &unit->grid, segment->samples, channels,
                                   op->type);
    else
      lks_batch_norm_backward(dx + at, g + at, x + at, &unit->form[group], mean, mean + channels, coefficient,
                              segment->samples * unit->pixels, channels, op->type);
  }
  size_t samples = lks_batch_plan_samples(plan, microbatch);
  memset(dx + samples * bytes, 0, (plan->microbatch - samples) * bytes);
}

/* First half of a batch norm's backward: the gradient before its activation, and its sums. Where a pool is
 * part of it, all is of the pool's size: places that did not win have no gradient and add nothing. */
static void norm_backward_sums(const lks_pass_context *context, const lks_op *op, size_t microbatch)
{
  lks_network *network = context->network;
  const lks_norm_unit *unit = &network->unit_norm[op->unit];
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  char *g = lks_gradient(network, op->gradient[0], microbatch);
  const char *dy2 = op->gradient[1] >= 0 ? lks_gradient(network, op->gradient[1], microbatch) : NULL;
  const char *y = op->relu ? lks_value(network, (int)(op - network->stages->op), microbatch) : NULL;
  const char *x = op->pool ? lks_chosen(unit, microbatch, 0) : lks_value(network, op->input, microbatch);
  for (size_t s = plan->segment_begin[microbatch]; s < plan->segment_begin[microbatch + 1]; s++) {
    const lks_segment *segment = &plan->segment[s];
    size_t at = segment->offset * op->elements * lks_type_bytes(op->type);
    size_t rows = segment->samples * (op->elements / unit->channels);
    double *sums = unit->segment_sums + s * 2 * unit->channels;
    lks_batch_norm_backward_sums(sums, sums + unit->channels, g + at, g + at, dy2 ? dy2 + at : NULL,
                                 y ? y + at : NULL, x + at, &unit->form[segment->group - plan->first_group],
                                 rows, unit->channels, op->type);
  }
}

static void dropout_backward(const lks_pass_context *context, const lks_op *op, char *dx, const char *dy,
                             size_t microbatch)
{
  size_t first = microbatch * context->plan->microbatch, bytes = op->elements * lks_type_bytes(op->type);
  for (size_t i = 0; i < lks_batch_plan_samples(context->plan, microbatch); i++) {
    lks_random_key key =
        lks_random_key_make(context->network->options.seed, LKS_RANDOM_DROPOUT, (uint32_t)op->unit,
                            context->step, context->batch->sample[first + i]);
    lks_dropout(dx + i * bytes, dy + i * bytes, op->layer->rate, &key, op->elements, op->type);
  }
}

/* Adds the contributions to an output's gradient from number `from` on to the first one. */
static void add_gradients(const lks_pass_context *context, const lks_op *op, int from, size_t microbatch)
{
  lks_network *network = context->network;
  void *dy = lks_gradient(network, op->gradient[0], microbatch);
  for (int k = from; k < LKS_CONSUMERS_MAX && op->gradient[k] >= 0; k++)
    lks_add_forward(dy, dy, lks_gradient(network, op->gradient[k], microbatch),
                    context->plan->microbatch * op->elements, network->stages->type);
}

static lks_status op_backward(const lks_pass_context *context, int o, size_t microbatch, int thread)
{
  lks_network *network = context->network;
  const lks_op *op = &network->stages->op[o];
  size_t all = context->plan->microbatch * op->elements;
  if (!op->wanted) return LKS_OK;
  if (op->kind == LKS_OP_NORM) {
    add_gradients(context, op, 2, microbatch); /* the second one is added with the sums */
    norm_backward_sums(context, op, microbatch);
    return LKS_OK;
  }
  lks_type type = network->stages->type;
  void *dy = lks_gradient(network, op->gradient[0], microbatch);
  add_gradients(context, op, 1, microbatch);
  void *dx = op->dx >= 0 ? lks_gradient(network, op->dx, microbatch) : NULL;
  const void *y = lks_value(network, o, microbatch);
  if (op->kind == LKS_OP_ADD && op->dresidual >= 0)
    memcpy(lks_gradient(network, op->dresidual, microbatch), dy, all * lks_type_bytes(type));
  if (op->kind == LKS_OP_GROUP_NORM) lks_group_norm_op_backward(context, op, dx, dy, microbatch, thread);
  if (!dx) return LKS_OK;
  switch (op->kind) {
  case LKS_OP_LINEAR: {
    const lks_linear_unit *unit = &network->linear[op->unit];
    return lks_linear_backward_data(dx, dy, unit->packed, unit->linear, thread, network->scratch[thread]);
  }
  case LKS_OP_POOL: {
    lks_pool_unit *pool = &network->pool[op->unit];
    const char *workspace = pool->workspace + microbatch * pool->workspace_stride;
    return lks_pool_backward(dx, dy, workspace, pool->pool, thread, network->scratch[thread]);
  }
  case LKS_OP_RELU: lks_relu_backward(dx, dy, y, all, type); break;
  case LKS_OP_LEAKY_RELU: lks_leaky_relu_backward(dx, dy, y, (float)op->layer->slope, all, type); break;
  case LKS_OP_SIGMOID: lks_sigmoid_backward(dx, dy, y, all, type); break;
  case LKS_OP_GELU: lks_gelu_backward(dx, dy, lks_value(network, op->input, microbatch), all, type); break;
  case LKS_OP_SILU: lks_silu_backward(dx, dy, lks_value(network, op->input, microbatch), all, type); break;
  case LKS_OP_TANH: lks_tanh_backward(dx, dy, y, all, type); break;
  case LKS_OP_DROPOUT: dropout_backward(context, op, dx, dy, microbatch); break;
  default: break;
  }
  return LKS_OK;
}

lks_status lks_backward_microbatch(const lks_pass_context *context, size_t microbatch, int thread)
{
  const lks_network *network = context->network;
  const lks_stages *stages = network->stages;
  lks_op_times *times = network->op_times;
  int first, end;
  lks_status status = lks_microbatches_given_up();
  if (status) return status;
  lks_norms_of_stage(network, context->stage, &first, &end);
  for (int u = end - 1; u >= first; u--) {
    const lks_op *op = network->unit_norm[u].op;
    double begin = lks_op_times_begin(times);
    norm_dx(context, op, microbatch, thread);
    lks_op_times_book(times, thread, (int)(op - stages->op), LKS_WORK_DX, begin);
    lks_nonfinite_backward(context, (int)(op - stages->op), microbatch);
  }
  for (int o = stages->begin[context->stage + 1] - 1; o >= stages->begin[context->stage]; o--) {
    status = lks_microbatches_given_up();
    if (status) return status;
    lks_microbatches_show(&stages->op[o], thread);
    double begin = lks_op_times_begin(times);
    status = op_backward(context, o, microbatch, thread);
    lks_op_times_book(times, thread, o, LKS_WORK_BACKWARD, begin);
    if (status) return status;
    if (stages->op[o].kind != LKS_OP_NORM) lks_nonfinite_backward(context, o, microbatch);
  }
  if (thread == 0)
    lks_gradient_sum_progress(network->gradient_sum); /* thread 0 is the one that may call MPI */
  return LKS_OK;
}

/* The weight gradients of one layer over this thread's run of microbatches, as blocks of the canonical tree.
 */
static void thread_leaf_sums(const lks_pass_context *context, const lks_op *op, int thread)
{
  lks_network *network = context->network;
  const lks_batch_plan *plan = context->plan;
  const lks_linear_unit *unit = &network->linear[op->unit];
  size_t threads = (size_t)network->threads, t = (size_t)thread;
  lks_tree_stack *stack = &network->stack[thread];
  lks_tree_stack_begin(stack, network->leaf_sums[thread], unit->gradient_elements);
  for (size_t i = lks_partition_begin(plan->count, threads, t);
       i < lks_partition_begin(plan->count, threads, t + 1); i++) {
    const void *x = lks_value(network, op->input, i), *dy = lks_gradient(network, op->gradient[0], i);
    double begin = lks_op_times_begin(network->op_times);
    lks_status status = lks_microbatches_given_up();
    lks_microbatches_show(op, thread);
    if (!status)
      status = lks_linear_backward_weights(lks_tree_stack_top(stack), x, dy, unit->linear, thread,
                                           network->scratch[thread]);
    lks_op_times_book(network->op_times, thread, (int)(op - network->stages->op), LKS_WORK_WEIGHTS, begin);
    if (status) lks_microbatches_fail(network, status);
    lks_tree_stack_push(stack, 0, plan->first + i);
  }
}

/* Joins the threads' blocks to those of the rank. */
static lks_tree_stack *rank_sum(lks_network *network, size_t elements)
{
  if (network->threads == 1) return &network->stack[0];
  lks_tree_stack *whole = &network->stack[network->threads];
  lks_tree_stack_begin(whole, network->rank_sums, elements);
  for (int t = 0; t < network->threads; t++) lks_tree_stack_append(whole, &network->stack[t]);
  return whole;
}

lks_status lks_backward_weights_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  const lks_stages *stages = network->stages;
  for (int o = stages->begin[context->stage + 1] - 1; o >= stages->begin[context->stage]; o--) {
    const lks_op *op = &stages->op[o];
    if (op->kind != LKS_OP_LINEAR || !op->trained) continue;
    lks_linear_unit *unit = &network->linear[op->unit];
    int threads = network->threads;
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int t = 0; t < threads; t++) thread_leaf_sums(context, op, t);
    lks_tree_stack *stack = rank_sum(network, unit->gradient_elements);
    lks_profile_enter(network->profile, LKS_PART_GRADIENT_COMM);
    lks_status status = lks_gradient_sum_start_all(network->gradient_sum, unit->gradient, stack);
    lks_profile_leave(network->profile);
    if (status) return status;
  }
  return LKS_OK;
}

/* From oneDNN's layout to that of the parameters. */
static void unpack_gradients(lks_network *network)
{
  for (int u = 0; u < network->stages->units[LKS_OP_LINEAR]; u++) {
    lks_linear_unit *unit = &network->linear[u];
    if (!unit->op->trained) continue;
    float *db = unit->op->layer->bias ? network->gradients + unit->bias : NULL;
    lks_status status =
        lks_linear_unpack_gradient(network->gradients + unit->weight, db, unit->gradient, unit->linear);
    if (status) lks_microbatches_fail(network, status);
  }
}

lks_status lks_backward_weights_finish_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  lks_profile_enter(network->profile, LKS_PART_GRADIENT_COMM);
  lks_status status = lks_gradient_sum_finish_all(network->gradient_sum);
  lks_profile_leave(network->profile);
  if (!status) unpack_gradients(network);
  return status;
}
