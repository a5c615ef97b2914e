#include <string.h>

#include "base/arena.h"
#include "lockstep/model.h"
#include "model/model_fit.h"

struct lks_model {
  lks_layer *layers;
  size_t count, classes, parameters;
  char *source;
};

size_t lks_layer_parameters(const lks_layer *layer)
{
  const size_t bias = layer->bias ? layer->out.channels : 0;
  switch (layer->kind) {
  case LKS_LAYER_CONV:
    return layer->kernel[0] * layer->kernel[1] * (layer->in.channels / layer->groups) * layer->out.channels +
           bias;
  case LKS_LAYER_DENSE:
    return layer->in.height * layer->in.width * layer->in.channels * layer->out.channels + bias;
  case LKS_LAYER_BATCH_NORM:
  case LKS_LAYER_LAYER_NORM:
  case LKS_LAYER_GROUP_NORM: return 2 * layer->out.channels;
  default: return 0;
  }
}

static lks_status build(lks_model *model, const char *text, const lks_model_frame *frame)
{
  const size_t bytes = strlen(text) + 1;
  model->source = lks_new(bytes, 1);
  if (!model->source) return LKS_ERR_RANK;
  memcpy(model->source, text, bytes);
  model->classes = frame->classes;

  size_t count;
  lks_statement *statements;
  lks_status status = lks_model_text_scan(&statements, &count, text, frame->where);
  if (status) return status;
  status = lks_model_fit(&model->layers, &model->count, statements, count, frame);
  lks_free(statements);
  for (size_t i = 1; i < model->count; i++) model->parameters += lks_layer_parameters(&model->layers[i]);
  return status;
}

lks_status lks_model_parse_as(lks_model **model, const char *text, const char *where, lks_shape input,
                              size_t classes, lks_norm_layers layers)
{
  const lks_model_frame frame = {where, input, classes, layers};
  *model = lks_new(1, sizeof **model);
  if (!*model) return LKS_ERR_RANK;
  lks_status status = build(*model, text, &frame);
  if (status) lks_model_destroy(model);
  return status;
}

lks_status lks_model_parse(lks_model **model, const char *text, const char *where, lks_shape input,
                           size_t classes, bool without_batch_norm)
{
  const lks_norm_layers_kind kind = without_batch_norm ? LKS_NORM_LAYERS_NONE : LKS_NORM_LAYERS_BATCH;
  return lks_model_parse_as(model, text, where, input, classes, (lks_norm_layers){kind, 0});
}

void lks_model_destroy(lks_model **model)
{
  if (!model || !*model) return;
  lks_free((*model)->layers);
  lks_free((*model)->source);
  lks_free(*model);
  *model = NULL;
}

size_t lks_model_layers(const lks_model *model)
{
  return model->count;
}

const lks_layer *lks_model_layer(const lks_model *model, size_t number)
{
  return &model->layers[number];
}

size_t lks_model_classes(const lks_model *model)
{
  return model->classes;
}

size_t lks_model_parameters(const lks_model *model)
{
  return model->parameters;
}

const char *lks_model_source(const lks_model *model)
{
  return model->source;
}
