#include "export/export_onnx.h"

#include "base/log.h"

#ifdef LKS_HAVE_ONNX

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "export/fold.h"
#include "export/onnx_builder.h"

enum { NODES_A_LAYER = 8, NODES_MORE = 16 };

/* A model on its way to ONNX. Values of images are N,C,H,W there. */
typedef struct graph {
  lks_onnx_builder *b;
  const lks_network_file *file;
  const lks_onnx_options *options;
  char **value; /* [layers] the name of each one's output */
  bool *flat;   /* [layers] whether that is (batch,features) */
} graph;

static char *print(const graph *g, const lks_layer *layer, const char *what)
{
  if (layer->name[0]) return lks_onnx_print(g->b, "%s.%s", layer->name, what);
  return lks_onnx_print(g->b, "%s@%d.%s", lks_layer_kind_name(layer->kind), layer->line, what);
}

/* One node that carries out a layer. */
static char *node(const graph *g, const char *type, const lks_layer *layer, char *const input[])
{
  const char *name = layer->name[0] ? layer->name : lks_layer_kind_name(layer->kind);
  return lks_onnx_node(g->b, type, name, print(g, layer, "output"), input);
}

/* One of several: `what` is its own part of the name. */
static char *step(const graph *g, const char *type, const lks_layer *layer, const char *what, char *left,
                  char *right)
{
  char *name = print(g, layer, what);
  return lks_onnx_node(g->b, type, name, name, (char * [LKS_ONNX_INPUTS_MAX + 1]){left, right});
}

static char *one(const graph *g, const char *type, const lks_layer *layer, char *x)
{
  return node(g, type, layer, (char * [LKS_ONNX_INPUTS_MAX + 1]){x});
}

/* A tensor of the checkpoint; NULL if the layer has none. */
static char *tensor(const graph *g, const lks_layer *layer, const char *what)
{
  const lks_snapshot_array *array = lks_network_file_array(g->file, layer, what);
  if (!array) return NULL;
  return lks_onnx_floats(g->b, print(g, layer, what), array->data, array->extent, array->dimensions);
}

static void put_window(const graph *g, const lks_layer *layer)
{
  const int64_t kernel[] = {(int64_t)layer->kernel[0], (int64_t)layer->kernel[1]};
  const int64_t stride[] = {(int64_t)layer->stride[0], (int64_t)layer->stride[1]};
  const int64_t pad[] = {(int64_t)layer->pad[0], (int64_t)layer->pad[1], (int64_t)layer->pad[0],
                         (int64_t)layer->pad[1]};
  lks_onnx_put_ints(g->b, "kernel_shape", kernel, 2);
  lks_onnx_put_ints(g->b, "strides", stride, 2);
  lks_onnx_put_ints(g->b, "pads", pad, 4);
}

static char *convolution(const graph *g, const lks_layer *layer, char *x)
{
  char *input[LKS_ONNX_INPUTS_MAX + 1] = {x, tensor(g, layer, "weight"), tensor(g, layer, "bias")};
  const int64_t dilation[] = {(int64_t)layer->dilation[0], (int64_t)layer->dilation[1]};
  char *y = node(g, "Conv", layer, input);
  put_window(g, layer);
  lks_onnx_put_ints(g->b, "dilations", dilation, 2);
  lks_onnx_put_int(g->b, "group", (int64_t)layer->groups);
  return y;
}

/* PyTorch's order, channels before height and width, is that of Flatten. */
static char *flatten(const graph *g, const lks_layer *layer, char *x)
{
  char *y = step(g, "Flatten", layer, "flatten", x, NULL);
  lks_onnx_put_int(g->b, "axis", 1);
  return y;
}

static char *dense(const graph *g, const lks_layer *layer, char *x)
{
  if (!g->flat[layer->input[0]]) x = flatten(g, layer, x);
  char *input[LKS_ONNX_INPUTS_MAX + 1] = {x, tensor(g, layer, "weight"), tensor(g, layer, "bias")};
  char *y = node(g, "Gemm", layer, input);
  lks_onnx_put_int(g->b, "transB", 1);
  return y;
}

