#include "model/network_parts.h"

#include "base/integers.h"
#include "model/isa_agree.h"
#include "model/parameters.h"
#include "sums/partition.h"

#include <omp.h>
#include <string.h>

/* Making and freeing a network: sizes first, one allocation, then pointers into it. */

static lks_window window_of(const lks_layer *layer, size_t microbatch)
{
  bool dense = layer->kind == LKS_LAYER_DENSE;
  bool global = layer->kind == LKS_LAYER_GLOBAL_AVERAGE_POOL;
  lks_window window = {.samples = microbatch,
                       .in_height = layer->in.height,
                       .in_width = layer->in.width,
                       .in_channels = layer->in.channels,
                       .out_height = layer->out.height,
                       .out_width = layer->out.width,
                       .out_channels = layer->out.channels,
                       .kernel_height = global ? layer->in.height : layer->kernel[0],
                       .kernel_width = global ? layer->in.width : layer->kernel[1],
                       .stride_height = global ? 1 : layer->stride[0],
                       .stride_width = global ? 1 : layer->stride[1],
                       .pad_top = layer->pad[0],
                       .pad_left = layer->pad[1],
                       .pad_bottom = layer->pad[0],
                       .pad_right = layer->pad[1],
                       .groups = layer->groups};
  for (int axis = 0; axis < 2 && layer->kind == LKS_LAYER_CONV; axis++)
    *(axis ? &window.gap_width : &window.gap_height) = layer->dilation[axis] - 1;
  if (dense) {
    window.in_channels *= window.in_height * window.in_width;
    window.in_height = window.in_width = window.kernel_height = window.kernel_width = 1;
    window.stride_height = window.stride_width = 1;
  }
  return window;
}

static lks_status create_linears(lks_network *network, size_t *scratch)
{
  const lks_stages *s = network->stages;
  for (int u = 0; u < s->units[LKS_OP_LINEAR]; u++) {
    lks_linear_unit *unit = &network->linear[u];
    const lks_layer *layer = unit->op->layer;
    lks_window window = window_of(layer, network->options.microbatch);
    lks_linear_kind kind = layer->kind == LKS_LAYER_CONV ? LKS_LINEAR_CONV : LKS_LINEAR_DENSE;
    lks_status status = lks_linear_create(&unit->linear, kind, &window, layer->bias, unit->op->dx >= 0,
                                          s->type, unit->op->type, network->threads);
    if (status) return lks_fail_in(status, "layer %s: ", layer->name);
    unit->gradient_elements = lks_linear_gradient_elements(unit->linear);
    lks_arena_reserve(network->arena, &unit->packed, lks_linear_packed_bytes(unit->linear), 1);
    lks_arena_reserve(network->arena, &unit->gradient, unit->op->trained ? unit->gradient_elements : 0,
                      sizeof(float));
    *scratch = lks_max(*scratch, lks_linear_scratch_bytes(unit->linear));
  }
  return LKS_OK;
}

static lks_status create_pools(lks_network *network, size_t *scratch)
{
  const lks_stages *s = network->stages;
  for (int o = 0; o < s->ops; o++) {
    if (s->op[o].kind != LKS_OP_POOL) continue;
    lks_pool_unit *unit = &network->pool[s->op[o].unit];
    const lks_layer *layer = s->op[o].layer;
    lks_window window = window_of(layer, network->options.microbatch);
    lks_pool_kind kind = layer->kind == LKS_LAYER_MAX_POOL ? LKS_POOL_MAX : LKS_POOL_AVERAGE;
    lks_status status = lks_pool_create(&unit->pool, kind, &window, s->type, network->threads);
    if (status) return lks_fail_in(status, "layer %s: ", layer->name);
    unit->workspace_stride = lks_whole_lines(lks_pool_workspace_bytes(unit->pool));
    lks_arena_reserve(network->arena, &unit->workspace, network->shard_max, unit->workspace_stride);
    *scratch = lks_max(*scratch, lks_pool_scratch_bytes(unit->pool));
  }
  return LKS_OK;
}

static void reserve_argmax(lks_network *network)
{
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    if (!unit->op->pool) continue;
    unit->argmax_stride = lks_whole_lines(network->options.microbatch * unit->op->elements);
    lks_arena_reserve(network->arena, &unit->argmax, network->shard_max, unit->argmax_stride);
    lks_arena_reserve(network->arena, &unit->chosen, network->shard_max, unit->op->stride);
  }
}

