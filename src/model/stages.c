#include "model/stages.h"

#include "base/arena.h"
#include "model/layer_patterns.h"

/* What is known of a layer while its operator is being chosen. */
typedef struct layer_note {
  int consumers, consumer; /* how many, and the last of them */
  int op;                  /* the operator that makes its output */
  bool absorbed;           /* its work is done by the operator of a later layer */
  int norm;                /* the batch norm that this layer ends, or -1 */
} layer_note;

static size_t shape_elements(lks_shape shape)
{
  return shape.height * shape.width * shape.channels;
}

/* Bytes of a microbatch of values of `type`, each on a cache line of its own. */
static size_t stride_of(const lks_stages *s, size_t elements, lks_type type)
{
  return lks_whole_lines(s->microbatch * elements * lks_type_bytes(type));
}

static lks_op_kind op_kind(lks_layer_kind kind)
{
  switch (kind) {
  case LKS_LAYER_INPUT: return LKS_OP_INPUT;
  case LKS_LAYER_CONV:
  case LKS_LAYER_DENSE: return LKS_OP_LINEAR;
  case LKS_LAYER_BATCH_NORM: return LKS_OP_NORM;
  case LKS_LAYER_RELU: return LKS_OP_RELU;
  case LKS_LAYER_LEAKY_RELU: return LKS_OP_LEAKY_RELU;
  case LKS_LAYER_SIGMOID: return LKS_OP_SIGMOID;
  case LKS_LAYER_GELU: return LKS_OP_GELU;
  case LKS_LAYER_SILU: return LKS_OP_SILU;
  case LKS_LAYER_TANH: return LKS_OP_TANH;
  case LKS_LAYER_LAYER_NORM:
  case LKS_LAYER_GROUP_NORM: return LKS_OP_GROUP_NORM;
  case LKS_LAYER_MAX_POOL:
  case LKS_LAYER_AVERAGE_POOL:
  case LKS_LAYER_GLOBAL_AVERAGE_POOL: return LKS_OP_POOL;
  case LKS_LAYER_DROPOUT: return LKS_OP_DROPOUT;
  case LKS_LAYER_ADD: break;
  }
  return LKS_OP_ADD;
}

static void note_consumers(layer_note *note, const lks_model *model)
{
  size_t layers = lks_model_layers(model);
  for (size_t l = 0; l < layers; l++) note[l] = (layer_note){.consumer = -1, .op = -1, .norm = -1};
  for (size_t l = 0; l < layers; l++) {
    for (int k = 0; k < 2; k++) {
      int input = lks_model_layer(model, l)->input[k];
      if (input < 0) continue;
      note[input].consumers++;
      note[input].consumer = (int)l;
    }
  }
}

/* The layer after `l` if it alone takes the output of `l`; else -1. */
static int sole_consumer(const layer_note *note, int l)
{
  return note[l].consumers == 1 ? note[l].consumer : -1;
}

/* Whether the windows lie side by side, and a byte can name a place in one. */
static bool has_tiled_windows(const lks_layer *pool)
{
  return pool->stride[0] == pool->kernel[0] && pool->stride[1] == pool->kernel[1] && !pool->pad[0] &&
         !pool->pad[1] && pool->kernel[0] * pool->kernel[1] <= UINT8_MAX;
}

/* A batch norm takes over the add and the relu that follow it, so that they cost no pass of their own over
 * memory. A block's main path comes before its shortcut and the add after both, so at the add's place all
 * inputs are there. Without an add a max pool is taken over too: what it reads is then never written. */
