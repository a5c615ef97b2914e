#include "shape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guarded.h"
#include "kernel_test.h"

void shape_print(char *text, size_t size, const shape *s)
{
  static const char *const kinds[] = {"conv", "dense", "maxpool", "avgpool"};
  const lks_window *w = &s->window;
  snprintf(
      text, size,
      "%s%s %s %zux%zux%zux%zu -> %zux%zux%zu kernel %zux%zu stride %zux%zu pad %zu,%zu,%zu,%zu groups %zu gap %zux%zu%s",
      lks_type_name(s->type), s->y_type != s->type ? ">fp32" : "", kinds[s->kind], w->samples, w->in_height,
      w->in_width, w->in_channels, w->out_height, w->out_width, w->out_channels, w->kernel_height,
      w->kernel_width, w->stride_height, w->stride_width, w->pad_top, w->pad_left, w->pad_bottom,
      w->pad_right, w->groups, w->gap_height, w->gap_width, s->bias ? " bias" : "");
}

void shape_print_faults(char *text, size_t size, unsigned faults)
{
  static const char *const names[] = {"values", "outside", "old memory", "place", "crashed", "none"};
  size_t length = 0;
  text[0] = 0;
  for (unsigned i = 0; i < sizeof names / sizeof names[0] && length < size; i++)
    if (faults >> i & 1)
      length += (size_t)snprintf(text + length, size - length, "%s%s", length ? ", " : "", names[i]);
}

static bool is_pool(const shape *s)
{
  return s->kind >= SHAPE_MAX_POOL;
}

static float *numbers(size_t count, unsigned seed, const shape *s)
{
  float *x = malloc((count + 1) * sizeof *x);
  if (!x) return NULL;
  kernel_test_fill(x, count, seed, 0, 1);
  for (size_t i = 0; i < count; i++) {
    if (s->kind == SHAPE_MAX_POOL) x[i] = roundf(2 * x[i]); /* some are equal */
    if (s->type == LKS_BF16) x[i] = lks_bf16_to_float(lks_bf16_from_float(x[i]));
  }
  return x;
}

static bool twin_of_linear(shape_twin *t, const shape *s)
{
  const size_t columns = s->kind == SHAPE_DENSE ? t->biases : 1;
  naive_sum *dw = calloc(t->weights, sizeof *dw);
  float *w = malloc(t->weights * sizeof *w);
  if (w && dw) {
    naive_transpose(w, t->w, t->weights / columns,
                    columns); /* dense: (in,out), and the twin's are (out,in) */
    naive_conv_forward(t->y, t->x, w, s->bias ? t->b : NULL, &s->window);
    naive_conv_backward(t->dx, dw, t->db, t->dy, t->x, w, &s->window);
    const size_t rows = t->weights / columns;
    for (size_t i = 0; i < columns; i++)
      for (size_t j = 0; j < rows; j++) t->dw[j * columns + i] = dw[i * rows + j];
  }
  const bool made = w && dw;
  free(w), free(dw);
  return made;
}

bool shape_twin_make(shape_twin *t, const shape *s, unsigned seed)
{
  const lks_window *w = &s->window;
  *t = (shape_twin){.in = w->samples * w->in_height * w->in_width * w->in_channels,
                    .out = w->samples * w->out_height * w->out_width * w->out_channels};
  t->weights = is_pool(s) ? 0
                          : w->in_channels / (w->groups > 1 ? w->groups : 1) * w->out_channels *
                                w->kernel_height * w->kernel_width;
  t->biases = is_pool(s) ? 0 : w->out_channels;
  t->x = numbers(t->in, seed, s), t->dy = numbers(t->out, seed + 1, s);
  t->w = numbers(t->weights, seed + 2, s);
  shape wide = *s;
  wide.type = LKS_FP32;
  t->b = numbers(t->biases, seed + 3, &wide);
  t->y = calloc(t->out, sizeof *t->y), t->dx = calloc(t->in, sizeof *t->dx);
  t->dw = calloc(t->weights + 1, sizeof *t->dw), t->db = calloc(t->biases + 1, sizeof *t->db);
  if (!t->x || !t->dy || !t->w || !t->b || !t->y || !t->dx || !t->dw || !t->db) return false;
  if (!is_pool(s)) return twin_of_linear(t, s);
  (s->kind == SHAPE_MAX_POOL ? naive_max_pool : naive_average_pool)(t->y, t->dx, t->x, t->dy, w);
  return true;
}

void shape_twin_free(shape_twin *t)
{
  free(t->x), free(t->dy), free(t->w), free(t->b), free(t->y), free(t->dx), free(t->dw), free(t->db);
  *t = (shape_twin){0};
}

enum { X, DY, B, PACKED, Y, DX, GRADIENT, WORKSPACE, SCRATCH, ARRAYS, INPUTS = B + 1 };

