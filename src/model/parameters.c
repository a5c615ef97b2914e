#include "model/parameters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

static size_t *count_of(lks_network *network, lks_tensor_kind kind)
{
  bool running = kind == LKS_TENSOR_RUNNING_MEAN || kind == LKS_TENSOR_RUNNING_VAR;
  return running ? &network->running_count : &network->parameter_count;
}

/* Appends a tensor; returns its offset in the flat array of its kind. */
static size_t append(lks_network *network, lks_tensor_kind kind, const lks_layer *layer, const char *suffix,
                     int dimensions, const size_t *extent)
{
  lks_tensor *tensor = &network->tensor[network->tensors++];
  *tensor = (lks_tensor){.kind = kind, .dimensions = dimensions, .elements = 1};
  snprintf(tensor->name, sizeof tensor->name, "%s.%s", layer->name, suffix);
  for (int d = 0; d < dimensions; d++) {
    tensor->extent[d] = extent[d];
    tensor->elements *= extent[d];
  }
  size_t *count = count_of(network, kind);
  tensor->offset = *count;
  *count += tensor->elements;
  return tensor->offset;
}

static void describe_linear(lks_network *network, lks_linear_unit *unit, const lks_op *op)
{
  const lks_layer *layer = op->layer;
  size_t out = layer->out.channels;
  unit->op = op;
  if (layer->kind == LKS_LAYER_CONV) {
    size_t extent[4] = {out, layer->in.channels / layer->groups, layer->kernel[0], layer->kernel[1]};
    unit->weight = append(network, LKS_TENSOR_WEIGHT, layer, "weight", 4, extent);
  } else {
    size_t extent[2] = {out, layer->in.height * layer->in.width * layer->in.channels};
    unit->weight = append(network, LKS_TENSOR_WEIGHT, layer, "weight", 2, extent);
    if (layer->in.height * layer->in.width > 1) network->tensor[network->tensors - 1].image = layer->in;
  }
  if (layer->bias) unit->bias = append(network, LKS_TENSOR_BIAS, layer, "bias", 1, &out);
}

static void describe_norm(lks_network *network, lks_norm_unit *unit, const lks_op *op)
{
  const lks_layer *layer = op->layer;
  unit->op = op;
  unit->channels = layer->out.channels;
  unit->pixels = layer->out.height * layer->out.width;
  unit->epsilon = layer->epsilon > 0 ? layer->epsilon : network->options.epsilon;
  unit->momentum = layer->momentum > 0 ? layer->momentum : network->options.momentum;
  if (op->pool)
    unit->grid =
        (lks_pool_grid){layer->out.height, layer->out.width, op->pool->kernel[0], op->pool->kernel[1]};
  unit->gamma = append(network, LKS_TENSOR_GAMMA, layer, "weight", 1, &unit->channels);
  unit->beta = append(network, LKS_TENSOR_BETA, layer, "bias", 1, &unit->channels);
  unit->running_mean = append(network, LKS_TENSOR_RUNNING_MEAN, layer, "running_mean", 1, &unit->channels);
  unit->running_var = append(network, LKS_TENSOR_RUNNING_VAR, layer, "running_var", 1, &unit->channels);
}

static void describe_group_norm(lks_network *network, lks_group_norm_unit *unit, const lks_op *op)
{
  const lks_layer *layer = op->layer;
  *unit = (lks_group_norm_unit){.op = op,
                                .channels = layer->out.channels,
                                .pixels = layer->out.height * layer->out.width,
                                .groups = layer->groups,
                                .epsilon = layer->epsilon > 0 ? layer->epsilon : 1e-5};
  unit->gamma = append(network, LKS_TENSOR_GAMMA, layer, "weight", 1, &unit->channels);
  unit->beta = append(network, LKS_TENSOR_BETA, layer, "bias", 1, &unit->channels);
}

