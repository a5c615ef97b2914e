#include <stdbool.h>

#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* Sums over rows, by blocks of columns as in batch_norm.c. Rows are added in fours, as (a + b) + (c + d), and
 * then to the sum; those that are left over one by one. fp32: in double, where the product of two floats is
 * exact. bf16: in fp32 within a chunk of rows, chunks in double.
 *
 * Of the partial sums in fp32 each term passes at most CHUNK/4 + 2 additions and 3 roundings of its own, so a
 * sum is off by at most 21 * 2^-24 times the sum of its terms' magnitudes; source: Higham 2002, section 4.2.
 * The terms of a batch norm's sums are the distances d from the segment's first row, so that a mean far from
 * 0 costs nothing: an error of sum(d) is in the square sum too, 2*first times as large, and the variance
 * keeps 2*(first - mean) of it. */

enum { MOST = 2, CHUNK = 64 };

/* adds to what sum holds */
LKS_INLINE void add_wide(double *sum, lks_full v, size_t lanes)
{
  lks_narrow half[2];
  memcpy(half, &v, sizeof v);
  const size_t low = lanes < LKS_NARROW ? lanes : LKS_NARROW, high = lanes - low;
  lks_store_wide(sum, lks_load_wide(sum, low) + lks_widen(half[0]), low);
  if (high)
    lks_store_wide(sum + LKS_NARROW, lks_load_wide(sum + LKS_NARROW, high) + lks_widen(half[1]), high);
}

/* vectors * LKS_NARROW channels, or `lanes` of them when vectors is 1 */
LKS_INLINE void sum_columns(double *sum, double *square_sum, const float *x, size_t rows, size_t channels,
                            const size_t vectors, size_t lanes)
{
  lks_wide s[MOST] = {{0}}, q[MOST] = {{0}};
  size_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    for (size_t i = 0; i < vectors; i++) {
      const float *at = x + i * LKS_NARROW;
      const lks_wide a = lks_widen(lks_load_narrow(at, lanes));
      const lks_wide b = lks_widen(lks_load_narrow(at + channels, lanes));
      const lks_wide c = lks_widen(lks_load_narrow(at + 2 * channels, lanes));
      const lks_wide d = lks_widen(lks_load_narrow(at + 3 * channels, lanes));
      s[i] += (a + b) + (c + d);
      q[i] += lks_add_exact_product(a * a, b, b) + lks_add_exact_product(c * c, d, d);
    }
  }
  for (; row < rows; row++, x += channels) {
    for (size_t i = 0; i < vectors; i++) {
      const lks_wide a = lks_widen(lks_load_narrow(x + i * LKS_NARROW, lanes));
      s[i] += a;
      q[i] = lks_add_exact_product(q[i], a, a);
    }
  }
  for (size_t i = 0; i < vectors; i++) {
    lks_store_wide(sum + i * LKS_NARROW, s[i], lanes);
    lks_store_wide(square_sum + i * LKS_NARROW, q[i], lanes);
  }
}

static void sums_fp32(double *restrict sum, double *restrict square_sum, const float *restrict x, size_t rows,
                      size_t channels)
{
  size_t c = 0;
  for (; c + MOST * LKS_NARROW <= channels; c += MOST * LKS_NARROW)
    sum_columns(sum + c, square_sum + c, x + c, rows, channels, MOST, LKS_NARROW);
  for (; c + LKS_NARROW <= channels; c += LKS_NARROW)
    sum_columns(sum + c, square_sum + c, x + c, rows, channels, 1, LKS_NARROW);
  if (c < channels) sum_columns(sum + c, square_sum + c, x + c, rows, channels, 1, channels - c);
}

