#include "export/fold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The batch norm that alone takes the output of this convolution or dense layer; NULL: there is none. */
static const lks_layer *norm_of(const lks_model *model, size_t linear)
{
  const lks_layer_kind kind = lks_model_layer(model, linear)->kind;
  const lks_layer *norm = NULL;
  int takers = 0;
  if (kind != LKS_LAYER_CONV && kind != LKS_LAYER_DENSE) return NULL;
  for (size_t l = linear + 1; l < lks_model_layers(model); l++) {
    const lks_layer *layer = lks_model_layer(model, l);
    takers += (layer->input[0] == (int)linear) + (layer->input[1] == (int)linear);
    if (layer->input[0] == (int)linear && layer->kind == LKS_LAYER_BATCH_NORM) norm = layer;
  }
  return takers == 1 ? norm : NULL;
}

bool lks_fold_takes(const lks_model *model, const lks_layer *norm)
{
  return norm->kind == LKS_LAYER_BATCH_NORM && norm_of(model, (size_t)norm->input[0]) == norm;
}

static void append(lks_snapshot *to, const char *layer, const char *what, const lks_snapshot_array *like,
                   int dimensions)
{
  lks_snapshot_array *array = &to->array[to->arrays++];
  *array = *like;
  snprintf(array->name, sizeof array->name, "%s.%s", layer, what);
  array->dimensions = dimensions;
  array->elements = dimensions == 1 ? like->extent[0] : like->elements;
}

/* All arrays that there will be, still without data: a folded layer's weight and bias, and what belongs to all others. */
static lks_status describe(lks_snapshot *to, const lks_network_file *file)
{
  static const char *const kept[] = {"weight", "bias", "running_mean", "running_var"};
  lks_status status = lks_snapshot_allocate(to, 2 * file->state.arrays);
  to->arrays = 0;
  for (size_t l = 0; l < lks_model_layers(file->model) && !status; l++) {
    const lks_layer *layer = lks_model_layer(file->model, l);
    if (lks_fold_takes(file->model, layer)) continue;
    const lks_snapshot_array *weight = lks_network_file_array(file, layer, "weight");
    const bool folded = weight && norm_of(file->model, l);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
      const lks_snapshot_array *array = lks_network_file_array(file, layer, kept[i]);
      if (array) append(to, layer->name, kept[i], array, array->dimensions);
      if (!array && folded && i == 1) append(to, layer->name, kept[i], weight, 1);
    }
  }
  return status ? status : lks_snapshot_place(to);
}

static void fold_layer(lks_snapshot_array *weight, lks_snapshot_array *bias, const lks_network_file *file,
                       const lks_layer *linear, const lks_layer *norm)
{
  const float *w = lks_network_file_array(file, linear, "weight")->data;
  const lks_snapshot_array *b = lks_network_file_array(file, linear, "bias");
  const float *gamma = lks_network_file_array(file, norm, "weight")->data;
  const float *beta = lks_network_file_array(file, norm, "bias")->data;
  const float *mean = lks_network_file_array(file, norm, "running_mean")->data;
  const float *var = lks_network_file_array(file, norm, "running_var")->data;
  const size_t row = weight->elements / weight->extent[0];
  for (size_t o = 0; o < weight->extent[0]; o++) {
    const double factor = (double)gamma[o] / sqrt((double)var[o] + lks_network_file_epsilon(file, norm));
    for (size_t i = 0; i < row; i++) weight->data[o * row + i] = (float)(factor * (double)w[o * row + i]);
    const double centred = (b ? (double)b->data[o] : 0.0) - (double)mean[o];
    bias->data[o] = (float)((double)beta[o] + factor * centred);
  }
}

static lks_snapshot_array *find(lks_snapshot *in, const char *layer, const char *what)
{
  char name[LKS_ARRAY_NAME_MAX];
  snprintf(name, sizeof name, "%s.%s", layer, what);
  for (size_t a = 0; a < in->arrays; a++)
    if (strcmp(in->array[a].name, name) == 0) return &in->array[a];
  return NULL;
}

static void fill(lks_snapshot *to, const lks_network_file *file)
{
  for (size_t a = 0; a < file->state.arrays; a++) {
    const lks_snapshot_array *from = &file->state.array[a];
    for (size_t i = 0; i < to->arrays; i++)
      if (strcmp(to->array[i].name, from->name) == 0)
        memcpy(to->array[i].data, from->data, from->elements * sizeof *from->data);
  }
  for (size_t l = 0; l < lks_model_layers(file->model); l++) {
    const lks_layer *layer = lks_model_layer(file->model, l);
    const lks_layer *norm = norm_of(file->model, l);
    if (norm) fold_layer(find(to, layer->name, "weight"), find(to, layer->name, "bias"), file, layer, norm);
  }
}

lks_status lks_fold_batch_norm(lks_network_file *file)
{
  lks_snapshot folded = {.batches_tracked = file->state.batches_tracked};
  lks_status status = describe(&folded, file);
  if (!status) {
    fill(&folded, file);
    status = lks_snapshot_check(&folded);
  }
  if (status) {
    lks_snapshot_clear(&folded);
    return status;
  }
  lks_snapshot_clear(&file->state);
  file->state = folded;
  return LKS_OK;
}