static void absorb_followers(layer_note *note, const lks_model *model)
{
  for (int l = 0; l < (int)lks_model_layers(model); l++) {
    if (lks_model_layer(model, (size_t)l)->kind != LKS_LAYER_BATCH_NORM) continue;
    int end = l, next = sole_consumer(note, end);
    bool added = next >= 0 && lks_model_layer(model, (size_t)next)->kind == LKS_LAYER_ADD &&
                 lks_model_layer(model, (size_t)next)->input[0] == end;
    if (added) {
      note[end].absorbed = true;
      end = next;
      next = sole_consumer(note, end);
    }
    if (next >= 0 && lks_model_layer(model, (size_t)next)->kind == LKS_LAYER_RELU) {
      note[end].absorbed = true;
      end = next;
      next = sole_consumer(note, end);
    }
    if (next >= 0 && !added && lks_model_layer(model, (size_t)next)->kind == LKS_LAYER_MAX_POOL &&
        has_tiled_windows(lks_model_layer(model, (size_t)next))) {
      note[end].absorbed = true;
      end = next;
    }
    note[end].norm = l;
  }
}

static lks_op make_op(const layer_note *note, const lks_model *model, const lks_op *made, int l)
{
  const lks_layer *layer = lks_model_layer(model, (size_t)l);
  int norm = note[l].norm;
  lks_op op = {.kind = op_kind(layer->kind),
               .layer = layer,
               .input = -1,
               .residual = -1,
               .out = layer->out,
               .elements = shape_elements(layer->out),
               .dx = -1,
               .dresidual = -1};
  for (int k = 0; k < LKS_CONSUMERS_MAX; k++) op.gradient[k] = -1;
  if (norm >= 0) {
    op.kind = LKS_OP_NORM;
    op.layer = lks_model_layer(model, (size_t)norm);
    if (layer->kind == LKS_LAYER_MAX_POOL) op.pool = layer;
    const lks_layer *last = op.pool ? lks_model_layer(model, (size_t)op.pool->input[0]) : layer;
    op.relu = last->kind == LKS_LAYER_RELU;
    int add = layer->kind == LKS_LAYER_ADD ? l : op.relu ? last->input[0] : -1;
    if (add >= 0 && lks_model_layer(model, (size_t)add)->kind == LKS_LAYER_ADD)
      op.residual = note[lks_model_layer(model, (size_t)add)->input[1]].op;
  }
  if (op.layer->input[0] >= 0) op.input = note[op.layer->input[0]].op;
  if (op.kind == LKS_OP_ADD) op.residual = note[op.layer->input[1]].op;

  if (op.input >= 0) op.stage = made[op.input].stage + (op.kind == LKS_OP_NORM);
  if (op.residual >= 0 && made[op.residual].stage > op.stage) op.stage = made[op.residual].stage;
  return op;
}

/* Operators in the order of the layers; returns how many. */
static int make_ops(lks_op *op, layer_note *note, const lks_model *model)
{
  int ops = 0;
  for (int l = 0; l < (int)lks_model_layers(model); l++) {
    if (note[l].absorbed) continue;
    op[ops] = make_op(note, model, op, l);
    note[l].op = ops++;
  }
  return ops;
}

/* Sorts the operators by stage, keeping their order inside a stage. order[old] = new. */
static void sort_by_stage(lks_stages *s, const lks_op *unsorted, int *order)
{
  int placed = 0;
  for (int stage = 0; stage < s->stages; stage++) {
    s->begin[stage] = placed;
    for (int o = 0; o < s->ops; o++) {
      if (unsorted[o].stage != stage) continue;
      s->op[placed] = unsorted[o];
      order[o] = placed++;
    }
  }
  s->begin[s->stages] = placed;
  for (int o = 0; o < s->ops; o++) {
    lks_op *op = &s->op[o];
    if (op->input >= 0) op->input = order[op->input];
    if (op->residual >= 0) op->residual = order[op->residual];
    op->unit = s->units[op->kind]++;
  }
}

/* An operator that needs none of its input may write over it, if the one before does not need its output
 * either. */