static char *batch_norm(const graph *g, const lks_layer *layer, char *x)
{
  char *input[LKS_ONNX_INPUTS_MAX + 1] = {x, tensor(g, layer, "weight"), tensor(g, layer, "bias"),
                                          tensor(g, layer, "running_mean"), tensor(g, layer, "running_var")};
  char *y = node(g, "BatchNormalization", layer, input);
  lks_onnx_put_float(g->b, "epsilon", lks_network_file_epsilon(g->file, layer));
  return y;
}

/* A tensor of the checkpoint with a number a channel, to be multiplied with, or added to, values in PyTorch's order. */
static char *channel_tensor(const graph *g, const lks_layer *layer, const char *what, bool flat)
{
  const lks_snapshot_array *array = lks_network_file_array(g->file, layer, what);
  const size_t extent[] = {layer->out.channels, 1, 1};
  return lks_onnx_floats(g->b, print(g, layer, what), array->data, extent, flat ? 1 : 3);
}

/* Each sample and group of channels by itself: instance norm of the groups, and then gamma and beta of each channel. Opset 17 has no group norm. */
static char *group_norm(const graph *g, const lks_layer *layer, char *x)
{
  static const double usual_epsilon = 1e-5;
  const bool flat = g->flat[layer->input[0]];
  const size_t groups = layer->groups;
  const int64_t apart[] = {0, (int64_t)groups, -1};
  const int64_t together[] = {0, (int64_t)layer->out.channels, (int64_t)layer->out.height,
                              (int64_t)layer->out.width};
  float *ones = lks_onnx_room(g->b, 2 * groups, sizeof *ones);
  for (size_t i = 0; i < groups && ones; i++) ones[i] = 1;
  char *grouped =
      step(g, "Reshape", layer, "grouped", x, lks_onnx_ints(g->b, print(g, layer, "groups"), apart, 3));
  char *scale = lks_onnx_floats(g->b, print(g, layer, "ones"), ones, &groups, 1);
  char *shift = lks_onnx_floats(g->b, print(g, layer, "zeros"), ones ? ones + groups : NULL, &groups, 1);
  char *name = print(g, layer, "normalized");
  x = lks_onnx_node(g->b, "InstanceNormalization", name, name,
                    (char * [LKS_ONNX_INPUTS_MAX + 1]){grouped, scale, shift});
  lks_onnx_put_float(g->b, "epsilon", layer->epsilon > 0 ? layer->epsilon : usual_epsilon);
  x = step(g, "Reshape", layer, "channels", x,
           lks_onnx_ints(g->b, print(g, layer, "shape"), together, flat ? 2 : 4));
  x = step(g, "Mul", layer, "scaled", x, channel_tensor(g, layer, "weight", flat));
  return node(g, "Add", layer, (char * [LKS_ONNX_INPUTS_MAX + 1]){x, channel_tensor(g, layer, "bias", flat)});
}

static char *leaky_relu(const graph *g, const lks_layer *layer, char *x)
{
  char *y = one(g, "LeakyRelu", layer, x);
  lks_onnx_put_float(g->b, "alpha", layer->slope);
  return y;
}

/* x/2 (1 + erf(x/sqrt(2))): opset 17 has no Gelu. */
static char *gelu(const graph *g, const lks_layer *layer, char *x)
{
  char *root = lks_onnx_number(g->b, print(g, layer, "sqrt_half"), sqrt(0.5));
  char *unit = lks_onnx_number(g->b, print(g, layer, "one"), 1);
  char *half = lks_onnx_number(g->b, print(g, layer, "half"), 0.5);
  char *scaled = step(g, "Mul", layer, "scaled", x, root);
  char *erf_of = step(g, "Erf", layer, "erf", scaled, NULL);
  char *sum = step(g, "Add", layer, "sum", erf_of, unit);
  char *halved = step(g, "Mul", layer, "halved", x, half);
  return node(g, "Mul", layer, (char * [LKS_ONNX_INPUTS_MAX + 1]){halved, sum});
}

