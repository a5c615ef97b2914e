#include "shape_sample.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void shape_list_free(shape_list *list)
{
  free(list->shape);
  *list = (shape_list){0};
}

static void add(shape_list *list, const shape *s)
{
  if (list->count == list->room) {
    list->room = list->room ? 2 * list->room : 256;
    list->shape = realloc(list->shape, list->room * sizeof *list->shape);
    if (!list->shape) abort();
  }
  list->shape[list->count++] = *s;
}

static void set_out(lks_window *w)
{
  const size_t reach_h = w->kernel_height + (w->kernel_height - 1) * w->gap_height,
               reach_w = w->kernel_width + (w->kernel_width - 1) * w->gap_width;
  if (w->in_height + w->pad_top + w->pad_bottom < reach_h ||
      w->in_width + w->pad_left + w->pad_right < reach_w)
    abort();
  w->out_height = (w->in_height + w->pad_top + w->pad_bottom - reach_h) / w->stride_height + 1;
  w->out_width = (w->in_width + w->pad_left + w->pad_right - reach_w) / w->stride_width + 1;
}

static shape square(size_t size, size_t in, size_t out, size_t kernel, size_t stride)
{
  const size_t pad = (kernel - 1) / 2;
  shape s = {
      .kind = SHAPE_CONV,
      .window = {4, size, size, in, 0, 0, out, kernel, kernel, stride, stride, pad, pad, pad, pad, 1, 0, 0}};
  set_out(&s.window);
  return s;
}

static const size_t grid[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 20, 24, 31, 32, 40};
enum { GRID = sizeof grid / sizeof grid[0] };

void shape_add_grid(shape_list *list, size_t kernel, size_t stride)
{
  for (size_t size = 5; size <= 8; size++)
    for (size_t i = 0; i < GRID; i++)
      for (size_t o = 0; o < GRID; o++) {
        const shape s = square(size, grid[i], grid[o], kernel, stride);
        add(list, &s);
      }
}

void shape_add_known_bad(shape_list *list)
{
  for (size_t in = 1; in <= 6; in++)
    for (size_t o = in % 3; o < GRID; o += 3) {
      const shape s = square(6 + 2 * (o % 2), in, grid[o], 1, 2);
      add(list, &s);
    }
}

void shape_add_strided(shape_list *list)
{
  static const size_t images[] = {12, 28, 64}, outs[] = {1, 8, 16, 24};
  for (size_t i = 0; i < 3; i++)
    for (size_t in = 1; in <= 18; in++)
      for (size_t turn = 0; turn < 4; turn++) {
        shape s = square(images[i], in, outs[(in + turn) % 4], 1, turn % 3 == 2 ? 3 : 2);
        s.type = s.y_type = turn % 2 ? LKS_BF16 : LKS_FP32;
        s.window.samples = images[i] == 64 ? 1 : 2;
        add(list, &s);
      }
}

/* Kernels that reach over the image, so that some of their places meet but padding. */
static void add_narrow(shape_list *list, size_t height, size_t width, size_t kernel, size_t stride,
                       lks_type type)
{
  static const size_t ins[] = {1, 8, 16, 17, 33, 40, 64}, outs[] = {6, 16, 37};
  for (size_t i = 0; i < sizeof ins / sizeof ins[0]; i++) {
    shape s = square(height, ins[i], outs[(i + kernel) % 3], kernel, stride);
    s.type = s.y_type = type;
    s.window.in_width = width;
    s.window.samples = 1 + (i + width) % 6;
    s.window.pad_right = s.window.pad_left = kernel / 2;
    set_out(&s.window);
    add(list, &s);
  }
}

void shape_add_narrow(shape_list *list)
{
  static const size_t kernels[] = {2, 3, 5, 7}, heights[] = {1, 2, 9};
  for (size_t h = 0; h < 3; h++)
    for (size_t width = 1; width <= 4; width++)
      for (size_t k = 0; k < 4; k++)
        for (size_t stride = 1; stride <= 3; stride++)
          if (heights[h] + (kernels[k] - 1) / 2 * 2 >= kernels[k]) {
            add_narrow(list, heights[h], width, kernels[k], stride, LKS_FP32);
            add_narrow(list, heights[h], width, kernels[k], stride, LKS_BF16);
          }
}