/* Adds a chunk's distances from `first` to sum, and their squares to square_sum. */
LKS_INLINE void sum_chunk(double *sum, double *square_sum, const uint16_t *x, const uint16_t *first,
                          size_t rows, size_t channels, const size_t vectors, size_t lanes)
{
  lks_full origin[MOST], s[MOST] = {{0}}, q[MOST] = {{0}};
  for (size_t i = 0; i < vectors; i++) origin[i] = lks_load(first, i * LKS_FULL, lanes, LKS_BF16);
  size_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    for (size_t i = 0; i < vectors; i++) {
      const size_t at = i * LKS_FULL;
      const lks_full a = lks_load(x, at, lanes, LKS_BF16) - origin[i];
      const lks_full b = lks_load(x, at + channels, lanes, LKS_BF16) - origin[i];
      const lks_full c = lks_load(x, at + 2 * channels, lanes, LKS_BF16) - origin[i];
      const lks_full d = lks_load(x, at + 3 * channels, lanes, LKS_BF16) - origin[i];
      s[i] += (a + b) + (c + d);
      q[i] += (a * a + b * b) + (c * c + d * d);
    }
  }
  for (; row < rows; row++, x += channels) {
    for (size_t i = 0; i < vectors; i++) {
      const lks_full a = lks_load(x, i * LKS_FULL, lanes, LKS_BF16) - origin[i];
      s[i] += a;
      q[i] += a * a;
    }
  }
  for (size_t i = 0; i < vectors; i++) {
    add_wide(sum + i * LKS_FULL, s[i], lanes);
    add_wide(square_sum + i * LKS_FULL, q[i], lanes);
  }
}

/* From distances back to values: sum x = n*first + sum d, sum x^2 = n*first^2 + 2*first*sum d + sum d^2. */
static void put_back(double *sum, double *square_sum, const uint16_t *first, size_t rows, size_t channels)
{
  const double n = (double)rows;
  for (size_t c = 0; c < channels; c++) {
    const double origin = lks_bf16_to_float(first[c]);
    square_sum[c] = (n * (origin * origin) + 2 * origin * sum[c]) + square_sum[c];
    sum[c] = n * origin + sum[c];
  }
}

static void sums_bf16(double *restrict sum, double *restrict square_sum, const uint16_t *restrict x,
                      size_t rows, size_t channels)
{
  memset(sum, 0, channels * sizeof *sum);
  memset(square_sum, 0, channels * sizeof *square_sum);
  for (size_t row = 0; row < rows; row += CHUNK) {
    const uint16_t *at = x + row * channels;
    const size_t n = rows - row < CHUNK ? rows - row : CHUNK;
    size_t c = 0;
    for (; c + MOST * LKS_FULL <= channels; c += MOST * LKS_FULL)
      sum_chunk(sum + c, square_sum + c, at + c, x + c, n, channels, MOST, LKS_FULL);
    for (; c + LKS_FULL <= channels; c += LKS_FULL)
      sum_chunk(sum + c, square_sum + c, at + c, x + c, n, channels, 1, LKS_FULL);
    if (c < channels) sum_chunk(sum + c, square_sum + c, at + c, x + c, n, channels, 1, channels - c);
  }
  if (rows) put_back(sum, square_sum, x, rows, channels);
}

static void sums(double *restrict sum, double *restrict square_sum, const void *restrict x, size_t rows,
                 size_t channels, lks_type type)
{
  if (type == LKS_BF16)
    sums_bf16(sum, square_sum, x, rows, channels);
  else
    sums_fp32(sum, square_sum, x, rows, channels);
}

/* The arrays of a backward pass, from some row on. */
typedef struct gradients {
  void *g;
  const void *dy, *dy2, *y, *x;
  const float *mean;
  size_t channels;
  bool two, masked, kept; /* whether there are dy2, y and g: constants where the loops are compiled */
} gradients;

LKS_INLINE lks_narrow gradient_fp32(const gradients *a, size_t at, size_t lanes)
{
  lks_narrow g = lks_load_narrow((const float *)a->dy + at, lanes);
  if (a->two) g += lks_load_narrow((const float *)a->dy2 + at, lanes);
  if (a->masked)
    g = (lks_narrow)((lks_narrow_mask)g & (lks_load_narrow((const float *)a->y + at, lanes) > 0));
  if (a->kept) lks_store_narrow((float *)a->g + at, g, lanes);
  return g;
}