static char *silu(const graph *g, const lks_layer *layer, char *x)
{
  char *share = step(g, "Sigmoid", layer, "sigmoid", x, NULL);
  return node(g, "Mul", layer, (char * [LKS_ONNX_INPUTS_MAX + 1]){x, share});
}

/* Padding is never the largest and is not counted in the mean, as in Lockstep's. */
static char *pool(const graph *g, const char *type, const lks_layer *layer, char *x)
{
  char *y = one(g, type, layer, x);
  put_window(g, layer);
  return y;
}

static char *add(const graph *g, const lks_layer *layer, char *x)
{
  return node(g, "Add", layer, (char * [LKS_ONNX_INPUTS_MAX + 1]){x, g->value[layer->input[1]]});
}

static char *convert(const graph *g, const lks_layer *layer, char *x)
{
  switch (layer->kind) {
  case LKS_LAYER_INPUT:
  case LKS_LAYER_DROPOUT: return x;
  case LKS_LAYER_CONV: return convolution(g, layer, x);
  case LKS_LAYER_DENSE: return dense(g, layer, x);
  case LKS_LAYER_BATCH_NORM:
    return g->file->folded && lks_fold_takes(g->file->model, layer) ? x : batch_norm(g, layer, x);
  case LKS_LAYER_LAYER_NORM:
  case LKS_LAYER_GROUP_NORM: return group_norm(g, layer, x);
  case LKS_LAYER_RELU: return one(g, "Relu", layer, x);
  case LKS_LAYER_LEAKY_RELU: return leaky_relu(g, layer, x);
  case LKS_LAYER_SIGMOID: return one(g, "Sigmoid", layer, x);
  case LKS_LAYER_GELU: return gelu(g, layer, x);
  case LKS_LAYER_SILU: return silu(g, layer, x);
  case LKS_LAYER_TANH: return one(g, "Tanh", layer, x);
  case LKS_LAYER_MAX_POOL: return pool(g, "MaxPool", layer, x);
  case LKS_LAYER_AVERAGE_POOL: return pool(g, "AveragePool", layer, x);
  case LKS_LAYER_GLOBAL_AVERAGE_POOL: return one(g, "GlobalAveragePool", layer, x);
  case LKS_LAYER_ADD: return add(g, layer, x);
  }
  return x;
}

/* (x - mean)/std, a channel or feature; of pixels, mean and std are in units of 255. */
static char *scale(const graph *g, char *x, lks_shape shape, bool flat)
{
  const size_t channels = shape.channels, first[3] = {channels, 1, 1};
  const int dimensions = !flat && g->options->channels_first ? 3 : 1;
  double *statistics = lks_onnx_room(g->b, 2 * channels, sizeof *statistics);
  float *numbers = lks_onnx_room(g->b, 2 * channels, sizeof *numbers);
  if (!statistics || !numbers) return x;
  lks_network_file_scaling(statistics, statistics + channels, g->file);
  const double unit = g->options->pixels ? 255 : 1;
  for (size_t c = 0; c < channels; c++) {
    numbers[c] = (float)(unit * statistics[c]);
    numbers[channels + c] = (float)(1 / (unit * statistics[channels + c]));
  }
  char *mean = lks_onnx_floats(g->b, lks_onnx_print(g->b, "input.mean"), numbers, first, dimensions);
  char *factor =
      lks_onnx_floats(g->b, lks_onnx_print(g->b, "input.scale"), numbers + channels, first, dimensions);
  char *name = lks_onnx_print(g->b, "input.centred");
  x = lks_onnx_node(g->b, "Sub", name, name, (char * [LKS_ONNX_INPUTS_MAX + 1]){x, mean});
  name = lks_onnx_print(g->b, "input.normalized");
  return lks_onnx_node(g->b, "Mul", name, name, (char * [LKS_ONNX_INPUTS_MAX + 1]){x, factor});
}

