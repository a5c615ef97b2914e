#include <string.h>

#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* Columns go by blocks whose accumulators or coefficients stay in registers over all rows; what is left over
 * of the channels goes through the same code with fewer lanes. A channel's sums run in row order in every
 * block. */

#define INLINE static inline __attribute__((always_inline))

enum {
  NARROW = LKS_LANES,
  FULL = 2 * LKS_LANES,
  SUM_VECTORS =
      LKS_LANES == 8 ? 2 : 4 /* enough independent additions to hide their latency, and no spilling */
};

INLINE lks_narrow load(const float *p, size_t lanes)
{
  lks_narrow v = {0};
  memcpy(&v, p, lanes * sizeof(float));
  return v;
}

INLINE lks_full load_full(const float *p, size_t lanes)
{
  lks_full v = {0};
  memcpy(&v, p, lanes * sizeof(float));
  return v;
}

INLINE void store(float *p, lks_narrow v, size_t lanes)
{
  memcpy(p, &v, lanes * sizeof(float));
}
INLINE void store_full(float *p, lks_full v, size_t lanes)
{
  memcpy(p, &v, lanes * sizeof(float));
}
INLINE void store_wide(double *p, lks_wide v, size_t lanes)
{
  memcpy(p, &v, lanes * sizeof(double));
}

/* vectors * NARROW channels, or `lanes` of them when vectors is 1 */
INLINE void sum_columns(double *sum, double *square_sum, const float *x, size_t rows, size_t channels,
                        const size_t vectors, size_t lanes)
{
  lks_wide s[SUM_VECTORS] = {{0}}, q[SUM_VECTORS] = {{0}};
  for (size_t row = 0; row < rows; ++row, x += channels) {
    for (size_t i = 0; i < vectors; ++i) {
      const lks_wide v = LKS_WIDEN(load(x + i * NARROW, lanes));
      s[i] += v;
      q[i] += v * v;
    }
  }
  for (size_t i = 0; i < vectors; ++i) {
    store_wide(sum + i * NARROW, s[i], lanes);
    store_wide(square_sum + i * NARROW, q[i], lanes);
  }
}

static void sums(double *restrict sum, double *restrict square_sum, const float *restrict x, size_t rows,
                 size_t channels)
{
  size_t c = 0;
  for (; c + SUM_VECTORS * NARROW <= channels; c += SUM_VECTORS * NARROW)
    sum_columns(sum + c, square_sum + c, x + c, rows, channels, SUM_VECTORS, NARROW);
  for (; c + NARROW <= channels; c += NARROW)
    sum_columns(sum + c, square_sum + c, x + c, rows, channels, 1, NARROW);
  if (c < channels) sum_columns(sum + c, square_sum + c, x + c, rows, channels, 1, channels - c);
}

INLINE void forward_columns(float *y, const float *x, const float *residual, const lks_batch_norm_form *form,
                            bool relu, size_t c, size_t rows, size_t channels, size_t lanes)
{
  const lks_full mean = load_full(form->mean + c, lanes);
  const lks_full scale = load_full(form->scale + c, lanes);
  const lks_full shift = load_full(form->shift + c, lanes);
  for (size_t row = 0; row < rows; ++row) {
    const size_t at = row * channels + c;
    lks_full v = (load_full(x + at, lanes) - mean) * scale + shift;
    if (residual) v += load_full(residual + at, lanes);
    if (relu) v = (lks_full)((lks_full_mask)v & ~(v < 0)); /* a NaN stays one */
    store_full(y + at, v, lanes);
  }
}

static void forward(float *y, const float *x, const float *residual, const lks_batch_norm_form *form,
                    bool relu, size_t rows, size_t channels)
{
  size_t c = 0;
  for (; c + FULL <= channels; c += FULL)
    forward_columns(y, x, residual, form, relu, c, rows, channels, FULL);
  if (c < channels) forward_columns(y, x, residual, form, relu, c, rows, channels, channels - c);
}