LKS_INLINE lks_narrow distance_fp32(const gradients *a, size_t at, lks_narrow mean, size_t lanes)
{
  return lks_load_narrow((const float *)a->x + at, lanes) - mean;
}

/* dy_sum and dot = sum g * (x - mean) over the rows; `vectors` and `lanes` as above */
LKS_INLINE void backward_columns(double *dy_sum, double *dot, const gradients *arrays, size_t c, size_t rows,
                                 const size_t vectors, size_t lanes)
{
  lks_narrow mean[MOST];
  lks_wide s[MOST] = {{0}}, t[MOST] = {{0}};
  for (size_t i = 0; i < vectors; i++) mean[i] = lks_load_narrow(arrays->mean + c + i * LKS_NARROW, lanes);
  size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    for (size_t i = 0; i < vectors; i++) {
      lks_wide g[4], x[4];
      for (size_t k = 0; k < 4; k++) {
        const size_t at = (row + k) * arrays->channels + c + i * LKS_NARROW;
        g[k] = lks_widen(gradient_fp32(arrays, at, lanes));
        x[k] = lks_widen(distance_fp32(arrays, at, mean[i], lanes));
      }
      s[i] += (g[0] + g[1]) + (g[2] + g[3]);
      t[i] += lks_add_exact_product(g[0] * x[0], g[1], x[1]) + lks_add_exact_product(g[2] * x[2], g[3], x[3]);
    }
  }
  for (; row < rows; row++) {
    for (size_t i = 0; i < vectors; i++) {
      const size_t at = row * arrays->channels + c + i * LKS_NARROW;
      const lks_wide g = lks_widen(gradient_fp32(arrays, at, lanes));
      s[i] += g;
      t[i] = lks_add_exact_product(t[i], g, lks_widen(distance_fp32(arrays, at, mean[i], lanes)));
    }
  }
  for (size_t i = 0; i < vectors; i++) {
    lks_store_wide(dy_sum + c + i * LKS_NARROW, s[i], lanes);
    lks_store_wide(dot + c + i * LKS_NARROW, t[i], lanes);
  }
}

LKS_INLINE void backward_fp32(double *dy_sum, double *dot, const gradients *a, size_t rows)
{
  size_t c = 0;
  for (; c + MOST * LKS_NARROW <= a->channels; c += MOST * LKS_NARROW)
    backward_columns(dy_sum, dot, a, c, rows, MOST, LKS_NARROW);
  for (; c + LKS_NARROW <= a->channels; c += LKS_NARROW)
    backward_columns(dy_sum, dot, a, c, rows, 1, LKS_NARROW);
  if (c < a->channels) backward_columns(dy_sum, dot, a, c, rows, 1, a->channels - c);
}

/* y > 0 of bf16: bits of 1 up to those of infinity, a NaN being beyond */
LKS_INLINE lks_full gradient_bf16(const gradients *a, size_t at, size_t lanes)
{
  lks_full_bf16 g = lks_load_bf16(a->dy, at, lanes);
  if (a->two) g = lks_to_bf16(lks_from_bf16(g) + lks_load(a->dy2, at, lanes, LKS_BF16));
  if (a->masked) g &= (lks_full_bf16)((lks_full_bf16)(lks_load_bf16(a->y, at, lanes) - 1) < 0x7f80);
  if (a->kept) lks_store_bf16(a->g, at, g, lanes);
  return lks_from_bf16(g);
}

