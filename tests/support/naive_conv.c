#include "naive_conv.h"

#include <math.h>
#include <string.h>

static void add(naive_sum *sum, double term)
{
  sum->value += term;
  sum->magnitude += fabs(term);
  sum->terms++;
}

bool naive_close(const float *got, const naive_sum *want, size_t count, lks_type type)
{
  for (size_t i = 0; i < count; i++) {
    double tolerance = (double)(want[i].terms + 1) * 0x1p-24 * want[i].magnitude;
    if (type == LKS_BF16) tolerance += 0x1p-8 * fabs(want[i].value);
    if (!(fabs((double)got[i] - want[i].value) <= tolerance)) return false;
  }
  return true;
}

/* An output pixel and the input pixel under one tap of the kernel; what the loops below visit. */
typedef struct tap {
  size_t sample, ky, kx;
  size_t in, out; /* pixels, counted through all samples */
} tap;

typedef void (*visitor)(const tap *at, void *context);

static void visit_window(visitor visit, void *context, const lks_window *w, size_t sample, size_t oy,
                         size_t ox)
{
  for (size_t ky = 0; ky < w->kernel_height; ky++)
    for (size_t kx = 0; kx < w->kernel_width; kx++) {
      size_t iy = oy * w->stride_height + ky * (w->gap_height + 1),
             ix = ox * w->stride_width + kx * (w->gap_width + 1); /* counted from the padding's corner */
      if (iy < w->pad_top || ix < w->pad_left) continue;
      iy -= w->pad_top, ix -= w->pad_left;
      if (iy >= w->in_height || ix >= w->in_width) continue;
      tap at = {sample, ky, kx, (sample * w->in_height + iy) * w->in_width + ix,
                (sample * w->out_height + oy) * w->out_width + ox};
      visit(&at, context);
    }
}

static void visit_taps(visitor visit, void *context, const lks_window *w)
{
  for (size_t sample = 0; sample < w->samples; sample++)
    for (size_t oy = 0; oy < w->out_height; oy++)
      for (size_t ox = 0; ox < w->out_width; ox++) visit_window(visit, context, w, sample, oy, ox);
}

typedef struct conv_arrays {
  const lks_window *window;
  naive_sum *y, *dx, *dw;
  const float *x, *w, *dy;
} conv_arrays;

static void conv_tap(const tap *at, void *context)
{
  const conv_arrays *a = context;
  const lks_window *s = a->window;
  const size_t groups = s->groups > 1 ? s->groups : 1, inputs = s->in_channels / groups;
  for (size_t o = 0; o < s->out_channels; o++)
    for (size_t i = 0; i < inputs; i++) {
      const size_t first = o / (s->out_channels / groups) * inputs; /* of the group */
      size_t in = at->in * s->in_channels + first + i, out = at->out * s->out_channels + o;
      size_t weight = ((o * inputs + i) * s->kernel_height + at->ky) * s->kernel_width + at->kx;
      if (a->y) add(&a->y[out], (double)a->x[in] * a->w[weight]);
      if (a->dx) add(&a->dx[in], (double)a->dy[out] * a->w[weight]);
      if (a->dw) add(&a->dw[weight], (double)a->dy[out] * a->x[in]);
    }
}

static size_t in_pixels(const lks_window *w)
{
  return w->samples * w->in_height * w->in_width;
}
static size_t out_pixels(const lks_window *w)
{
  return w->samples * w->out_height * w->out_width;
}

void naive_conv_forward(naive_sum *y, const float *x, const float *w, const float *b,
                        const lks_window *window)
{
  size_t channels = window->out_channels;
  memset(y, 0, out_pixels(window) * channels * sizeof *y);
  for (size_t i = 0; b && i < out_pixels(window) * channels; i++) add(&y[i], b[i % channels]);
  conv_arrays arrays = {.window = window, .y = y, .x = x, .w = w};
  visit_taps(conv_tap, &arrays, window);
}

void naive_conv_backward(naive_sum *dx, naive_sum *dw, naive_sum *db, const float *dy, const float *x,
                         const float *w, const lks_window *window)
{
  size_t channels = window->out_channels;
  memset(dx, 0, in_pixels(window) * window->in_channels * sizeof *dx);
  memset(dw, 0,
         channels * (window->in_channels / (window->groups > 1 ? window->groups : 1)) *
             window->kernel_height * window->kernel_width * sizeof *dw);
  memset(db, 0, channels * sizeof *db);
  for (size_t i = 0; i < out_pixels(window) * channels; i++) add(&db[i % channels], dy[i]);
  conv_arrays arrays = {.window = window, .dx = dx, .dw = dw, .x = x, .w = w, .dy = dy};
  visit_taps(conv_tap, &arrays, window);
}

typedef struct pool_arrays {
  size_t channels, channel;
  const float *x;
  size_t best, count; /* pixel of the largest value so far; pixels seen */
  naive_sum sum;
  naive_sum *dx;
  double share; /* of the gradient, for each pixel */
} pool_arrays;

static void gather_tap(const tap *at, void *context)
{
  pool_arrays *a = context;
  float value = a->x[at->in * a->channels + a->channel];
  if (a->count == 0 || value > a->x[a->best * a->channels + a->channel]) a->best = at->in;
  add(&a->sum, value);
  a->count++;
}

static void spread_tap(const tap *at, void *context)
{
  pool_arrays *a = context;
  add(&a->dx[at->in * a->channels + a->channel], a->share);
}

static void pool(naive_sum *y, naive_sum *dx, const float *x, const float *dy, const lks_window *w,
                 bool maximum)
{
  size_t channels = w->in_channels;
  memset(y, 0, out_pixels(w) * channels * sizeof *y);
  memset(dx, 0, in_pixels(w) * channels * sizeof *dx);
  for (size_t out = 0; out < out_pixels(w) * channels; out++) {
    size_t pixel = out / channels, in_sample = pixel % (w->out_height * w->out_width);
    size_t sample = pixel / (w->out_height * w->out_width), oy = in_sample / w->out_width,
           ox = in_sample % w->out_width;
    pool_arrays a = {.channels = channels, .channel = out % channels, .x = x, .dx = dx};
    visit_window(gather_tap, &a, w, sample, oy, ox);
    if (maximum) {
      add(&y[out], x[a.best * channels + a.channel]);
      add(&dx[a.best * channels + a.channel], dy[out]);
    } else {
      double count = (double)a.count;
      y[out] = (naive_sum){a.sum.value / count, a.sum.magnitude / count, a.count};
      a.share = dy[out] / count;
      visit_window(spread_tap, &a, w, sample, oy, ox);
    }
  }
}

void naive_max_pool(naive_sum *y, naive_sum *dx, const float *x, const float *dy, const lks_window *window)
{
  pool(y, dx, x, dy, window, true);
}

void naive_average_pool(naive_sum *y, naive_sum *dx, const float *x, const float *dy,
                        const lks_window *window)
{
  pool(y, dx, x, dy, window, false);
}

void naive_transpose(float *out, const float *in, size_t rows, size_t columns)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) out[j * rows + i] = in[i * columns + j];
}