/* The operator that carries out a layer with parameters. */
static const lks_op *op_of(const lks_network *network, const lks_layer *layer)
{
  for (int o = 0; o < network->stages->ops; o++)
    if (network->stages->op[o].layer == layer) return &network->stages->op[o];
  return NULL;
}

lks_status lks_parameters_describe(lks_network *network)
{
  size_t layers = lks_model_layers(network->model);
  network->tensor = lks_new(4 * layers, sizeof *network->tensor);
  if (!network->tensor) return LKS_ERR_RANK;
  for (size_t l = 0; l < layers; l++) {
    const lks_op *op = op_of(network, lks_model_layer(network->model, l));
    if (op && op->kind == LKS_OP_LINEAR) describe_linear(network, &network->linear[op->unit], op);
    if (op && op->kind == LKS_OP_NORM) describe_norm(network, &network->unit_norm[op->unit], op);
    if (op && op->kind == LKS_OP_GROUP_NORM) describe_group_norm(network, &network->group_norm[op->unit], op);
  }
  lks_arena_reserve(network->arena, &network->parameters, network->parameter_count, sizeof(float));
  lks_arena_reserve(network->arena, &network->gradients, network->parameter_count, sizeof(float));
  lks_arena_reserve(network->arena, &network->running, network->running_count, sizeof(float));
  return LKS_OK;
}

/* 2 when the next activation is a relu, which halves the variance, or gelu or silu, which come close to it;
 * 2/(1 + slope^2) when it is a leaky one; else 1. Source: He et al. 2015, section 2.2. */
static double variance_gain(const lks_network *network, const lks_op *op)
{
  const lks_stages *s = network->stages;
  int o = (int)(op - s->op);
  for (int next = o + 1; next < s->ops; next++) {
    const lks_op *consumer = &s->op[next];
    if (consumer->input != o && consumer->residual != o) continue;
    if (consumer->kind == LKS_OP_RELU || consumer->relu || consumer->kind == LKS_OP_GELU ||
        consumer->kind == LKS_OP_SILU)
      return 2;
    if (consumer->kind == LKS_OP_LEAKY_RELU) return 2 / (1 + consumer->layer->slope * consumer->layer->slope);
    if (consumer->kind == LKS_OP_SIGMOID || consumer->kind == LKS_OP_TANH || consumer->kind == LKS_OP_LINEAR)
      return 1;
    o = next;
  }
  return 1;
}

/* Convolutions and dense layers before this one: the same number with and without batch norm, so that runs
 * that differ in it begin with the same weights. */
static uint32_t linear_number(const lks_network *network, const lks_layer *layer)
{
  uint32_t number = 0;
  for (const lks_layer *l = lks_model_layer(network->model, 0); l != layer; l++)
    number += l->kind == LKS_LAYER_CONV || l->kind == LKS_LAYER_DENSE;
  return number;
}

static void draw_weights(lks_network *network)
{
  for (int u = 0; u < network->stages->units[LKS_OP_LINEAR]; u++) {
    const lks_linear_unit *unit = &network->linear[u];
    const lks_layer *layer = unit->op->layer;
    size_t fan_in = layer->in.channels * layer->in.height * layer->in.width;
    if (layer->kind == LKS_LAYER_CONV)
      fan_in = layer->in.channels / layer->groups * layer->kernel[0] * layer->kernel[1];
    size_t count = fan_in * layer->out.channels;
    lks_random_key key =
        lks_random_key_make(network->options.seed, LKS_RANDOM_WEIGHTS, linear_number(network, layer), 0, 0);
    float *w = network->parameters + unit->weight;
    float *drawn = network->gradients + unit->weight; /* which are not in use yet */
    float deviation = (float)sqrt(variance_gain(network, unit->op) / (double)fan_in);
    size_t rows = layer->kind == LKS_LAYER_CONV ? 1 : layer->out.channels, columns = count / rows;
    lks_random_normal(drawn, count, &key);
    for (size_t row = 0; row < rows; row++)
      for (size_t j = 0; j < columns; j++) w[j * rows + row] = drawn[row * columns + j] * deviation;
    memset(drawn, 0, count * sizeof *drawn);
  }
}