typedef struct backward_block {
  float *g;
  const float *dy, *dy2, *y, *x;
  const lks_batch_norm_form *form;
} backward_block;

INLINE void backward_sum_columns(double *dy_sum, double *dy_xhat_sum, const backward_block *b, size_t c,
                                 size_t rows, size_t channels, const size_t vectors, size_t lanes)
{
  lks_narrow mean[SUM_VECTORS], rstd[SUM_VECTORS], offset[SUM_VECTORS];
  lks_wide s[SUM_VECTORS] = {{0}}, t[SUM_VECTORS] = {{0}};
  for (size_t i = 0; i < vectors; ++i) {
    mean[i] = load(b->form->mean + c + i * NARROW, lanes);
    rstd[i] = load(b->form->rstd + c + i * NARROW, lanes);
    offset[i] = load(b->form->offset + c + i * NARROW, lanes);
  }
  for (size_t row = 0; row < rows; ++row) {
    for (size_t i = 0; i < vectors; ++i) {
      const size_t at = row * channels + c + i * NARROW;
      lks_narrow g = load(b->dy + at, lanes);
      if (b->dy2) g += load(b->dy2 + at, lanes);
      if (b->y) g = (lks_narrow)((lks_narrow_mask)g & (load(b->y + at, lanes) > 0));
      const lks_narrow x_hat = (load(b->x + at, lanes) - mean[i]) * rstd[i] + offset[i];
      store(b->g + at, g, lanes);
      const lks_wide g_wide = LKS_WIDEN(g);
      s[i] += g_wide;
      t[i] += g_wide * LKS_WIDEN(x_hat);
    }
  }
  for (size_t i = 0; i < vectors; ++i) {
    store_wide(dy_sum + c + i * NARROW, s[i], lanes);
    store_wide(dy_xhat_sum + c + i * NARROW, t[i], lanes);
  }
}

static void backward_sums(double *restrict dy_sum, double *restrict dy_xhat_sum, float *g, const float *dy,
                          const float *dy2, const float *y, const float *x, const lks_batch_norm_form *form,
                          size_t rows, size_t channels)
{
  const backward_block b = {g, dy, dy2, y, x, form};
  size_t c = 0;
  for (; c + 2 * NARROW <= channels; c += 2 * NARROW)
    backward_sum_columns(dy_sum, dy_xhat_sum, &b, c, rows, channels, 2, NARROW);
  for (; c + NARROW <= channels; c += NARROW)
    backward_sum_columns(dy_sum, dy_xhat_sum, &b, c, rows, channels, 1, NARROW);
  if (c < channels) backward_sum_columns(dy_sum, dy_xhat_sum, &b, c, rows, channels, 1, channels - c);
}

INLINE void backward_columns(float *dx, const float *g, const float *x, const lks_batch_norm_form *form,
                             const float *slope, const float *level, size_t c, size_t rows, size_t channels,
                             size_t lanes)
{
  const lks_full mean = load_full(form->mean + c, lanes);
  const lks_full scale = load_full(form->scale + c, lanes);
  const lks_full b = load_full(slope + c, lanes);
  const lks_full a = load_full(level + c, lanes);
  for (size_t row = 0; row < rows; ++row) {
    const size_t at = row * channels + c;
    const lks_full v = scale * load_full(g + at, lanes) + (b * (load_full(x + at, lanes) - mean) + a);
    store_full(dx + at, v, lanes);
  }
}

static void backward(float *dx, const float *g, const float *x, const lks_batch_norm_form *form,
                     const float *slope, const float *level, size_t rows, size_t channels)
{
  size_t c = 0;
  for (; c + FULL <= channels; c += FULL)
    backward_columns(dx, g, x, form, slope, level, c, rows, channels, FULL);
  if (c < channels) backward_columns(dx, g, x, form, slope, level, c, rows, channels, channels - c);
}

const lks_batch_norm_kernels LKS_OF_ISA(batch_norm) = {sums, forward, backward_sums, backward};