static void reserve_form(lks_network *network, lks_batch_norm_form *form, size_t channels)
{
  float **part[] = {&form->mean, &form->scale, &form->shift, &form->rstd, &form->offset};
  for (size_t p = 0; p < sizeof part / sizeof *part; p++)
    lks_arena_reserve(network->arena, part[p], channels, sizeof(float));
}

/* Channels of the batch norms that share the reduction of a stage, at most. */
static size_t reserve_norms(lks_network *network)
{
  size_t stage_channels = 0, channels = 0;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    size_t columns = 2 * unit->channels;
    const bool same_stage = u > 0 && (unit - 1)->op->stage == unit->op->stage;
    channels = unit->channels + (same_stage ? channels : 0);
    stage_channels = lks_max(stage_channels, channels);
    lks_arena_reserve(network->arena, &unit->segment_sums, unit->segments_max * columns, sizeof(double));
    lks_arena_reserve(network->arena, &unit->local, unit->groups_max * columns * LKS_EXACT_LIMBS,
                      sizeof(int64_t));
    lks_arena_reserve(network->arena, &unit->mean, unit->groups_max * columns, sizeof(double));
    lks_arena_reserve(network->arena, &unit->moments, columns, sizeof(double));
    lks_arena_reserve(network->arena, &unit->pooled_forward, columns * LKS_EXACT_LIMBS, sizeof(int64_t));
    lks_arena_reserve(network->arena, &unit->pooled_backward, columns * LKS_EXACT_LIMBS, sizeof(int64_t));
    lks_arena_reserve(network->arena, &unit->precise, columns * LKS_EXACT_LIMBS, sizeof(int64_t));
    lks_arena_reserve(network->arena, &unit->disturbance, network->options.disturb > 0 ? 2 * columns : 0,
                      sizeof(float));
    lks_arena_reserve(network->arena, &unit->noise, columns * LKS_EXACT_LIMBS, sizeof(int64_t));
    for (size_t g = 0; g < unit->groups_max; g++) reserve_form(network, &unit->form[g], unit->channels);
    reserve_form(network, &unit->running, unit->channels);
  }
  return stage_channels;
}

/* Channels of all group norms together. */
static size_t reserve_group_norms(lks_network *network)
{
  lks_arena *arena = network->arena;
  size_t all = 0, widest = 0, samples = network->shard_max * network->options.microbatch;
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM]; u++) {
    lks_group_norm_unit *unit = &network->group_norm[u];
    all += unit->channels;
    widest = lks_max(widest, unit->channels);
    lks_arena_reserve(arena, &unit->moments, samples * 2 * unit->groups, sizeof(double));
    lks_arena_reserve(arena, &unit->sums, network->shard_max * 2 * unit->channels, sizeof(double));
    lks_arena_reserve(arena, &unit->pooled, 2 * unit->channels * LKS_EXACT_LIMBS, sizeof(int64_t));
  }
  for (int t = 0; t < network->threads && widest > 0; t++) {
    lks_group_norm_work *work = &network->group_norm_work[t];
    reserve_form(network, &work->form, widest);
    lks_arena_reserve(arena, &work->coefficient, 2 * widest, sizeof(float));
    lks_arena_reserve(arena, &work->sums, 4 * widest, sizeof(double));
  }
  return all;
}

static void reserve_values(lks_network *network)
{
  lks_arena *arena = network->arena;
  size_t samples = network->shard_max * network->options.microbatch;
  lks_arena_reserve(arena, &network->values, network->shard_max, network->stages->value_bytes);
  lks_arena_reserve(arena, &network->logits, samples * network->classes, sizeof(float));
  lks_arena_reserve(arena, &network->loss, samples, sizeof(double));
  lks_arena_reserve(arena, &network->correct, samples, 1);
}

static void reserve_messages(lks_network *network, size_t stage_channels)
{
  lks_arena *arena = network->arena;
  const lks_stages *s = network->stages;
  size_t ranks = (size_t)network->ranks, pooled = 2 * reserve_group_norms(network), widest = 0;
  for (int u = 0; u < s->units[LKS_OP_NORM]; u++) {
    pooled += 6 * network->unit_norm[u].channels;
    widest = lks_max(widest, network->unit_norm[u].channels);
  }
  lks_arena_reserve(arena, &network->message, ranks * 2 * stage_channels * LKS_EXACT_LIMBS, sizeof(int64_t));
  lks_arena_reserve(arena, &network->last, (LKS_LAST_COUNT + pooled) * LKS_EXACT_LIMBS, sizeof(int64_t));
  lks_arena_reserve(arena, &network->moments, 2 * widest, sizeof(double));
  for (int t = 0; t < network->threads; t++)
    lks_arena_reserve(arena, &network->coefficient[t], 2 * widest, sizeof(float));
}