void shape_add_rows(shape_list *list)
{
  static const size_t kernels[] = {2, 3, 5, 7}, ins[] = {1, 9, 17};
  for (size_t k = 0; k < 4; k++)
    for (size_t width = 1; width <= 6; width++)
      for (size_t stride = 1; stride <= 3; stride++)
        for (size_t turn = 0; turn < 3; turn++) {
          shape s = square(6, ins[(width + turn) % 3], 35, 1, 1);
          s.type = s.y_type = turn % 2 ? LKS_BF16 : LKS_FP32;
          lks_window *w = &s.window;
          w->in_width = width, w->kernel_width = kernels[k], w->stride_width = stride;
          w->pad_left = turn == 2 ? kernels[k] - 1 : kernels[k] / 2;
          w->pad_right = turn == 2 ? 0 : kernels[k] / 2;
          set_out(w);
          add(list, &s);
        }
}

void shape_add_gaps(shape_list *list)
{
  static const size_t ins[] = {3, 18, 26, 32, 37, 100}, kernels[] = {1, 2, 3, 5, 7};
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 5; k++)
      for (size_t turn = 0; turn < 4; turn++) {
        shape s = square(turn < 2 ? 31 : 16, ins[i], 5 + (7 * i + k) % 33, 1, 2 + turn % 2);
        s.type = LKS_BF16, s.y_type = k % 2 ? LKS_FP32 : LKS_BF16;
        lks_window *w = &s.window;
        w->samples = 1 + k % 3, w->in_width = 9 + 5 * turn;
        w->kernel_height = 1 + (turn == 3), w->kernel_width = kernels[k], w->stride_width = 1 + (k + i) % 3;
        w->pad_left = kernels[k] / 2, w->pad_right = (kernels[k] - 1) / 2;
        set_out(w);
        add(list, &s);
      }
}

void shape_add_tens(shape_list *list)
{
  static const size_t images[][2] = {{3, 10}, {5, 6}, {6, 15}, {4, 15}, {7, 8}, {9, 9}, {12, 5}, {15, 16}};
  for (size_t i = 0; i < 8; i++)
    for (size_t turn = 0; turn < 6; turn++) {
      shape s = square(1, 1 + (13 * i + 5 * turn) % 40, 1 + (7 * i + 11 * turn) % 40, 1, 1 + turn % 2);
      s.type = LKS_BF16, s.y_type = turn % 3 ? LKS_BF16 : LKS_FP32;
      s.window.samples = 1 + (i + turn) % 4;
      s.window.in_height = images[i][0] * s.window.stride_height;
      s.window.in_width = images[i][1] * s.window.stride_width;
      set_out(&s.window);
      add(list, &s);
    }
}

/* Odd numbers of channels a group, one among them on either side, and vectors full of them. */
void shape_add_groups(shape_list *list)
{
  static const size_t parts[][3] = {{8, 1, 1},  {16, 1, 1}, {17, 1, 1}, {3, 1, 1},  {24, 1, 1},
                                    {6, 1, 2},  {16, 1, 2}, {2, 8, 8},  {2, 3, 5},  {4, 16, 8},
                                    {3, 17, 6}, {32, 4, 4}, {5, 2, 1},  {2, 16, 32}};
  static const size_t kernels[] = {1, 3, 5};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    for (size_t k = 0; k < 3; k++)
      for (size_t turn = 0; turn < 4; turn++) {
        shape s = square(6 + (i + k) % 4, parts[i][0] * parts[i][1], parts[i][0] * parts[i][2], kernels[k],
                         1 + turn % 2);
        s.window.groups = parts[i][0];
        s.window.in_width += turn;
        s.type = turn == 2 ? LKS_BF16 : LKS_FP32;
        s.y_type = s.type;
        s.bias = (i + turn) % 2;
        set_out(&s.window);
        add(list, &s);
      }
}

void shape_add_dilated(shape_list *list)
{
  static const size_t ins[] = {1, 3, 8, 16, 17, 24}, outs[] = {5, 16, 24};
  for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
    for (size_t gap = 1; gap <= 3; gap++)
      for (size_t turn = 0; turn < 3; turn++) {
        const size_t groups = turn == 2 ? ins[i] : 1;
        shape s =
            square(9 + i % 3, ins[i], turn == 2 ? ins[i] : outs[(i + gap) % 3], 3, 1 + (turn + gap) % 2);
        lks_window *w = &s.window;
        w->groups = groups, w->gap_height = gap, w->gap_width = 1 + (gap + turn) % 3;
        w->pad_top = w->pad_bottom = 1 + gap;
        w->pad_left = w->pad_right = turn == 1 ? 0 : 1 + w->gap_width;
        s.type = s.y_type = turn == 1 ? LKS_BF16 : LKS_FP32;
        set_out(w);
        add(list, &s);
      }
}

