#include "bench/bench_cost.h"

static size_t elements(lks_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

static double linear_flops(const lks_op *op)
{
  const lks_layer *layer = op->layer;
  size_t inputs = elements(layer->in);
  if (layer->kind == LKS_LAYER_CONV)
    inputs = layer->kernel[0] * layer->kernel[1] * (layer->in.channels / layer->groups);
  return 2.0 * (double)(inputs * op->elements);
}

/* What a batch norm reads and writes; with a pool, what that chose and a byte each to say where. */
static size_t norm_bytes(const lks_op *op, lks_work work, size_t in, size_t out, size_t element)
{
  size_t choice = op->pool ? 1 : 0;
  switch (work) {
  case LKS_WORK_FORWARD: return (in + (1 + (op->residual >= 0) + choice) * out) * element + choice * out;
  case LKS_WORK_SUMS: return in * element;
  case LKS_WORK_BACKWARD: return (3 + (op->gradient[1] >= 0) + op->relu) * out * element;
  case LKS_WORK_DX: return op->dx >= 0 ? (2 * in + out) * element + choice * out : 0;
  default: return 0;
  }
}

static size_t elementwise_passes(const lks_op *op, lks_work work)
{
  bool backward = work == LKS_WORK_BACKWARD;
  switch (op->kind) {
  case LKS_OP_RELU:
  case LKS_OP_LEAKY_RELU:
  case LKS_OP_SIGMOID:
  case LKS_OP_GELU:
  case LKS_OP_SILU:
  case LKS_OP_TANH: return backward ? 3 : 2;
  case LKS_OP_GROUP_NORM: return backward ? 5 : 3; /* sums go over what they sum once more */
  case LKS_OP_ADD: return backward ? 2 * (op->dresidual >= 0) : 3;
  default: return 2;
  }
}

lks_op_cost lks_op_cost_of(const lks_stages *stages, int number, lks_work work, size_t element, size_t input)
{
  const lks_op *op = &stages->op[number];
  size_t out = op->elements, in = op->input >= 0 ? stages->op[op->input].elements : 0;
  bool forward = work == LKS_WORK_FORWARD, backward = work == LKS_WORK_BACKWARD;
  if (op->kind == LKS_OP_NORM) return (lks_op_cost){0, (double)norm_bytes(op, work, in, out, element)};
  if (op->kind == LKS_OP_INPUT) return (lks_op_cost){0, forward ? (double)(out * (element + input)) : 0};
  lks_op_cost cost = {0};
  if (backward && op->gradient[1] >= 0) cost.bytes += (double)(3 * out * element);
  if (backward && op->dx < 0) return cost;
  if (op->kind == LKS_OP_LINEAR && (forward || backward || work == LKS_WORK_WEIGHTS)) {
    cost.flops = linear_flops(op);
    cost.bytes += (double)((in + out) * element);
  } else if (op->kind == LKS_OP_POOL && (forward || backward)) {
    cost.bytes += (double)((in + out) * element);
  } else if (forward || backward) {
    cost.bytes += (double)(elementwise_passes(op, work) * out * element);
  }
  return cost;
}