/* A layer at work. */
typedef struct trial {
  const shape *shape;
  const shape_twin *twin;
  shape_result *result;
  lks_linear *linear;
  lks_pool *pool;
  size_t bytes[ARRAYS];
  void *array[ARRAYS];
  size_t shift; /* samples that the order is turned by */
} trial;

static guarded rooms[ARRAYS]; /* mapped once: addresses cost page faults */

static lks_status create(trial *t)
{
  const shape *s = t->shape;
  if (is_pool(s)) {
    const lks_pool_kind kind = s->kind == SHAPE_MAX_POOL ? LKS_POOL_MAX : LKS_POOL_AVERAGE;
    return lks_pool_create(&t->pool, kind, &s->window, s->type, 1);
  }
  const lks_linear_kind kind = s->kind == SHAPE_DENSE ? LKS_LINEAR_DENSE : LKS_LINEAR_CONV;
  return lks_linear_create(&t->linear, kind, &s->window, s->bias, true, s->type, s->y_type, 1);
}

static void tell_implementations(trial *t)
{
  const int passes = t->pool ? SHAPE_DW : SHAPE_PASSES;
  for (int pass = SHAPE_Y; pass < passes; pass++)
    snprintf(t->result->implementation[pass], sizeof t->result->implementation[pass], "%s",
             t->pool ? lks_pool_implementation(t->pool, pass == SHAPE_DX)
                     : lks_linear_implementation(t->linear, (lks_linear_pass)pass));
}

static void size_arrays(trial *t)
{
  const size_t element = lks_type_bytes(t->shape->type);
  t->bytes[X] = t->bytes[DX] = t->twin->in * element;
  t->bytes[DY] = t->twin->out * element;
  t->bytes[Y] = t->twin->out * lks_type_bytes(t->shape->y_type);
  t->bytes[B] = t->twin->biases * sizeof(float);
  t->bytes[PACKED] = t->linear ? lks_linear_packed_bytes(t->linear) : 0;
  t->bytes[GRADIENT] = t->linear ? lks_linear_gradient_elements(t->linear) * sizeof(float) : 0;
  t->bytes[WORKSPACE] = t->pool ? lks_pool_workspace_bytes(t->pool) : 0;
  t->bytes[SCRATCH] = t->pool ? lks_pool_scratch_bytes(t->pool) : lks_linear_scratch_bytes(t->linear);
}

/* Sample i of the twin's is sample i + shift of ours. */
static void load(void *to, const float *from, size_t count, const trial *t)
{
  const size_t row = count / t->shape->window.samples;
  for (size_t i = 0; i < count; i++)
    lks_type_store(to, (i + t->shift * row) % count, from[i], t->shape->type);
}

static bool place(trial *t, bool at_end, int fill)
{
  for (int a = 0; a < ARRAYS; a++) {
    t->array[a] = NULL;
    if (!rooms[a].room && !guarded_map(&rooms[a], (size_t)64 << 20)) return false;
    t->array[a] = guarded_place(&rooms[a], t->bytes[a], at_end, fill);
    if (!t->array[a]) return false;
  }
  load(t->array[X], t->twin->x, t->twin->in, t);
  load(t->array[DY], t->twin->dy, t->twin->out, t);
  memcpy(t->array[B], t->twin->b, t->bytes[B]);
  for (int a = 0; a < INPUTS; a++) guarded_lock(&rooms[a]);
  return !t->linear || lks_linear_pack(t->array[PACKED], t->twin->w, t->linear) == LKS_OK;
}

static lks_status run_pass(trial *t, int pass)
{
  void **a = t->array;
  if (t->pool && pass == SHAPE_Y) return lks_pool_forward(a[Y], a[WORKSPACE], a[X], t->pool, 0, a[SCRATCH]);
  if (t->pool) return lks_pool_backward(a[DX], a[DY], a[WORKSPACE], t->pool, 0, a[SCRATCH]);
  if (pass == SHAPE_Y)
    return lks_linear_forward(a[Y], a[X], a[PACKED], t->shape->bias ? a[B] : NULL, t->linear, 0, a[SCRATCH]);
  if (pass == SHAPE_DX) return lks_linear_backward_data(a[DX], a[DY], a[PACKED], t->linear, 0, a[SCRATCH]);
  return lks_linear_backward_weights(a[GRADIENT], a[X], a[DY], t->linear, 0, a[SCRATCH]);
}

static bool all_intact(void)
{
  for (int a = 0; a < ARRAYS; a++)
    if (!guarded_intact(&rooms[a])) return false;
  return true;
}

/* Where bf16 is added up step by step, as oneDNN does in pools whose windows overlap, every step rounds. */
static bool close_to(const void *got, const naive_sum *want, size_t count, lks_type type, bool steps)
{
  for (size_t i = 0; i < count; i++) {
    const float value = lks_type_load(got, i, type);
    const double slack = (double)want[i].terms * 0x1p-8 * want[i].magnitude;
    if (steps ? !(fabs((double)value - want[i].value) <= slack) : !naive_close(&value, &want[i], 1, type))
      return false;
  }
  return true;
}