lks_status lks_parameters_initialize_all(lks_network *network)
{
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    for (size_t c = 0; c < unit->channels; c++) {
      network->parameters[unit->gamma + c] = unit->op->layer->gamma_zero ? 0 : 1;
      network->running[unit->running_var + c] = 1;
    }
  }
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM]; u++) {
    const lks_group_norm_unit *unit = &network->group_norm[u];
    for (size_t c = 0; c < unit->channels; c++)
      network->parameters[unit->gamma + c] = unit->op->layer->gamma_zero ? 0 : 1;
  }
  if (lks_comm_rank(network->comm) == 0) draw_weights(network);
  return lks_comm_broadcast_all(network->comm, network->parameters, network->parameter_count * sizeof(float),
                                0);
}

size_t lks_network_tensors(const lks_network *network)
{
  return network->tensors;
}

const lks_tensor *lks_network_tensor(const lks_network *network, size_t number)
{
  return &network->tensor[number];
}

const lks_tensor *lks_network_find(const lks_network *network, const char *name)
{
  for (size_t t = 0; t < network->tensors; t++)
    if (!strcmp(network->tensor[t].name, name)) return &network->tensor[t];
  return NULL;
}

float *lks_network_parameters(lks_network *network)
{
  return network->parameters;
}

const float *lks_network_gradients(const lks_network *network)
{
  return network->gradients;
}

float *lks_network_running(lks_network *network)
{
  return network->running;
}

size_t lks_network_parameter_count(const lks_network *network)
{
  return network->parameter_count;
}

size_t lks_network_running_count(const lks_network *network)
{
  return network->running_count;
}

int64_t lks_network_batches_tracked(const lks_network *network)
{
  return network->batches_tracked;
}

void lks_network_batches_tracked_set(lks_network *network, int64_t count)
{
  network->batches_tracked = count;
}

static float *tensor_data(const lks_network *network, const lks_tensor *tensor)
{
  bool running = tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR;
  return (running ? network->running : network->parameters) + tensor->offset;
}

static void copy(float *out, const float *in, const lks_tensor *tensor, bool exported)
{
  if (tensor->kind != LKS_TENSOR_WEIGHT || tensor->dimensions != 2) {
    memcpy(out, in, tensor->elements * sizeof *out);
    return;
  }
  const size_t rows = tensor->extent[0], columns = tensor->extent[1];
  const lks_shape image = tensor->image.height ? tensor->image : (lks_shape){1, 1, columns};
  const size_t pixels = image.height * image.width;
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < image.channels; c++)
      for (size_t row = 0; row < rows; row++) {
        const size_t here = (p * image.channels + c) * rows + row, there = row * columns + c * pixels + p;
        out[exported ? there : here] = in[exported ? here : there];
      }
}

void lks_tensor_export(float *out, const float *in, const lks_tensor *tensor)
{
  copy(out, in, tensor, true);
}

void lks_tensor_import(float *out, const float *in, const lks_tensor *tensor)
{
  copy(out, in, tensor, false);
}

void lks_network_export(float *out, const lks_network *network, const lks_tensor *tensor)
{
  lks_tensor_export(out, tensor_data(network, tensor), tensor);
}

void lks_network_parameters_changed(lks_network *network)
{
  network->packed = network->running_formed = false;
}

void lks_network_damaged_set(lks_network *network, bool damaged)
{
  network->damaged = damaged;
}

bool lks_network_damaged(const lks_network *network)
{
  return network->damaged;
}

void lks_network_import(lks_network *network, const lks_tensor *tensor, const float *in)
{
  lks_tensor_import(tensor_data(network, tensor), in, tensor);
  lks_network_parameters_changed(network);
}