/* Scratch of oneDNN, and the vectors of the tree stacks, one set a thread. */
static void reserve_threads(lks_network *network, size_t scratch)
{
  size_t floats = 0, leaves = network->shard_max;
  for (int u = 0; u < network->stages->units[LKS_OP_LINEAR]; u++)
    floats = lks_max(floats, lks_tree_stride(network->linear[u].gradient_elements));
  size_t run = lks_divide_up(leaves, (size_t)network->threads);
  size_t vectors = 2, rank_vectors = 2;
  for (size_t grow = 1; grow < run + 1; grow *= 2) vectors += 2;
  for (size_t grow = 1; grow < leaves + 1; grow *= 2) rank_vectors += 2;
  for (int t = 0; t < network->threads; t++) {
    lks_arena_reserve(network->arena, &network->scratch[t], scratch, 1);
    lks_arena_reserve(network->arena, &network->leaf_sums[t], vectors * floats, sizeof(float));
  }
  lks_arena_reserve(network->arena, &network->rank_sums, network->threads > 1 ? rank_vectors * floats : 0,
                    sizeof(float));
}

/* How many groups of a mini-batch a shard of so many microbatches can touch at most. */
static size_t groups_bound(const lks_network *network, lks_norm norm, size_t microbatches)
{
  size_t samples = microbatches * network->options.microbatch;
  switch (norm.kind) {
  case LKS_NORM_SIZE: return lks_min(samples, samples / norm.size + 2);
  case LKS_NORM_RANKS: return microbatches;
  default: return 1;
  }
}

/* Lengths of the gradients in the order in which lks_backward_weights_all goes: stages and operators
 * downwards; without those of frozen layers. Freed with lks_free. */
static size_t *gradient_elements(const lks_network *network, size_t *count)
{
  const lks_stages *s = network->stages;
  size_t b = 0, *elements = lks_new((size_t)s->units[LKS_OP_LINEAR] + 1, sizeof *elements);
  for (int o = s->ops - 1; o >= 0 && elements; o--)
    if (s->op[o].kind == LKS_OP_LINEAR && s->op[o].trained)
      elements[b++] = network->linear[s->op[o].unit].gradient_elements;
  *count = b;
  return elements;
}

static size_t microbatches_of(const lks_network *network)
{
  return lks_divide_up(network->options.batch_size, network->options.microbatch);
}

static lks_status create_gradient_sum_all(lks_network *network)
{
  size_t buckets, *elements = gradient_elements(network, &buckets);
  lks_status status = lks_comm_agree_all(network->comm, elements ? LKS_OK : LKS_ERR_RANK);
  if (!status)
    status = lks_gradient_sum_create_all(&network->gradient_sum, network->comm, network->options.reduce,
                                         buckets, elements, microbatches_of(network));
  lks_free(elements);
  return status;
}

static lks_status check_augmentation(const lks_network *network)
{
  const lks_network_options *o = &network->options;
  lks_shape input = lks_model_layer(network->model, 0)->out;
  if ((o->crop || o->flip) && input.height * input.width == 1)
    return lks_fail(LKS_ERR_USAGE,
                    "crop and flip are for images: samples of features have no pixels to move");
  if ((size_t)o->crop > lks_min(input.height, input.width))
    return lks_fail(LKS_ERR_USAGE,
                    "crop by %d pixels moves images of %zux%zu out of sight: choose a smaller --crop",
                    o->crop, input.height, input.width);
  return LKS_OK;
}

/* oneDNN would carry bf16 out on older processors too, but slower than fp32. */
static lks_status check_precision(lks_type type)
{
  if (type == LKS_BF16 && lks_isa_used() < LKS_ISA_AVX512_BF16)
    return lks_fail(
        LKS_ERR_USAGE,
        "--precision bf16 needs --isa avx512_bf16 or amx, of which every rank's processor must have one, and %s is in use; choose --precision fp32",
        lks_isa_name(lks_isa_used()));
  return LKS_OK;
}