/* Adds a chunk's sums to dy_sum and dot. */
LKS_INLINE void backward_chunk(double *dy_sum, double *dot, const gradients *arrays, size_t c, size_t begin,
                               size_t end, const size_t vectors, size_t lanes)
{
  lks_full mean[MOST], s[MOST] = {{0}}, t[MOST] = {{0}};
  for (size_t i = 0; i < vectors; i++) mean[i] = lks_load(arrays->mean, c + i * LKS_FULL, lanes, LKS_FP32);
  size_t row = begin;
  for (; row + 4 <= end; row += 4) {
    for (size_t i = 0; i < vectors; i++) {
      lks_full g[4], x[4];
      for (size_t k = 0; k < 4; k++) {
        const size_t at = (row + k) * arrays->channels + c + i * LKS_FULL;
        g[k] = gradient_bf16(arrays, at, lanes);
        x[k] = lks_load(arrays->x, at, lanes, LKS_BF16) - mean[i];
      }
      s[i] += (g[0] + g[1]) + (g[2] + g[3]);
      t[i] += (g[0] * x[0] + g[1] * x[1]) + (g[2] * x[2] + g[3] * x[3]);
    }
  }
  for (; row < end; row++) {
    for (size_t i = 0; i < vectors; i++) {
      const size_t at = row * arrays->channels + c + i * LKS_FULL;
      const lks_full g = gradient_bf16(arrays, at, lanes);
      s[i] += g;
      t[i] += g * (lks_load(arrays->x, at, lanes, LKS_BF16) - mean[i]);
    }
  }
  for (size_t i = 0; i < vectors; i++) {
    add_wide(dy_sum + c + i * LKS_FULL, s[i], lanes);
    add_wide(dot + c + i * LKS_FULL, t[i], lanes);
  }
}

LKS_INLINE void backward_bf16(double *dy_sum, double *dot, const gradients *a, size_t rows)
{
  memset(dy_sum, 0, a->channels * sizeof *dy_sum);
  memset(dot, 0, a->channels * sizeof *dot);
  for (size_t row = 0; row < rows; row += CHUNK) {
    const size_t end = rows - row < CHUNK ? rows : row + CHUNK;
    size_t c = 0;
    for (; c + MOST * LKS_FULL <= a->channels; c += MOST * LKS_FULL)
      backward_chunk(dy_sum, dot, a, c, row, end, MOST, LKS_FULL);
    for (; c + LKS_FULL <= a->channels; c += LKS_FULL)
      backward_chunk(dy_sum, dot, a, c, row, end, 1, LKS_FULL);
    if (c < a->channels) backward_chunk(dy_sum, dot, a, c, row, end, 1, a->channels - c);
  }
}

LKS_INLINE void backward_of(double *dy_sum, double *dot, gradients a, bool two, bool masked, bool kept,
                            size_t rows, lks_type type)
{
  a.two = two;
  a.masked = masked;
  a.kept = kept;
  if (type == LKS_BF16)
    backward_bf16(dy_sum, dot, &a, rows);
  else
    backward_fp32(dy_sum, dot, &a, rows);
}

static void backward_sums(double *restrict dy_sum, double *restrict dy_xhat_sum, void *g, const void *dy,
                          const void *dy2, const void *y, const void *x, const lks_batch_norm_form *form,
                          size_t rows, size_t channels, lks_type type)
{
  const gradients a = {g, dy, dy2, y, x, form->mean, channels, false, false, false};
  if (dy2 && y)
    backward_of(dy_sum, dy_xhat_sum, a, true, true, true, rows, type);
  else if (dy2)
    backward_of(dy_sum, dy_xhat_sum, a, true, false, true, rows, type);
  else if (y)
    backward_of(dy_sum, dy_xhat_sum, a, false, true, true, rows, type);
  else if (g)
    backward_of(dy_sum, dy_xhat_sum, a, false, false, true, rows, type);
  else
    backward_of(dy_sum, dy_xhat_sum, a, false, false, false, rows, type);
  for (size_t c = 0; c < channels; c++)
    dy_xhat_sum[c] = form->rstd[c] * dy_xhat_sum[c] + form->offset[c] * dy_sum[c];
}

const lks_batch_norm_sum_kernels LKS_OF_ISA(batch_norm_sums) = {sums, backward_sums};
