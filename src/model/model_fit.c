#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "model/model_fit.h"
#include "model/shape.h"

/* Limits of what is worth trying: values of one layer for one sample. */
enum { VALUES_MAX = 1 << 28, KINDS = LKS_LAYER_ADD + 1 };

/* What is only known, or needed, while a model is put together: one for each layer. */
typedef struct note {
  const lks_statement *origin; /* NULL: the input */
  int takers, norms;           /* layers that take the output; batch norms among them */
  int moved;                   /* the layer's number without batch norm */
} note;

/* A model being fitted to its input, statement by statement. */
typedef struct fitter {
  const lks_model_frame *frame;
  lks_layer *layers;
  note *notes;
  size_t count;                   /* layers so far */
  const lks_statement *statement; /* at hand */
  bool flat;                      /* the values above are features, no longer an image */
  int numbers[2][KINDS];          /* layers of each kind so far: outside of blocks, and in the open block */
  const lks_statement *block;     /* the open residual block, or NULL */
  char block_name[LKS_NAME_MAX];
  int block_input;
  size_t block_stride[2];
} fitter;

static int last_of(const fitter *f)
{
  return (int)f->count - 1;
}

/* "28x28x1", or "784 features". */
static const char *shape_text(char text[72], lks_shape s)
{
  if (s.height == 1 && s.width == 1) {
    snprintf(text, 72, "%zu features", s.channels);
  } else {
    snprintf(text, 72, "%zux%zux%zu", s.height, s.width, s.channels);
  }
  return text;
}

static bool fits(lks_shape s)
{
  if (s.height == 0 || s.width == 0 || s.channels == 0) return false;
  if (s.height > VALUES_MAX || s.width > VALUES_MAX || s.channels > VALUES_MAX) return false;
  return s.height * s.width <= VALUES_MAX && s.height * s.width * s.channels <= VALUES_MAX;
}

/* Appends a layer, at first with the shape of what it takes. */
static lks_layer *append(fitter *f, lks_layer_kind kind, int input)
{
  const int number = (int)f->count++;
  lks_layer *layer = &f->layers[number];
  layer->kind = kind;
  layer->input[0] = input;
  layer->input[1] = -1;
  layer->line = f->statement->line;
  layer->in = layer->out = f->layers[input].out;
  f->notes[number].origin = f->statement;
  f->notes[input].takers++;
  f->notes[input].norms += kind == LKS_LAYER_BATCH_NORM;
  return layer;
}

static lks_status set_name(fitter *f, lks_layer *layer, const char *block, const char *name)
{
  const int length =
      snprintf(layer->name, sizeof layer->name, "%s%s%s", block, *block && *name ? "." : "", name);
  if (length >= LKS_NAME_MAX) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_NAME,
                               "the name '%s.%s' is longer than %d bytes; use shorter ones", block, name,
                               LKS_NAME_MAX - 1);
  }
  for (const lks_layer *other = f->layers; other < layer; other++) {
    if (strcmp(other->name, layer->name) != 0) continue;
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_NAME,
                               "the name '%s' is taken by line %d; give one of the two another name",
                               layer->name, other->line);
  }
  return LKS_OK;
}

/* The name that the text gives, or kind and number. */
static lks_status name_layer(fitter *f, lks_layer *layer)
{
  const int number = ++f->numbers[f->block != NULL][layer->kind];
  char standard[LKS_NAME_MAX];
  const char *kind = layer->kind == LKS_LAYER_BATCH_NORM ? "bn" : lks_layer_kind_name(layer->kind);
  snprintf(standard, sizeof standard, "%s%d", kind, number);
  const char *given = f->statement->name;
  return set_name(f, layer, f->block ? f->block_name : "", *given ? given : standard);
}

static lks_status fit_window(fitter *f, lks_layer *layer)
{
  const size_t in[2] = {layer->in.height, layer->in.width};
  size_t out[2];
  for (int axis = 0; axis < 2; axis++) {
    const size_t padded = in[axis] + 2 * layer->pad[axis];
    if (layer->kernel[axis] > padded) {
      return lks_model_text_fail(
          LKS_ERR_DATA, f->frame->where, f->statement, LKS_FIELD_KERNEL,
          "a kernel of %zux%zu does not fit into %zux%zu pixels with padding %zux%zu; take a smaller kernel, or fewer pools and strides above",
          layer->kernel[0], layer->kernel[1], in[0], in[1], layer->pad[0], layer->pad[1]);
    }
    out[axis] = (padded - layer->kernel[axis]) / layer->stride[axis] + 1;
    size_t *stride = &f->block_stride[axis];
    *stride = *stride * layer->stride[axis] < VALUES_MAX ? *stride * layer->stride[axis] : VALUES_MAX;
  }
  layer->out.height = out[0];
  layer->out.width = out[1];
  return LKS_OK;
}