static lks_status check_options(lks_network *network)
{
  const lks_network_options *o = &network->options;
  if (!o->batch_size || !o->microbatch || o->microbatch > o->batch_size)
    return lks_fail(LKS_ERR_USAGE, "a mini-batch of %zu samples cannot be cut into microbatches of %zu",
                    o->batch_size, o->microbatch);
  if ((o->norm.kind == LKS_NORM_SIZE || o->norm.kind == LKS_NORM_RANKS) && o->norm.size == 0)
    return lks_fail(LKS_ERR_USAGE, "normalization batches of 0 %s: take at least 1",
                    o->norm.kind == LKS_NORM_SIZE ? "samples" : "ranks");
  if (o->norm.kind == LKS_NORM_SIZE && o->norm.size > o->batch_size)
    return lks_fail(
        LKS_ERR_USAGE,
        "normalization batches of %zu samples do not fit into mini-batches of %zu: choose --bn K with K at most --batch-size, or --bn sync",
        o->norm.size, o->batch_size);
  if (o->measure_noise && lks_model_layers(network->model) > LKS_NOISE_NORMS_MAX)
    return lks_fail(LKS_ERR_USAGE, "noise can be measured in models of up to %d layers", LKS_NOISE_NORMS_MAX);
  return check_augmentation(network);
}

/* Everything reserved since the last call has this purpose. */
static void book(lks_network *network, size_t *purpose)
{
  *purpose += lks_arena_reserved(network->arena) - lks_network_memory_sum(&network->memory);
}

/* Order is that of purposes; what a pool keeps for its backward pass is counted as workspace. */
static lks_status reserve_all(lks_network *network)
{
  size_t scratch = 0;
  lks_network_memory *memory = &network->memory;
  lks_status status = lks_parameters_describe(network);
  book(network, &memory->parameters);
  if (!status) status = create_linears(network, &scratch);
  if (!status) status = create_pools(network, &scratch);
  if (status) return status;
  reserve_argmax(network);
  reserve_threads(network, scratch);
  book(network, &memory->workspaces);
  reserve_messages(network, reserve_norms(network));
  book(network, &memory->sums);
  reserve_values(network);
  book(network, &memory->values);
  lks_arena_reserve(network->arena, &network->buffers, network->shard_max, network->stages->buffer_bytes);
  book(network, &memory->value_gradients);
  return LKS_OK;
}

static bool same_norm(lks_norm a, lks_norm b)
{
  return a.kind == b.kind && a.size == b.size;
}

/* The number of a normalization batch among those that the network has, where it comes to stand if it is new. */
static size_t number_of_norm(lks_network *network, lks_norm norm)
{
  size_t n = 0;
  while (n < network->norms && !same_norm(network->norm[n], norm)) n++;
  if (n == network->norms) network->norm[network->norms++] = norm;
  return n;
}

static lks_status choose_normalization_batches(lks_network *network)
{
  const size_t units = (size_t)network->stages->units[LKS_OP_NORM];
  const lks_network_options *options = &network->options;
  network->norm = lks_new(units + 1, sizeof *network->norm);
  if (!network->norm) return LKS_ERR_RANK;
  network->norm[network->norms++] = options->norm;
  for (int o = 0; o < network->stages->ops; o++) {
    const lks_op *op = &network->stages->op[o];
    if (op->kind != LKS_OP_NORM) continue;
    lks_norm_unit *unit = &network->unit_norm[op->unit];
    const bool own = op->layer->own_group && !options->norms_alike;
    const lks_norm norm = own ? op->layer->group : options->norm;
    unit->plan = number_of_norm(network, norm);
    unit->groups_max = groups_bound(network, norm, network->shard_max);
    unit->segments_max = network->shard_max + unit->groups_max;
    unit->form = lks_new(unit->groups_max, sizeof *unit->form);
    if (!unit->form) return LKS_ERR_RANK;
  }
  return LKS_OK;
}

/* All that comes before the memory: stages, primitives, sizes. */
static lks_status size_up(lks_network *network)
{
  const lks_type type = network->options.precision;
  lks_status status = check_options(network);
  if (!status) status = check_precision(type);
  if (status) return status;
  size_t microbatch = network->options.microbatch, threads = (size_t)network->threads;
  network->shard_max = lks_partition_begin(microbatches_of(network), (size_t)network->ranks, 1);
  network->classes = lks_model_classes(network->model);
  status = lks_arena_create(&network->arena);
  const lks_frozen frozen = {network->options.freeze, network->options.freeze_norm};
  if (!status) status = lks_stages_create(&network->stages, network->model, microbatch, type, frozen);
  network->options.freeze = NULL; /* the caller's */
  if (status) return status;

  const lks_stages *s = network->stages;
  size_t norms = (size_t)s->units[LKS_OP_NORM];
  network->linear = lks_new((size_t)s->units[LKS_OP_LINEAR] + 1, sizeof *network->linear);
  network->unit_norm = lks_new(norms + 1, sizeof *network->unit_norm);
  network->pool = lks_new((size_t)s->units[LKS_OP_POOL] + 1, sizeof *network->pool);
  network->group_norm = lks_new((size_t)s->units[LKS_OP_GROUP_NORM] + 1, sizeof *network->group_norm);
  network->group_norm_work = lks_new(threads, sizeof *network->group_norm_work);
  network->scratch = lks_new(threads, sizeof *network->scratch);
  network->coefficient = lks_new(threads, sizeof *network->coefficient);
  network->leaf_sums = lks_new(threads, sizeof *network->leaf_sums);
  network->stack = lks_new(threads + 1, sizeof *network->stack);
  if (!network->linear || !network->unit_norm || !network->group_norm || !network->group_norm_work ||
      !network->pool || !network->scratch || !network->coefficient || !network->leaf_sums || !network->stack)
    return LKS_ERR_RANK;

  status = choose_normalization_batches(network);
  return status ? status : reserve_all(network);
}