/* The packed gradient holds nothing but dw, db and zeros. */
static bool gradient_is_right(const trial *t)
{
  const float *gradient = t->array[GRADIENT];
  float *dw = malloc(t->twin->weights * sizeof *dw), *db = malloc((t->twin->biases + 1) * sizeof *db);
  bool right =
      dw && db && lks_linear_unpack_gradient(dw, t->shape->bias ? db : NULL, gradient, t->linear) == LKS_OK;
  right = right && naive_close(dw, t->twin->dw, t->twin->weights, LKS_FP32) &&
          (!t->shape->bias || naive_close(db, t->twin->db, t->twin->biases, LKS_FP32));
  double sum = 0, unpacked = 0;
  for (size_t i = 0; i < t->bytes[GRADIENT] / sizeof(float); i++) sum += fabs((double)gradient[i]);
  for (size_t i = 0; right && i < t->twin->weights; i++) unpacked += fabs((double)dw[i]);
  for (size_t i = 0; right && t->shape->bias && i < t->twin->biases; i++) unpacked += fabs((double)db[i]);
  right = right && fabs(sum - unpacked) <= 1e-9 * sum;
  free(dw), free(db);
  return right;
}

static bool pass_is_right(const trial *t, int pass)
{
  const bool steps = t->pool && t->shape->type == LKS_BF16 && pass == SHAPE_DX;
  if (pass == SHAPE_Y) return close_to(t->array[Y], t->twin->y, t->twin->out, t->shape->y_type, false);
  if (pass == SHAPE_DX) return close_to(t->array[DX], t->twin->dx, t->twin->in, t->shape->type, steps);
  return gradient_is_right(t);
}

static const int outputs[] = {Y, DX, GRADIENT};

/* Every pass upon arrays placed so. */
static void run(trial *t, bool at_end, int fill, int passes)
{
  if (!place(t, at_end, fill)) {
    t->result->faults[SHAPE_Y] |= SHAPE_NONE;
    return;
  }
  for (int pass = SHAPE_Y; pass < passes; pass++) {
    t->result->pass = pass;
    memset(t->array[SCRATCH], fill, t->bytes[SCRATCH]);
    if (run_pass(t, pass) != LKS_OK) t->result->faults[pass] |= SHAPE_NONE;
    if (!all_intact()) t->result->faults[pass] |= SHAPE_OUTSIDE;
    if (t->shift == 0 && !pass_is_right(t, pass)) t->result->faults[pass] |= SHAPE_VALUES;
  }
}

static void *copy_of(const trial *t, int array)
{
  void *copy = malloc(t->bytes[array] + 1);
  if (copy) memcpy(copy, t->array[array], t->bytes[array]);
  return copy;
}

/* Do samples shift, ... of `array` hold the bits of samples 0, ... of `first`? */
static bool same_samples(const trial *t, int array, const char *first)
{
  const size_t bytes = t->bytes[array], shift = t->shift * (bytes / t->shape->window.samples);
  const char *now = t->array[array];
  return memcmp(now + shift, first, bytes - shift) == 0 && memcmp(now, first + bytes - shift, shift) == 0;
}

static void run_all(trial *t, int passes)
{
  void *first[SHAPE_PASSES] = {0};
  run(t, true, 0xff, passes); /* NaN of either type */
  for (int pass = 0; pass < passes; pass++) first[pass] = copy_of(t, outputs[pass]);
  run(t, false, 0x47, passes); /* some 50,000 in either */
  for (int pass = 0; pass < passes; pass++)
    if (first[pass] && memcmp(first[pass], t->array[outputs[pass]], t->bytes[outputs[pass]]) != 0)
      t->result->faults[pass] |= SHAPE_OLD;
  t->shift = 1;
  if (t->shape->window.samples > 1) {
    run(t, true, 0x47, SHAPE_DW);
    for (int pass = 0; pass < SHAPE_DW; pass++)
      if (first[pass] && !same_samples(t, outputs[pass], first[pass])) t->result->faults[pass] |= SHAPE_PLACE;
  }
  for (int pass = 0; pass < passes; pass++) free(first[pass]);
}

void shape_try(shape_result *result, const shape *s, const shape_twin *twin)
{
  trial t = {.shape = s, .twin = twin, .result = result};
  *result = (shape_result){.pass = -1};
  if (create(&t) != LKS_OK) {
    result->faults[SHAPE_Y] = SHAPE_NONE;
    snprintf(result->implementation[SHAPE_Y], sizeof result->implementation[SHAPE_Y], "%s", lks_message());
  } else {
    tell_implementations(&t);
    size_arrays(&t);
    run_all(&t, t.pool ? SHAPE_DW : SHAPE_PASSES);
  }
  lks_linear_destroy(&t.linear);
  lks_pool_destroy(&t.pool);
  result->done = true;
}
