#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* Columns go by blocks whose coefficients stay in registers over all rows: of two registers while there are
 * channels enough (a cache line of bf16), of one, and of what is left over of the channels. */

enum { MOST = 2 }; /* registers of a block */

typedef struct forward_arrays {
  void *y;
  const void *x, *residual;
  const lks_batch_norm_form *form;
  size_t rows, channels;
} forward_arrays;

/* channels c .. c + vectors*LKS_FULL - 1, or `lanes` of them when vectors is 1 */
LKS_INLINE void forward_columns(const forward_arrays *a, bool relu, bool add, size_t c, const size_t vectors,
                                size_t lanes, lks_type type)
{
  lks_full mean[MOST], scale[MOST], shift[MOST];
  for (size_t i = 0; i < vectors; i++) {
    mean[i] = lks_load(a->form->mean, c + i * LKS_FULL, lanes, LKS_FP32);
    scale[i] = lks_load(a->form->scale, c + i * LKS_FULL, lanes, LKS_FP32);
    shift[i] = lks_load(a->form->shift, c + i * LKS_FULL, lanes, LKS_FP32);
  }
  for (size_t row = 0; row < a->rows; row++) {
    for (size_t i = 0; i < vectors; i++) {
      const size_t at = row * a->channels + c + i * LKS_FULL;
      lks_full v = (lks_load(a->x, at, lanes, type) - mean[i]) * scale[i] + shift[i];
      if (add) v += lks_load(a->residual, at, lanes, type);
      if (relu) v = lks_relu(v);
      lks_store(a->y, at, v, lanes, type);
    }
  }
}

LKS_INLINE void forward_blocks(const forward_arrays *a, bool relu, bool add, lks_type type)
{
  size_t c = 0;
  for (; c + MOST * LKS_FULL <= a->channels; c += MOST * LKS_FULL)
    forward_columns(a, relu, add, c, MOST, LKS_FULL, type);
  for (; c + LKS_FULL <= a->channels; c += LKS_FULL) forward_columns(a, relu, add, c, 1, LKS_FULL, type);
  if (c < a->channels) forward_columns(a, relu, add, c, 1, a->channels - c, type);
}

LKS_INLINE void forward_of_type(const forward_arrays *a, bool relu, lks_type type)
{
  if (a->residual && relu)
    forward_blocks(a, true, true, type);
  else if (a->residual)
    forward_blocks(a, false, true, type);
  else if (relu)
    forward_blocks(a, true, false, type);
  else
    forward_blocks(a, false, false, type);
}

static void forward(void *y, const void *x, const void *residual, const lks_batch_norm_form *form, bool relu,
                    size_t rows, size_t channels, lks_type type)
{
  const forward_arrays a = {y, x, residual, form, rows, channels};
  if (type == LKS_BF16)
    forward_of_type(&a, relu, LKS_BF16);
  else
    forward_of_type(&a, relu, LKS_FP32);
}

typedef struct backward_arrays {
  void *dx;
  const void *g, *x;
  const lks_batch_norm_form *form;
  const float *slope, *intercept;
  size_t rows, channels;
} backward_arrays;

LKS_INLINE void backward_columns(const backward_arrays *a, size_t c, const size_t vectors, size_t lanes,
                                 lks_type type)
{
  lks_full mean[MOST], scale[MOST], slope[MOST], intercept[MOST];
  for (size_t i = 0; i < vectors; i++) {
    mean[i] = lks_load(a->form->mean, c + i * LKS_FULL, lanes, LKS_FP32);
    scale[i] = lks_load(a->form->scale, c + i * LKS_FULL, lanes, LKS_FP32);
    slope[i] = lks_load(a->slope, c + i * LKS_FULL, lanes, LKS_FP32);
    intercept[i] = lks_load(a->intercept, c + i * LKS_FULL, lanes, LKS_FP32);
  }
  for (size_t row = 0; row < a->rows; row++) {
    for (size_t i = 0; i < vectors; i++) {
      const size_t at = row * a->channels + c + i * LKS_FULL;
      const lks_full x = lks_load(a->x, at, lanes, type), g = lks_load(a->g, at, lanes, type);
      lks_store(a->dx, at, scale[i] * g + (slope[i] * (x - mean[i]) + intercept[i]), lanes, type);
    }
  }
}

LKS_INLINE void backward_of_type(const backward_arrays *a, lks_type type)
{
  size_t c = 0;
  for (; c + MOST * LKS_FULL <= a->channels; c += MOST * LKS_FULL)
    backward_columns(a, c, MOST, LKS_FULL, type);
  for (; c + LKS_FULL <= a->channels; c += LKS_FULL) backward_columns(a, c, 1, LKS_FULL, type);
  if (c < a->channels) backward_columns(a, c, 1, a->channels - c, type);
}

static void backward(void *dx, const void *g, const void *x, const lks_batch_norm_form *form,
                     const float *slope, const float *intercept, size_t rows, size_t channels, lks_type type)
{
  const backward_arrays a = {dx, g, x, form, slope, intercept, rows, channels};
  if (type == LKS_BF16)
    backward_of_type(&a, LKS_BF16);
  else
    backward_of_type(&a, LKS_FP32);
}

const lks_batch_norm_kernels LKS_OF_ISA(batch_norm) = {forward, backward};