/* All that this rank can do alone. */
static lks_status build(lks_network *network)
{
  lks_status status = size_up(network);
  if (!status) status = lks_arena_commit(network->arena);
  if (!status) status = lks_network_prepare(network, network->options.batch_size, false);
  return status;
}

static void begin(lks_network *network, const lks_model *model, const lks_network_options *options, int ranks)
{
  network->model = model;
  network->ranks = ranks;
  network->options = *options;
  network->threads = options->threads > 0 ? options->threads : 1;
  omp_set_num_threads(network->threads);
}

lks_status lks_network_create_all(lks_network **network, const lks_model *model, lks_comm *comm,
                                  const lks_network_options *options)
{
  *network = NULL;
  lks_status status = lks_isa_agree_all(comm, options->isa);
  if (status) return status;
  lks_network *n = *network = lks_new(1, sizeof *n);
  status = LKS_ERR_RANK;
  if (n) {
    begin(n, model, options, lks_comm_size(comm));
    n->comm = comm;
    status = build(n);
  }
  status = lks_comm_agree_all(comm, status);
  if (!status && n) status = create_gradient_sum_all(n);
  if (!status) status = lks_parameters_initialize_all(n);
  if (status) lks_network_destroy_all(network);
  return status;
}

lks_status lks_network_footprint(lks_network_memory *memory, const lks_model *model,
                                 const lks_network_options *options, int ranks)
{
  size_t sums = 0, buckets = 0, *elements = NULL;
  lks_network *n = lks_new(1, sizeof *n);
  if (!n) return LKS_ERR_RANK;
  begin(n, model, options, ranks);
  lks_status status = size_up(n);
  if (!status && !(elements = gradient_elements(n, &buckets))) status = LKS_ERR_RANK;
  if (!status)
    status =
        lks_gradient_sum_footprint(&sums, n->options.reduce, buckets, elements, microbatches_of(n), ranks);
  if (!status && !lks_arena_reserved(n->arena))
    status = lks_fail(LKS_ERR_RANK, "the network would take more bytes than can be addressed");
  *memory = n->memory;
  memory->sums += sums;
  lks_free(elements);
  lks_network_destroy_all(&n); /* collective for a network that has a gradient sum; this one has none */
  return status;
}

size_t lks_network_memory_sum(const lks_network_memory *m)
{
  return m->values + m->value_gradients + m->parameters + m->workspaces + m->sums;
}

void lks_network_destroy_all(lks_network **network)
{
  if (!network || !*network) return;
  lks_network *n = *network;
  lks_gradient_sum_destroy_all(&n->gradient_sum);
  for (int u = 0; n->linear && u < n->stages->units[LKS_OP_LINEAR]; u++)
    lks_linear_destroy(&n->linear[u].linear);
  for (int u = 0; n->pool && u < n->stages->units[LKS_OP_POOL]; u++) lks_pool_destroy(&n->pool[u].pool);
  for (int u = 0; n->unit_norm && u < n->stages->units[LKS_OP_NORM]; u++) lks_free(n->unit_norm[u].form);
  lks_network_plans_forget(n);
  lks_network_taps_end(n);
  lks_free(n->tensor);
  lks_free(n->linear);
  lks_free(n->unit_norm);
  lks_free(n->norm);
  lks_free(n->pool);
  lks_free(n->group_norm);
  lks_free(n->group_norm_work);
  lks_free(n->scratch);
  lks_free(n->coefficient);
  lks_free(n->leaf_sums);
  lks_free(n->stack);
  lks_stages_destroy(&n->stages);
  lks_arena_destroy(&n->arena);
  lks_free(n);
  *network = NULL;
}

size_t lks_network_bytes(const lks_network *network)
{
  return lks_arena_bytes(network->arena) + lks_gradient_sum_bytes(network->gradient_sum);
}

void lks_network_profile(lks_network *network, lks_profile *profile)
{
  network->profile = profile;
}
