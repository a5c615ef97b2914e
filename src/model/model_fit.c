#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "model/model_fit.h"
#include "model/shape.h"

/* Limits of what is worth trying: values of one layer for one sample. */
enum { VALUES_MAX = 1 << 28, KINDS = LKS_LAYER_ADD + 1, DEPTH_MAX = 16 };

/* What is only known, or needed, while a model is put together: one for each layer. */
typedef struct note {
  const lks_statement *origin; /* NULL: the input */
  int takers, norms, dropped; /* layers that take the output; batch norms of them; of these, those left out */
  int moved;                  /* the layer's number without batch norm */
} note;

/* An open residual block; the whole model is the outermost one. */
typedef struct residual {
  const lks_statement *statement;
  char name[LKS_NAME_MAX];
  int input;
  size_t stride[2];   /* of its layers so far, together */
  int numbers[KINDS]; /* layers of each kind so far, in this block itself */
} residual;

/* A model being fitted to its input, statement by statement. */
typedef struct fitter {
  const lks_model_frame *frame;
  lks_layer *layers;
  note *notes;
  size_t count;                   /* layers so far */
  const lks_statement *statement; /* at hand */
  bool flat;                      /* the values above are features, no longer an image */
  residual open[DEPTH_MAX + 1];
  int depth; /* open blocks; open[depth] is the innermost one */
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

static bool is_dropped(const fitter *f, const lks_layer *layer)
{
  return layer->kind == LKS_LAYER_BATCH_NORM && (f->frame->norms.kind == LKS_NORM_LAYERS_NONE ||
                                                 (layer->own_group && layer->group.kind == LKS_NORM_NONE));
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
  layer->own_group = kind == LKS_LAYER_BATCH_NORM && f->statement->own_group;
  layer->group = f->statement->group;
  f->notes[number].origin = f->statement;
  f->notes[input].takers++;
  f->notes[input].norms += kind == LKS_LAYER_BATCH_NORM;
  f->notes[input].dropped += is_dropped(f, layer);
  return layer;
}

static lks_status name_too_long(const fitter *f, const char *block, const char *name)
{
  return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_NAME,
                             "the name '%s.%s' is longer than %d bytes; use shorter ones", block, name,
                             LKS_NAME_MAX - 1);
}

static lks_status set_name(fitter *f, lks_layer *layer, const char *block, const char *name)
{
  const int length =
      snprintf(layer->name, sizeof layer->name, "%s%s%s", block, *block && *name ? "." : "", name);
  if (length >= LKS_NAME_MAX) return name_too_long(f, block, name);
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
  residual *inside = &f->open[f->depth];
  const int number = ++inside->numbers[layer->kind];
  char standard[LKS_NAME_MAX];
  const char *kind = layer->kind == LKS_LAYER_BATCH_NORM ? "bn" : lks_layer_kind_name(layer->kind);
  snprintf(standard, sizeof standard, "%s%d", kind, number);
  const char *given = f->statement->name;
  return set_name(f, layer, inside->name, *given ? given : standard);
}

static lks_status fit_window(fitter *f, lks_layer *layer)
{
  const size_t in[2] = {layer->in.height, layer->in.width};
  size_t out[2];
  for (int axis = 0; axis < 2; axis++) {
    const size_t padded = in[axis] + 2 * layer->pad[axis];
    const size_t reach = layer->kind == LKS_LAYER_CONV ? layer->dilation[axis] * (layer->kernel[axis] - 1) + 1
                                                       : layer->kernel[axis];
    if (reach > padded) {
      return lks_model_text_fail(
          LKS_ERR_DATA, f->frame->where, f->statement, LKS_FIELD_KERNEL,
          "a kernel of %zux%zu%s does not fit into %zux%zu pixels with padding %zux%zu; take a smaller kernel, or fewer pools and strides above",
          layer->kernel[0], layer->kernel[1], reach > layer->kernel[axis] ? " with its dilation" : "", in[0],
          in[1], layer->pad[0], layer->pad[1]);
    }
    out[axis] = (padded - reach) / layer->stride[axis] + 1;
  }
  layer->out.height = out[0];
  layer->out.width = out[1];
  return LKS_OK;
}