static bool works_in_place(const lks_stages *s, const lks_op *op)
{
  if (op->kind != LKS_OP_RELU && op->kind != LKS_OP_LEAKY_RELU && op->kind != LKS_OP_SIGMOID &&
      op->kind != LKS_OP_TANH && op->kind != LKS_OP_DROPOUT)
    return false;
  int consumers = 0;
  for (int o = 0; o < s->ops; o++)
    consumers += (s->op[o].input == op->input) + (s->op[o].residual == op->input);
  const lks_op *before = &s->op[op->input];
  bool output_unneeded = before->kind == LKS_OP_LINEAR || before->kind == LKS_OP_POOL ||
                         before->kind == LKS_OP_ADD || before->kind == LKS_OP_GELU ||
                         before->kind == LKS_OP_GROUP_NORM || before->kind == LKS_OP_SILU ||
                         (before->kind == LKS_OP_NORM && !before->relu);
  return consumers == 1 && output_unneeded;
}

static void place_values(lks_stages *s)
{
  for (int o = 0; o < s->ops; o++) {
    lks_op *op = &s->op[o];
    op->type = o == s->ops - 1 && op->kind == LKS_OP_LINEAR ? LKS_FP32 : s->type;
    op->stride = stride_of(s, op->elements, op->type);
    op->in_place = works_in_place(s, op);
    op->value = op->in_place ? s->op[op->input].value : s->value_bytes;
    if (!op->in_place) s->value_bytes += op->stride;
  }
}

/* For the gradient of the output of `op`. */
static int new_buffer(lks_stages *s, int stage, const lks_op *op)
{
  s->buffer[s->buffers] =
      (lks_buffer){.first_stage = stage, .last_stage = stage, .stride = stride_of(s, op->elements, s->type)};
  return s->buffers++;
}

static void use_buffer(lks_stages *s, int buffer, int stage)
{
  if (buffer >= 0 && stage < s->buffer[buffer].last_stage) s->buffer[buffer].last_stage = stage;
}

/* Books `buffer` as one contribution to the gradient of value `o`, if that is wanted. */
static void contribute(lks_stages *s, int o, int buffer)
{
  lks_op *op = &s->op[o];
  int k = 0;
  if (!op->wanted) return;
  while (k < LKS_CONSUMERS_MAX - 1 && op->gradient[k] >= 0) k++;
  op->gradient[k] = buffer;
}

/* Which buffer each operator of the backward pass writes. A batch norm changes its gradient in place, first
 * to that before the activation (stage of the operator), then to that of its input (the stage below). With a
 * residual the first one is also the gradient of the residual, and with a pool it is smaller, so the second
 * one gets a buffer of its own. */
static void choose_gradient_buffer(lks_stages *s, lks_op *op)
{
  int g = op->gradient[0];
  for (int k = 0; k < LKS_CONSUMERS_MAX; k++) use_buffer(s, op->gradient[k], op->stage);
  if (!op->wanted) return;
  if (!s->op[op->input].wanted) {
    if (op->residual >= 0) contribute(s, op->residual, g);
    return;
  }
  const lks_op *input = &s->op[op->input];
  switch (op->kind) {
  case LKS_OP_NORM:
    use_buffer(s, g, op->stage - 1);
    if (op->residual >= 0) contribute(s, op->residual, g);
    op->dx = op->residual >= 0 || op->pool ? new_buffer(s, op->stage - 1, input) : g;
    break;
  case LKS_OP_LINEAR:
  case LKS_OP_POOL: op->dx = new_buffer(s, op->stage, input); break;
  case LKS_OP_ADD:
    op->dx = g;
    if (s->op[op->residual].wanted) op->dresidual = new_buffer(s, op->stage, op);
    contribute(s, op->residual, op->dresidual);
    break;
  default: op->dx = g; break;
  }
  contribute(s, op->input, op->dx);
}

static bool alive_together(const lks_buffer *a, const lks_buffer *b)
{
  return a->first_stage >= b->last_stage && b->first_stage >= a->last_stage;
}