/* What a shape is drawn from: one value of each axis. */
typedef enum axis {
  KIND,
  TYPE,
  SAMPLES,
  HEIGHT,
  WIDTH,
  IN,
  OUT,
  KERNEL_H,
  KERNEL_W,
  STRIDE_H,
  STRIDE_W,
  PADDING,
  AXES
} axis;
enum { VALUES = 64 };

static const size_t channels[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                  15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                                  29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 64, 100};
static const size_t sizes[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                               13, 14, 15, 16, 17, 20, 24, 28, 31, 32, 33};
static const size_t samples[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const size_t kernels[] = {1, 2, 3, 5, 7}, strides[] = {1, 2, 3}, paddings[] = {0, 1, 2, 3};
static const size_t kinds[] = {SHAPE_CONV,  SHAPE_CONV,     SHAPE_CONV,
                               SHAPE_DENSE, SHAPE_MAX_POOL, SHAPE_AVERAGE_POOL};
static const size_t types[] = {0, 1, 2}; /* fp32; bf16; bf16 with y in fp32 */

#define LIST(values)                                                                                         \
  {                                                                                                          \
    (values), sizeof(values) / sizeof *(values)                                                              \
  }
static const struct {
  const size_t *value;
  size_t count;
} axes[AXES] = {[KIND] = LIST(kinds),       [TYPE] = LIST(types),       [SAMPLES] = LIST(samples),
                [HEIGHT] = LIST(sizes),     [WIDTH] = LIST(sizes),      [IN] = LIST(channels),
                [OUT] = LIST(channels),     [KERNEL_H] = LIST(kernels), [KERNEL_W] = LIST(kernels),
                [STRIDE_H] = LIST(strides), [STRIDE_W] = LIST(strides), [PADDING] = LIST(paddings)};

typedef struct draw {
  unsigned char at[AXES]; /* in the lists above */
} draw;

static size_t value(const draw *d, axis a)
{
  return axes[a].value[d->at[a]];
}

/* Knuth's MMIX generator. */
static size_t chance(uint64_t *state, size_t below)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (size_t)(*state >> 33) % below;
}

/* PADDING 0: none; 1: so that the size stays; 2 and 3: more on one side than on the other. */
static void set_padding(lks_window *w, size_t padding)
{
  const size_t h = w->kernel_height, v = w->kernel_width;
  if (padding == 1) w->pad_top = w->pad_bottom = (h - 1) / 2, w->pad_left = w->pad_right = (v - 1) / 2;
  if (padding == 2) w->pad_top = h - 1, w->pad_right = v / 2;
  if (padding == 3) w->pad_bottom = h / 2, w->pad_left = v - 1;
}

static size_t products(const lks_window *w)
{
  return w->samples * w->out_height * w->out_width * w->out_channels * w->in_channels * w->kernel_height *
         w->kernel_width;
}

/* False if there is no such layer, or one too big to try often. */
static bool shape_of(shape *s, const draw *d)
{
  *s = (shape){.kind = (shape_kind)value(d, KIND), .type = value(d, TYPE) ? LKS_BF16 : LKS_FP32};
  s->y_type = value(d, TYPE) == 2 && s->kind <= SHAPE_DENSE ? LKS_FP32 : s->type;
  const bool dense = s->kind == SHAPE_DENSE, pool = s->kind >= SHAPE_MAX_POOL;
  const size_t in = value(d, IN), out = pool ? in : value(d, OUT);
  s->bias = !pool && (in + out) % 2;
  s->window = (lks_window){.samples = value(d, SAMPLES),
                           .in_height = dense ? 1 : value(d, HEIGHT),
                           .in_width = dense ? 1 : value(d, WIDTH),
                           .in_channels = in,
                           .out_channels = out,
                           .kernel_height = dense ? 1 : value(d, KERNEL_H),
                           .kernel_width = dense ? 1 : value(d, KERNEL_W),
                           .stride_height = dense ? 1 : value(d, STRIDE_H),
                           .stride_width = dense ? 1 : value(d, STRIDE_W)};
  lks_window *w = &s->window;
  if (!dense) set_padding(w, value(d, PADDING));
  if (w->in_height + w->pad_top + w->pad_bottom < w->kernel_height) return false;
  if (w->in_width + w->pad_left + w->pad_right < w->kernel_width) return false;
  if (pool && (w->kernel_height > w->in_height || w->kernel_width > w->in_width)) return false;
  set_out(w);
  return products(w) < 2000000 && w->samples * w->in_height * w->in_width * in < 100000;
}