/* Every block around the layer gets its stride. */
static void note_stride(fitter *f, const lks_layer *layer)
{
  for (int depth = 0; depth <= f->depth; depth++)
    for (int axis = 0; axis < 2; axis++) {
      size_t *stride = &f->open[depth].stride[axis];
      *stride = *stride * layer->stride[axis] < VALUES_MAX ? *stride * layer->stride[axis] : VALUES_MAX;
    }
}

static lks_status check_groups(const fitter *f, const lks_layer *layer)
{
  const size_t in = layer->in.channels, out = layer->out.channels;
  if (in % layer->groups == 0 && out % layer->groups == 0) return LKS_OK;
  return lks_model_text_fail(
      LKS_ERR_DATA, f->frame->where, f->statement, LKS_FIELD_GROUPS,
      "%zu channels in and %zu out cannot be cut into %zu groups alike; take a number that divides both", in,
      out, layer->groups);
}

static lks_status check_norm_groups(const fitter *f, const lks_layer *layer, const lks_statement *origin)
{
  if (layer->out.channels % layer->groups == 0) return LKS_OK;
  return lks_model_text_fail(
      LKS_ERR_USAGE, f->frame->where, origin, LKS_FIELD_GROUPS,
      "%zu channels cannot be cut into %zu groups alike; take a number of groups that divides them",
      layer->out.channels, layer->groups);
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
  layer->momentum = s->momentum;
  layer->epsilon = s->epsilon;
  layer->gamma_zero = s->gamma_zero;
  if (window) {
    memcpy(layer->kernel, s->kernel, sizeof layer->kernel);
    memcpy(layer->stride, s->stride, sizeof layer->stride);
    memcpy(layer->pad, s->pad, sizeof layer->pad);
    if (s->kind == LKS_LAYER_CONV) {
      memcpy(layer->dilation, s->dilation, sizeof layer->dilation);
      layer->groups = s->groups;
    }
    lks_status status = fit_window(f, layer);
    if (!status && s->kind == LKS_LAYER_CONV) status = check_groups(f, layer);
    if (status) return status;
    note_stride(f, layer);
  }
  if (s->kind == LKS_LAYER_LAYER_NORM || s->kind == LKS_LAYER_GROUP_NORM) {
    layer->groups = s->groups; /* 1 of a layer norm */
    lks_status status = check_norm_groups(f, layer, s);
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
  if (f->depth == DEPTH_MAX) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "residual blocks nest at most %d deep; end one first", DEPTH_MAX);
  }
  residual *around = &f->open[f->depth], *inside = around + 1;
  const int number = ++around->numbers[LKS_LAYER_ADD];
  char standard[LKS_NAME_MAX];
  snprintf(standard, sizeof standard, "residual%d", number);
  const char *name = *f->statement->name ? f->statement->name : standard;
  char whole[2 * LKS_NAME_MAX];
  const int length = snprintf(whole, sizeof whole, "%s%s%s", around->name, *around->name ? "." : "", name);
  if (length >= LKS_NAME_MAX) return name_too_long(f, around->name, name);
  *inside = (residual){.statement = f->statement, .input = last_of(f), .stride = {1, 1}};
  memcpy(inside->name, whole, (size_t)length + 1);
  f->depth++;
  return LKS_OK;
}

/* A 1x1 convolution and its batch norm, from the block's input to the shape of its output. */
static lks_status append_shortcut(fitter *f, const residual *b, lks_shape want)
{
  lks_layer *conv = append(f, LKS_LAYER_CONV, b->input);
  conv->kernel[0] = conv->kernel[1] = 1;
  conv->dilation[0] = conv->dilation[1] = conv->groups = 1;
  memcpy(conv->stride, b->stride, sizeof conv->stride);
  conv->out.channels = want.channels;
  lks_status status = fit_window(f, conv);
  if (!status) status = set_name(f, conv, b->name, "downsample.0");
  if (status) return status;
  if (!lks_shape_same(conv->out, want)) {
    char gives[72], wants[72];
    return lks_model_text_fail(
        LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_SHORTCUT,
        "the block gives %s and its shortcut %s; pad the block's layers so that only their strides change the size",
        shape_text(wants, want), shape_text(gives, conv->out));
  }
  return set_name(f, append(f, LKS_LAYER_BATCH_NORM, last_of(f)), b->name, "downsample.1");
}