/* From what goes in to the values that the first layer takes. */
static char *convert_input(const graph *g)
{
  static const int64_t channels_first[] = {0, 3, 1, 2};
  const lks_shape shape = g->file->header->input;
  const bool flat = g->flat[0], turned = g->options->channels_first;
  const size_t last[] = {shape.height, shape.width, shape.channels},
               first[] = {shape.channels, shape.height, shape.width};
  char *x = lks_onnx_print(g->b, "input");
  const char *what = flat     ? "features"
                     : turned ? "images, channels before height and width"
                              : "images, channels behind height and width";
  lks_onnx_input(g->b, x, g->options->pixels, flat || turned ? first : last, flat ? 1 : 3,
                 lks_onnx_print(g->b, "%s, as they are: the model scales them%s", what,
                                g->options->pixels ? ", 0 to 255" : ""));
  if (g->options->pixels) {
    char *name = lks_onnx_print(g->b, "input.float");
    x = lks_onnx_node(g->b, "Cast", name, name, (char * [LKS_ONNX_INPUTS_MAX + 1]){x});
    lks_onnx_put_int(g->b, "to", LKS_ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
  }
  x = scale(g, x, shape, flat);
  if (flat || turned) return x;
  char *name = lks_onnx_print(g->b, "input.channels_first");
  x = lks_onnx_node(g->b, "Transpose", name, name, (char * [LKS_ONNX_INPUTS_MAX + 1]){x});
  lks_onnx_put_ints(g->b, "perm", channels_first, 4);
  return x;
}

/* The last layer gives the logits. */
static void convert_output(const graph *g, size_t last)
{
  const size_t classes = lks_model_classes(g->file->model);
  char *logits = lks_onnx_print(g->b, "logits"), *probabilities = lks_onnx_print(g->b, "probabilities");
  char *x = g->value[last];
  if (!g->flat[last]) x = flatten(g, lks_model_layer(g->file->model, last), x);
  if (!lks_onnx_rename_last(g->b, x, logits))
    lks_onnx_node(g->b, "Identity", logits, logits, (char * [LKS_ONNX_INPUTS_MAX + 1]){x});
  lks_onnx_node(g->b, "Softmax", probabilities, probabilities, (char * [LKS_ONNX_INPUTS_MAX + 1]){logits});
  lks_onnx_put_int(g->b, "axis", 1);
  lks_onnx_output(g->b, logits, &classes, 1,
                  lks_onnx_print(g->b, "a number a class, the largest is the answer"));
  lks_onnx_output(g->b, probabilities, &classes, 1, lks_onnx_print(g->b, "their softmax"));
}

static lks_status convert_all(graph *g)
{
  const size_t layers = lks_model_layers(g->file->model);
  const lks_shape input = g->file->header->input;
  g->value = lks_onnx_room(g->b, layers, sizeof *g->value);
  g->flat = lks_onnx_room(g->b, layers, sizeof *g->flat);
  if (!g->value || !g->flat) return LKS_ERR_RANK;
  g->flat[0] = input.height == 1 && input.width == 1;
  g->value[0] = convert_input(g);
  for (size_t l = 1; l < layers; l++) {
    const lks_layer *layer = lks_model_layer(g->file->model, l);
    g->flat[l] = layer->kind == LKS_LAYER_DENSE || g->flat[layer->input[0]];
    g->value[l] = convert(g, layer, g->value[layer->input[0]]);
  }
  convert_output(g, layers - 1);
  return LKS_OK;
}

lks_status lks_export_onnx(lks_network_file *file, const char *path, const lks_onnx_options *options)
{
  graph g = {.file = file, .options = options};
  lks_network_facts facts = {0};
  lks_status status =
      lks_onnx_builder_create(&g.b, NODES_A_LAYER * lks_model_layers(file->model) + NODES_MORE);
  if (!status) status = convert_all(&g);
  if (!status) status = lks_network_facts_make(&facts, file);
  if (!status) status = lks_onnx_write(g.b, path, options->replace, &facts);
  lks_network_facts_clear(&facts);
  lks_onnx_builder_destroy(&g.b);
  return status;
}

#else

lks_status lks_export_onnx(lks_network_file *file, const char *path, const lks_onnx_options *options)
{
  (void)file;
  (void)options;
  return lks_fail(
      LKS_ERR_USAGE,
      "%s: this build has no export to ONNX; install protobuf-c and its compiler (Debian: libprotobuf-c-dev protobuf-c-compiler) and build anew",
      path);
}

#endif