/* The layer's settings, and the shape of its output. */
static lks_status fit_layer(fitter *f, lks_layer *layer)
{
  const lks_statement *s = f->statement;
  const bool window =
      s->kind == LKS_LAYER_CONV || s->kind == LKS_LAYER_MAX_POOL || s->kind == LKS_LAYER_AVERAGE_POOL;
  if (f->flat && (window || s->kind == LKS_LAYER_GLOBAL_AVERAGE_POOL)) {
    return lks_model_text_fail(
        LKS_ERR_DATA, f->frame->where, s, LKS_FIELD_WORD,
        "%s needs an image, but gets %zu features; leave it out, or put it above the first dense layer",
        lks_layer_kind_name(s->kind), layer->in.channels);
  }
  if (s->kind == LKS_LAYER_CONV || s->kind == LKS_LAYER_DENSE) {
    layer->out.channels = s->outputs ? s->outputs : f->frame->classes;
  }
  layer->rate = s->rate;
  layer->slope = s->slope;
  if (window) {
    memcpy(layer->kernel, s->kernel, sizeof layer->kernel);
    memcpy(layer->stride, s->stride, sizeof layer->stride);
    memcpy(layer->pad, s->pad, sizeof layer->pad);
    lks_status status = fit_window(f, layer);
    if (status) return status;
  }
  if (s->kind == LKS_LAYER_GLOBAL_AVERAGE_POOL) {
    layer->kernel[0] = layer->stride[0] = layer->in.height;
    layer->kernel[1] = layer->stride[1] = layer->in.width;
  }
  if (s->kind == LKS_LAYER_DENSE || s->kind == LKS_LAYER_GLOBAL_AVERAGE_POOL)
    layer->out.height = layer->out.width = 1;
  f->flat = f->flat || s->kind == LKS_LAYER_DENSE;
  if (fits(layer->out)) return LKS_OK;
  char out[72];
  return lks_model_text_fail(LKS_ERR_DATA, f->frame->where, s, LKS_FIELD_WORD,
                             "%s gives %s values a sample, more than %d; make it smaller",
                             lks_layer_kind_name(s->kind), shape_text(out, layer->out), VALUES_MAX);
}

static lks_status open_block(fitter *f)
{
  if (f->block) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "residual blocks do not nest; end the one of line %d first", f->block->line);
  }
  f->block = f->statement;
  f->block_input = last_of(f);
  f->block_stride[0] = f->block_stride[1] = 1;
  memset(f->numbers[1], 0, sizeof f->numbers[1]);
  const int number = ++f->numbers[0][LKS_LAYER_ADD];
  if (*f->block->name) {
    memcpy(f->block_name, f->block->name, sizeof f->block_name);
  } else {
    snprintf(f->block_name, sizeof f->block_name, "residual%d", number);
  }
  return LKS_OK;
}

/* A 1x1 convolution and its batch norm, from the block's input to the shape of its output. */
static lks_status append_shortcut(fitter *f, lks_shape want)
{
  lks_layer *conv = append(f, LKS_LAYER_CONV, f->block_input);
  conv->kernel[0] = conv->kernel[1] = 1;
  memcpy(conv->stride, f->block_stride, sizeof conv->stride);
  conv->out.channels = want.channels;
  lks_status status = fit_window(f, conv);
  if (!status) status = set_name(f, conv, f->block_name, "downsample.0");
  if (status) return status;
  if (!lks_shape_same(conv->out, want)) {
    char gives[72], wants[72];
    return lks_model_text_fail(
        LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_SHORTCUT,
        "the block gives %s and its shortcut %s; pad the block's layers so that only their strides change the size",
        shape_text(wants, want), shape_text(gives, conv->out));
  }
  return set_name(f, append(f, LKS_LAYER_BATCH_NORM, last_of(f)), f->block_name, "downsample.1");
}

/* The main path and the shortcut meet. */
static lks_status add_shortcut(fitter *f, int main_path)
{
  const lks_shape in = f->layers[f->block_input].out, out = f->layers[main_path].out;
  const bool same = lks_shape_same(in, out);
  if (!same && f->statement->shortcut == LKS_SHORTCUT_IDENTITY) {
    char gets[72], gives[72];
    return lks_model_text_fail(
        LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_SHORTCUT,
        "the block takes %s and gives %s, which an identity cannot add; use shortcut=conv or auto",
        shape_text(gets, in), shape_text(gives, out));
  }
  int shortcut = f->block_input;
  if (f->statement->shortcut == LKS_SHORTCUT_CONV || !same) {
    lks_status status = append_shortcut(f, out);
    if (status) return status;
    shortcut = last_of(f);
  }
  lks_layer *add = append(f, LKS_LAYER_ADD, main_path);
  add->input[1] = shortcut;
  f->notes[shortcut].takers++;
  return set_name(f, add, f->block_name, "");
}

static lks_status close_block(fitter *f)
{
  if (!f->block) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "there is no residual block to end; remove the line");
  }
  if (last_of(f) == f->block_input) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "the residual block is empty; put layers into it or remove it");
  }
  f->statement = f->block; /* whose line says what the shortcut is */
  f->block = NULL;
  return add_shortcut(f, last_of(f));
}

