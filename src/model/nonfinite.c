#include "model/nonfinite.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sums/partition.h"

static bool is_before(const lks_nonfinite *a, const lks_nonfinite *b)
{
  if (a->phase != b->phase) return a->phase < b->phase;
  return a->order != b->order ? a->order < b->order : a->at < b->at;
}

static void note(lks_nonfinite *found, const lks_nonfinite *candidate)
{
#pragma omp critical(lks_nonfinite_note)
  if (is_before(candidate, found)) *found = *candidate;
}

/* candidate: all but value and, of a sample, at. values [samples][elements]; beyond `limit` they are as bad. */
static void look(lks_nonfinite *found, lks_nonfinite *candidate, const void *values, size_t samples,
                 size_t elements, lks_type type, float limit)
{
  for (size_t i = 0; i < samples * elements; i++) {
    candidate->value = lks_type_load(values, i, type);
    if (fabsf(candidate->value) <= limit) continue;
    if (candidate->at != SIZE_MAX) candidate->at += i / elements;
    note(found, candidate);
    return;
  }
}

static bool is_running(const lks_tensor *tensor)
{
  return tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR;
}

static void look_at_tensors(lks_nonfinite *found, const lks_network *network, lks_nonfinite_phase phase)
{
  for (size_t t = 0; t < network->tensors; t++) {
    const lks_tensor *tensor = &network->tensor[t];
    lks_nonfinite candidate = {phase, (int)t, SIZE_MAX, tensor->name, 0};
    const float *values = is_running(tensor) ? network->running : network->parameters;
    if (phase == LKS_NONFINITE_GRADIENTS) values = is_running(tensor) ? NULL : network->gradients;
    if (values) look(found, &candidate, values + tensor->offset, 1, tensor->elements, LKS_FP32, FLT_MAX);
  }
}

void lks_nonfinite_begin(lks_nonfinite *found, const lks_pass_context *context)
{
  *found = (lks_nonfinite){.phase = LKS_NONFINITE_NOWHERE, .at = SIZE_MAX, .name = ""};
  look_at_tensors(found, context->network, LKS_NONFINITE_PARAMETERS);
}

/* Without their sign, the bits of floats are in the order of their magnitudes: infinity and NaN are above all that is finite. */
static bool is_well(const float *x, size_t count)
{
  uint32_t most = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    bits &= UINT32_C(0x7fffffff);
    most = bits > most ? bits : most;
  }
  return most < UINT32_C(0x7f800000);
}

bool lks_nonfinite_gradients_well(const lks_network *network)
{
  const size_t ranks = (size_t)network->ranks, rank = (size_t)lks_comm_rank(network->comm);
  bool well = true;
  for (size_t t = 0; t < network->tensors; t++) {
    const lks_tensor *tensor = &network->tensor[t];
    if (tensor->kind != LKS_TENSOR_WEIGHT && tensor->kind != LKS_TENSOR_BIAS) continue;
    const size_t begin = lks_partition_begin(tensor->elements, ranks, rank),
                 end = lks_partition_begin(tensor->elements, ranks, rank + 1);
    well = is_well(network->gradients + tensor->offset + begin, end - begin) && well;
  }
  return well;
}

static const char *name_of(const lks_op *op)
{
  return op->kind == LKS_OP_INPUT ? "" : op->layer->name;
}

/* A batch norm sums exactly up to 2^80: squares of what goes into it, and gradients that come back to it. */
static float limit_of(const lks_network *network, int op)
{
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++)
    if (network->unit_norm[u].op->input == op) return 0x1p40f;
  return FLT_MAX;
}

static float gradient_limit_of(const lks_network *network, int op)
{
  return network->stages->op[op].kind == LKS_OP_NORM ? 0x1p80f : FLT_MAX;
}

/* Of the groups of this microbatch. If not, no sample of theirs is to blame alone. */
static bool has_finite_means(const lks_pass_context *context, const lks_op *norm, size_t microbatch)
{
  const lks_norm_unit *unit = &context->network->unit_norm[norm->unit];
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  for (size_t s = plan->segment_begin[microbatch]; s < plan->segment_begin[microbatch + 1]; s++) {
    const double *mean = unit->mean + (plan->segment[s].group - plan->first_group) * 2 * unit->channels;
    for (size_t c = 0; c < 2 * unit->channels; c++)
      if (!isfinite(mean[c])) return false;
  }
  return true;
}