typedef unsigned char meetings[AXES][AXES][VALUES][VALUES];

static size_t meet(meetings met, const draw *d, bool write)
{
  size_t fresh = 0;
  for (int a = SAMPLES; a < AXES; a++)
    for (int b = a + 1; b < AXES; b++) {
      unsigned char *m = &met[a][b][d->at[a]][d->at[b]];
      fresh += !*m;
      if (write) *m = 1;
    }
  return fresh;
}

static bool draw_one(draw *d, shape *s, uint64_t *state)
{
  for (int tries = 0; tries < 1000; tries++) {
    for (int a = 0; a < AXES; a++) d->at[a] = (unsigned char)chance(state, axes[a].count);
    if (chance(state, 2)) d->at[KERNEL_W] = d->at[KERNEL_H], d->at[STRIDE_W] = d->at[STRIDE_H];
    if (shape_of(s, d)) return true;
  }
  return false;
}

/* A convolution in which value i of axis a meets value j of axis b. */
static bool draw_meeting(shape *s, int a, size_t i, int b, size_t j, uint64_t *state)
{
  for (int tries = 0; tries < 10000; tries++) {
    draw d;
    for (int c = 0; c < AXES; c++) d.at[c] = (unsigned char)chance(state, axes[c].count);
    d.at[KIND] = SHAPE_CONV;
    d.at[a] = (unsigned char)i, d.at[b] = (unsigned char)j;
    if (shape_of(s, &d)) return true;
  }
  return false;
}

void shape_add_sample(shape_list *list, size_t count, unsigned seed)
{
  static meetings met;
  memset(met, 0, sizeof met);
  uint64_t state = seed * 2862933555777941757u + 3037000493u;
  for (size_t i = 0; i < count; i++) {
    draw best_draw = {{0}}, d;
    shape best = {0}, s;
    size_t most = 0;
    for (int tries = 0; tries < 8; tries++)
      if (draw_one(&d, &s, &state) && (tries == 0 || meet(met, &d, false) > most))
        best = s, best_draw = d, most = meet(met, &d, false);
    meet(met, &best_draw, true);
    add(list, &best);
  }
}

static size_t place_of(size_t wanted, axis a)
{
  for (size_t i = 0; i < axes[a].count; i++)
    if (axes[a].value[i] == wanted) return i;
  return VALUES - 1;
}

static draw draw_of(const lks_window *w)
{
  const size_t v[AXES] = {
      [SAMPLES] = w->samples,       [HEIGHT] = w->in_height,       [WIDTH] = w->in_width,
      [IN] = w->in_channels,        [OUT] = w->out_channels,       [KERNEL_H] = w->kernel_height,
      [KERNEL_W] = w->kernel_width, [STRIDE_H] = w->stride_height, [STRIDE_W] = w->stride_width};
  draw d = {{0}};
  for (int a = SAMPLES; a < PADDING; a++) d.at[a] = (unsigned char)place_of(v[a], (axis)a);
  return d;
}

size_t shape_add_missing_pairs(shape_list *list, unsigned seed)
{
  static meetings met;
  memset(met, 0, sizeof met);
  uint64_t state = seed;
  size_t missed = 0;
  shape s;
  for (size_t i = 0; i < list->count; i++)
    if (list->shape[i].kind == SHAPE_CONV) {
      const draw d = draw_of(&list->shape[i].window);
      meet(met, &d, true);
    }
  for (int a = SAMPLES; a < PADDING; a++)
    for (int b = a + 1; b < PADDING; b++)
      for (size_t i = 0; i < axes[a].count; i++)
        for (size_t j = 0; j < axes[b].count; j++) {
          if (met[a][b][i][j]) continue;
          if (draw_meeting(&s, a, i, b, j, &state))
            add(list, &s);
          else
            missed++;
        }
  return missed;
}