/* First fit: the lowest place where no buffer lies that is alive in one of the same stages. */
static void place_buffer(lks_stages *s, int b)
{
  lks_buffer *buffer = &s->buffer[b];
  bool moved = true;
  while (moved) {
    moved = false;
    for (int o = 0; o < b; o++) {
      const lks_buffer *other = &s->buffer[o];
      bool overlap =
          buffer->offset < other->offset + other->stride && other->offset < buffer->offset + buffer->stride;
      if (!overlap || !alive_together(buffer, other)) continue;
      buffer->offset = other->offset + other->stride;
      moved = true;
    }
  }
  if (buffer->offset + buffer->stride > s->buffer_bytes) s->buffer_bytes = buffer->offset + buffer->stride;
}

static bool is_trained(const lks_op *op, lks_frozen frozen)
{
  if (op->kind != LKS_OP_LINEAR && op->kind != LKS_OP_NORM && op->kind != LKS_OP_GROUP_NORM) return false;
  if (op->kind == LKS_OP_NORM && frozen.norm) return false;
  return !frozen.layers || !lks_layer_patterns_take(frozen.layers, op->layer->name);
}

static void find_wanted(lks_stages *s, lks_frozen frozen)
{
  s->lowest = s->stages - 1;
  for (int o = 0; o < s->ops; o++) {
    lks_op *op = &s->op[o];
    op->trained = is_trained(op, frozen);
    op->wanted = op->trained || (op->input >= 0 && s->op[op->input].wanted) ||
                 (op->residual >= 0 && s->op[op->residual].wanted);
    if (op->wanted && op->stage < s->lowest) s->lowest = op->stage;
  }
}

static void place_gradients(lks_stages *s)
{
  lks_op *logits = &s->op[s->ops - 1];
  logits->gradient[0] = new_buffer(s, s->stages - 1, logits);
  for (int o = s->ops - 1; o >= 0; o--) choose_gradient_buffer(s, &s->op[o]);
  for (int b = 0; b < s->buffers; b++) place_buffer(s, b);
}

static lks_status allocate(lks_stages **stages, size_t layers)
{
  lks_stages *s = lks_new(1, sizeof *s);
  if (!s) return LKS_ERR_RANK;
  *stages = s;
  s->op = lks_new(layers, sizeof *s->op);
  s->begin = lks_new(layers + 1, sizeof *s->begin);
  s->buffer = lks_new(2 * layers + 1, sizeof *s->buffer);
  return s->op && s->begin && s->buffer ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_stages_create(lks_stages **stages, const lks_model *model, size_t microbatch, lks_type type,
                             lks_frozen frozen)
{
  size_t layers = lks_model_layers(model);
  layer_note *note = lks_new(layers, sizeof *note);
  lks_op *unsorted = lks_new(layers, sizeof *unsorted);
  int *order = lks_new(layers, sizeof *order);
  *stages = NULL;
  lks_status status = note && unsorted && order ? allocate(stages, layers) : LKS_ERR_RANK;
  if (!status) {
    lks_stages *s = *stages;
    s->type = type;
    s->microbatch = microbatch;
    note_consumers(note, model);
    absorb_followers(note, model);
    s->ops = make_ops(unsorted, note, model);
    for (int o = 0; o < s->ops; o++)
      if (unsorted[o].stage >= s->stages) s->stages = unsorted[o].stage + 1;
    sort_by_stage(s, unsorted, order);
    find_wanted(s, frozen);
    place_values(s);
    place_gradients(s);
  }
  lks_free(note);
  lks_free(unsorted);
  lks_free(order);
  if (status) lks_stages_destroy(stages);
  return status;
}

void lks_stages_destroy(lks_stages **stages)
{
  if (!stages || !*stages) return;
  lks_free((*stages)->op);
  lks_free((*stages)->begin);
  lks_free((*stages)->buffer);
  lks_free(*stages);
  *stages = NULL;
}