void lks_nonfinite_forward(const lks_pass_context *context, int op, size_t microbatch)
{
  const lks_network *network = context->network;
  const lks_op *o = &network->stages->op[op];
  if (!network->nonfinite) return;
  lks_nonfinite candidate = {LKS_NONFINITE_FORWARD, op, microbatch * context->plan->microbatch, name_of(o),
                             0};
  if (o->kind == LKS_OP_NORM) candidate.at = SIZE_MAX; /* its samples share their statistics */
  look(network->nonfinite, &candidate, lks_value(network, op, microbatch),
       lks_batch_plan_samples(context->plan, microbatch), o->elements, o->type,
       context->pass == LKS_PASS_RUNNING ? FLT_MAX : limit_of(network, op));
}

void lks_nonfinite_backward(const lks_pass_context *context, int op, size_t microbatch)
{
  const lks_network *network = context->network;
  const lks_op *o = &network->stages->op[op];
  if (!network->nonfinite || o->dx < 0) return;
  lks_nonfinite candidate = {LKS_NONFINITE_BACKWARD, network->stages->ops - op,
                             microbatch * context->plan->microbatch, name_of(o), 0};
  if (o->kind == LKS_OP_NORM && !has_finite_means(context, o, microbatch)) candidate.at = SIZE_MAX;
  look(network->nonfinite, &candidate, lks_gradient(network, o->dx, microbatch),
       lks_batch_plan_samples(context->plan, microbatch), network->stages->op[o->input].elements,
       network->stages->type, gradient_limit_of(network, o->input));
}

/* "a value is not finite, first nan in the output of conv1, sample 12" */
static void print_place(char text[320], const lks_nonfinite *found, const lks_pass_context *context)
{
  static const char *const places[] = {[LKS_NONFINITE_PARAMETERS] = "among the values of",
                                       [LKS_NONFINITE_FORWARD] = "in the output of",
                                       [LKS_NONFINITE_BACKWARD] = "in the gradient that comes out of",
                                       [LKS_NONFINITE_GRADIENTS] = "in the gradient of"};
  const bool input = found->phase == LKS_NONFINITE_FORWARD && !found->name[0];
  int length =
      snprintf(text, 320, "a value is %s, first %g %s %.80s",
               isfinite(found->value) ? "too large to be summed" : "not finite", (double)fabsf(found->value),
               places[found->phase], input ? "the input's scaling" : found->name);
  if (found->at != SIZE_MAX && context->batch->sample)
    snprintf(text + length, 320 - (size_t)length, ", sample %u", context->batch->sample[found->at]);
  if (found->phase == LKS_NONFINITE_PARAMETERS)
    snprintf(text + length, 320 - (size_t)length, ", since the step before");
}

static lks_status say(const lks_nonfinite *found, const lks_pass_context *context, bool damaged)
{
  static const char diverged[] = "the network has diverged; lower --lr, or warm up longer with --warmup";
  static const char large[] =
      "batch norm sums squares up to 2^80, and gradients likewise; scale the inputs (normalize-input does it), or, if these values grew in training, lower --lr";
  const bool finite = found->phase != LKS_NONFINITE_NOWHERE && isfinite(found->value);
  char place[320];
  if (found->phase != LKS_NONFINITE_NOWHERE)
    print_place(place, found, context);
  else
    snprintf(place, sizeof place, "%s",
             damaged ? "a value is not finite, in a moment of the optimizer, since the step before"
                     : "a value is not finite, first in a sum over the ranks");
  return lks_fail(LKS_ERR_DIVERGED, "%s: %s", place, finite ? large : diverged);
}

lks_status lks_nonfinite_name_all(lks_nonfinite *found, const lks_pass_context *context, bool damaged)
{
  lks_network *network = context->network;
  if (context->pass == LKS_PASS_TRAIN) look_at_tensors(found, network, LKS_NONFINITE_GRADIENTS);
  const double mine = ldexp(found->phase, 24) + found->order;
  double spread[3];
  lks_status status = lks_comm_spread_all(network->comm, spread, &mine, 1);
  if (status) return status;
  status = lks_comm_agree_all(network->comm, mine > spread[0] ? LKS_OK : say(found, context, damaged));
  if (context->pass == LKS_PASS_TRAIN) return lks_fail_in(status, "step %u: ", context->step);
  return lks_fail_in(status, "an evaluation: ");
}