/* The main path and the shortcut meet. */
static lks_status add_shortcut(fitter *f, const residual *b, int main_path)
{
  const lks_shape in = f->layers[b->input].out, out = f->layers[main_path].out;
  const bool same = lks_shape_same(in, out);
  if (!same && f->statement->shortcut == LKS_SHORTCUT_IDENTITY) {
    char gets[72], gives[72];
    return lks_model_text_fail(
        LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_SHORTCUT,
        "the block takes %s and gives %s, which an identity cannot add; use shortcut=conv or auto",
        shape_text(gets, in), shape_text(gives, out));
  }
  int shortcut = b->input;
  if (f->statement->shortcut == LKS_SHORTCUT_CONV || !same) {
    lks_status status = append_shortcut(f, b, out);
    if (status) return status;
    shortcut = last_of(f);
  }
  lks_layer *add = append(f, LKS_LAYER_ADD, main_path);
  add->input[1] = shortcut;
  f->notes[shortcut].takers++;
  return set_name(f, add, b->name, "");
}

static lks_status close_block(fitter *f)
{
  const residual *b = &f->open[f->depth];
  if (f->depth == 0) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "there is no residual block or repeat to end; remove the line");
  }
  if (last_of(f) == b->input) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->statement, LKS_FIELD_WORD,
                               "the residual block is empty; put layers into it or remove it");
  }
  f->statement = b->statement; /* whose line says what the shortcut is */
  f->depth--;
  return add_shortcut(f, b, last_of(f));
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
    layer->bias = normed ? n->dropped > 0 : !n->origin->bias_no;
  }
  return LKS_OK;
}

/* Takes batch norms out: what took a norm's output takes the norm's input. */
static lks_status drop_batch_norm(fitter *f)
{
  lks_layer *layers = f->layers;
  size_t kept = 1;
  for (size_t number = 1; number < f->count; number++) {
    lks_layer layer = layers[number];
    for (int i = 0; i < 2; i++) {
      if (layer.input[i] >= 0) layer.input[i] = f->notes[layer.input[i]].moved;
    }
    if (is_dropped(f, &layer)) {
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

/* Batch norms become layer norms or group norms, under their names. */
static lks_status replace_batch_norm(fitter *f)
{
  const lks_norm_layers norms = f->frame->norms;
  lks_status status = LKS_OK;
  for (size_t number = 1; number < f->count && !status; number++) {
    lks_layer *layer = &f->layers[number];
    if (layer->kind != LKS_LAYER_BATCH_NORM) continue;
    const bool whole = norms.kind == LKS_NORM_LAYERS_LAYER;
    layer->own_group = false;
    layer->kind = whole ? LKS_LAYER_LAYER_NORM : LKS_LAYER_GROUP_NORM;
    layer->groups = whole ? 1 : norms.groups;
    status = check_norm_groups(f, layer, f->notes[number].origin);
  }
  return status;
}

static bool has_weights(const fitter *f)
{
  for (size_t number = 1; number < f->count; number++) {
    const lks_layer_kind kind = f->layers[number].kind;
    if (kind == LKS_LAYER_CONV || kind == LKS_LAYER_DENSE || kind == LKS_LAYER_BATCH_NORM) return true;
    if (kind == LKS_LAYER_LAYER_NORM || kind == LKS_LAYER_GROUP_NORM) return true;
  }
  return false;
}

static lks_status finish(fitter *f)
{
  if (f->depth > 0) {
    return lks_model_text_fail(LKS_ERR_USAGE, f->frame->where, f->open[f->depth].statement, LKS_FIELD_WORD,
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
  if (!status) status = drop_batch_norm(f);
  if (!status && f->frame->norms.kind != LKS_NORM_LAYERS_BATCH) status = replace_batch_norm(f);
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