static lks_status fit_statement(fitter *f)
{
  if (f->statement->word == LKS_WORD_END) return close_block(f);
  if (f->statement->word == LKS_WORD_RESIDUAL) return open_block(f);
  lks_layer *layer = append(f, f->statement->kind, last_of(f));
  lks_status status = fit_layer(f, layer);
  return status ? status : name_layer(f, layer);
}

/* A bias in front of a batch norm is subtracted again with the mean. */
static lks_status settle_biases(fitter *f)
{
  for (size_t number = 1; number < f->count; number++) {
    lks_layer *layer = &f->layers[number];
    const note *n = &f->notes[number];
    if (layer->kind != LKS_LAYER_CONV && layer->kind != LKS_LAYER_DENSE) continue;
    const bool normed = n->takers > 0 && n->takers == n->norms;
    if (normed && n->origin->bias_yes) {
      return lks_model_text_fail(
          LKS_ERR_USAGE, f->frame->where, n->origin, LKS_FIELD_BIAS,
          "batch norm takes this layer's output and subtracts its mean, and with it any bias; remove bias=yes");
    }
    layer->bias = normed ? f->frame->without_batch_norm : !n->origin->bias_no;
  }
  return LKS_OK;
}

/* Takes the batch norms out: what took a norm's output takes the norm's input. */
static lks_status drop_batch_norm(fitter *f)
{
  lks_layer *layers = f->layers;
  size_t kept = 1;
  for (size_t number = 1; number < f->count; number++) {
    lks_layer layer = layers[number];
    for (int i = 0; i < 2; i++) {
      if (layer.input[i] >= 0) layer.input[i] = f->notes[layer.input[i]].moved;
    }
    if (layer.kind == LKS_LAYER_BATCH_NORM) {
      f->notes[number].moved = layer.input[0];
      continue;
    }
    if (layer.input[0] == layer.input[1]) {
      return lks_model_text_fail(
          LKS_ERR_USAGE, f->frame->where, f->notes[number].origin, LKS_FIELD_WORD,
          "nothing is left of this block without batch norm; give it a layer, or train with batch norm");
    }
    f->notes[number].moved = (int)kept;
    layers[kept++] = layer;
  }
  f->count = kept;
  return LKS_OK;
}

static bool has_weights(const fitter *f)
{
  for (size_t number = 1; number < f->count; number++) {
    const lks_layer_kind kind = f->layers[number].kind;
    if (kind == LKS_LAYER_CONV || kind == LKS_LAYER_DENSE || kind == LKS_LAYER_BATCH_NORM) return true;
  }
  return false;
}

static lks_status finish(fitter *f)
{
  if (f->block) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->block, LKS_FIELD_WORD,
                               "this residual block has no end; write 'end' behind its last layer");
  }
  const lks_shape out = f->layers[last_of(f)].out;
  if (!lks_shape_same(out, (lks_shape){1, 1, f->frame->classes})) {
    char text[72];
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "the last layer gives %s, but there are %zu classes; end with 'dense classes'",
                               shape_text(text, out), f->frame->classes);
  }
  lks_status status = settle_biases(f);
  if (!status && f->frame->without_batch_norm) status = drop_batch_norm(f);
  if (status || has_weights(f)) return status;
  return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                             "no layer has weights to train; add 'dense classes'");
}

static lks_status fit_all(fitter *f, const lks_statement *statements, size_t count)
{
  const lks_model_frame *frame = f->frame;
  if (!fits(frame->input) || frame->classes == 0 || frame->classes > VALUES_MAX) {
    return lks_fail(
        LKS_ERR_DATA, "%s: no model fits inputs of %zux%zux%zu and %zu classes; check the dataset",
        frame->where, frame->input.height, frame->input.width, frame->input.channels, frame->classes);
  }
  f->layers[0] = (lks_layer){.input = {-1, -1}, .in = frame->input, .out = frame->input};
  f->count = 1;
  f->flat = frame->input.height == 1 && frame->input.width == 1;
  for (size_t i = 0; i < count; i++) {
    f->statement = &statements[i];
    lks_status status = fit_statement(f);
    if (status) return status;
  }
  return finish(f);
}

lks_status lks_model_fit(lks_layer **layers, size_t *count, const lks_statement *statements,
                         size_t statement_count, const lks_model_frame *frame)
{
  const size_t room = 1 + 2 * statement_count; /* a block of three lines has up to four layers */
  fitter f = {
      .frame = frame, .layers = lks_new(room, sizeof *f.layers), .notes = lks_new(room, sizeof *f.notes)};
  lks_status status = f.layers && f.notes ? fit_all(&f, statements, statement_count) : LKS_ERR_RANK;
  lks_free(f.notes);
  if (status) {
    lks_free(f.layers);
    return status;
  }
  *layers = f.layers;
  *count = f.count;
  return LKS_OK;
}
