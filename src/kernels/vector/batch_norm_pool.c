#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* A batch norm and the max pool behind it, by blocks of columns as in batch_norm.c. Windows of 2x2 have loops
 * of their own, which the compiler unrolls. */

enum { MOST = 2 };

/* a where `where` is set, else b */
LKS_INLINE lks_full choose(lks_full_mask where, lks_full a, lks_full b)
{
  return (lks_full)((where & (lks_full_mask)a) | (~where & (lks_full_mask)b));
}

typedef struct forward_arrays {
  void *y, *chosen;
  uint8_t *argmax;
  const void *x;
  const lks_batch_norm_form *form;
  const lks_pool_grid *grid;
  size_t samples, channels;
} forward_arrays;

/* channels c .. c + vectors*LKS_FULL - 1, or `lanes` of them when vectors is 1; the window is height x width
 */
LKS_INLINE void forward_columns(const forward_arrays *a, const size_t height, const size_t width, bool relu,
                                size_t c, const size_t vectors, size_t lanes, lks_type type)
{
  const size_t line = a->grid->in_width * a->channels;
  const size_t high = a->grid->in_height / height, wide = a->grid->in_width / width;
  const bool keep = a->argmax != NULL;
  lks_full mean[MOST], scale[MOST], shift[MOST];
  for (size_t i = 0; i < vectors; i++) {
    mean[i] = lks_load(a->form->mean, c + i * LKS_FULL, lanes, LKS_FP32);
    scale[i] = lks_load(a->form->scale, c + i * LKS_FULL, lanes, LKS_FP32);
    shift[i] = lks_load(a->form->shift, c + i * LKS_FULL, lanes, LKS_FP32);
  }
  size_t out = c;
  for (size_t top = 0; top < a->samples * high; top++) {
    size_t corner = (top / high * a->grid->in_height + top % high * height) * line + c;
    for (size_t left = 0; left < wide; left++, corner += width * a->channels, out += a->channels) {
      for (size_t i = 0; i < vectors; i++) {
        lks_full best = {0}, chosen = {0};
        lks_full_mask argmax = {0};
        /* one loop: gcc 12 makes code that is a quarter slower of two, for windows of 2x2 */
        for (size_t cell = 0; cell < height * width; cell++) {
          const size_t at = corner + cell / width * line + cell % width * a->channels + i * LKS_FULL;
          const lks_full x = lks_load(a->x, at, lanes, type), v = (x - mean[i]) * scale[i] + shift[i];
          const lks_full_mask better = cell ? ~(v <= best) & (best == best) : ~(lks_full_mask){0};
          best = choose(better, v, best);
          chosen = choose(better, x, chosen);
          argmax = (better & (int32_t)cell) | (~better & argmax);
        }
        if (relu) best = lks_relu(best);
        lks_store(a->y, out + i * LKS_FULL, best, lanes, type);
        if (!keep) continue;
        lks_store(a->chosen, out + i * LKS_FULL, chosen, lanes, type);
        lks_store_small(a->argmax + out + i * LKS_FULL, argmax, lanes);
      }
    }
  }
}

LKS_INLINE void forward_blocks(const forward_arrays *a, const size_t height, const size_t width, bool relu,
                               lks_type type)
{
  size_t c = 0;
  for (; c + MOST * LKS_FULL <= a->channels; c += MOST * LKS_FULL)
    forward_columns(a, height, width, relu, c, MOST, LKS_FULL, type);
  for (; c + LKS_FULL <= a->channels; c += LKS_FULL)
    forward_columns(a, height, width, relu, c, 1, LKS_FULL, type);
  if (c < a->channels) forward_columns(a, height, width, relu, c, 1, a->channels - c, type);
}

LKS_INLINE void forward_of_type(const forward_arrays *a, bool relu, lks_type type)
{
  if (a->grid->window_height == 2 && a->grid->window_width == 2)
    forward_blocks(a, 2, 2, relu, type);
  else
    forward_blocks(a, a->grid->window_height, a->grid->window_width, relu, type);
}

static void forward(void *y, void *chosen, uint8_t *argmax, const void *x, const lks_batch_norm_form *form,
                    bool relu, const lks_pool_grid *grid, size_t samples, size_t channels, lks_type type)
{
  const forward_arrays a = {y, chosen, argmax, x, form, grid, samples, channels};
  if (type == LKS_BF16)
    forward_of_type(&a, relu, LKS_BF16);
  else
    forward_of_type(&a, relu, LKS_FP32);
}

typedef struct backward_arrays {
  void *dx;
  const void *g;
  const uint8_t *argmax;
  const void *x;
  const lks_batch_norm_form *form;
  const float *slope, *intercept;
  const lks_pool_grid *grid;
  size_t samples, channels;
} backward_arrays;

typedef struct coefficients {
  lks_full mean, scale, slope, intercept;
} coefficients;

LKS_INLINE void backward_at(const backward_arrays *a, size_t at, lks_full g, const coefficients *k,
                            size_t lanes, lks_type type)
{
  const lks_full x = lks_load(a->x, at, lanes, type);
  lks_store(a->dx, at, k->scale * g + (k->slope * (x - k->mean) + k->intercept), lanes, type);
}

/* `count` places that are in no window */
LKS_INLINE void backward_outside(const backward_arrays *a, size_t at, size_t count, const coefficients *k,
                                 const size_t vectors, size_t lanes, lks_type type)
{
  for (; count > 0; --count, at += a->channels)
    for (size_t i = 0; i < vectors; i++) backward_at(a, at + i * LKS_FULL, (lks_full){0}, &k[i], lanes, type);
}

LKS_INLINE void backward_columns(const backward_arrays *a, const size_t height, const size_t width, size_t c,
                                 const size_t vectors, size_t lanes, lks_type type)
{
  const lks_pool_grid *grid = a->grid;
  const size_t line = grid->in_width * a->channels;
  const size_t high = grid->in_height / height, wide = grid->in_width / width;
  coefficients k[MOST];
  for (size_t i = 0; i < vectors; i++) {
    k[i].mean = lks_load(a->form->mean, c + i * LKS_FULL, lanes, LKS_FP32);
    k[i].scale = lks_load(a->form->scale, c + i * LKS_FULL, lanes, LKS_FP32);
    k[i].slope = lks_load(a->slope, c + i * LKS_FULL, lanes, LKS_FP32);
    k[i].intercept = lks_load(a->intercept, c + i * LKS_FULL, lanes, LKS_FP32);
  }
  size_t out = c;
  for (size_t sample = 0; sample < a->samples; sample++) {
    const size_t begin = sample * grid->in_height * line + c;
    for (size_t top = 0; top < high; top++) {
      size_t corner = begin + top * height * line;
      for (size_t left = 0; left < wide; left++, corner += width * a->channels, out += a->channels) {
        for (size_t i = 0; i < vectors; i++) {
          const lks_full_mask g = (lks_full_mask)lks_load(a->g, out + i * LKS_FULL, lanes, type);
          const lks_full_mask argmax = lks_load_small(a->argmax + out + i * LKS_FULL, lanes);
          for (size_t row = 0; row < height; row++) {
            for (size_t column = 0; column < width; column++) {
              const size_t at = corner + row * line + column * a->channels + i * LKS_FULL;
              const lks_full_mask won = argmax == (int32_t)(row * width + column);
              backward_at(a, at, (lks_full)(g & won), &k[i], lanes, type);
            }
          }
        }
      }
      for (size_t row = 0; row < height; row++)
        backward_outside(a, corner + row * line, grid->in_width % width, k, vectors, lanes, type);
    }
    backward_outside(a, begin + high * height * line, grid->in_height % height * grid->in_width, k, vectors,
                     lanes, type);
  }
}

LKS_INLINE void backward_blocks(const backward_arrays *a, const size_t height, const size_t width,
                                lks_type type)
{
  size_t c = 0;
  for (; c + MOST * LKS_FULL <= a->channels; c += MOST * LKS_FULL)
    backward_columns(a, height, width, c, MOST, LKS_FULL, type);
  for (; c + LKS_FULL <= a->channels; c += LKS_FULL) backward_columns(a, height, width, c, 1, LKS_FULL, type);
  if (c < a->channels) backward_columns(a, height, width, c, 1, a->channels - c, type);
}

LKS_INLINE void backward_of_type(const backward_arrays *a, lks_type type)
{
  if (a->grid->window_height == 2 && a->grid->window_width == 2)
    backward_blocks(a, 2, 2, type);
  else
    backward_blocks(a, a->grid->window_height, a->grid->window_width, type);
}

static void backward(void *dx, const void *g, const uint8_t *argmax, const void *x,
                     const lks_batch_norm_form *form, const float *slope, const float *intercept,
                     const lks_pool_grid *grid, size_t samples, size_t channels, lks_type type)
{
  const backward_arrays a = {dx, g, argmax, x, form, slope, intercept, grid, samples, channels};
  if (type == LKS_BF16)
    backward_of_type(&a, LKS_BF16);
  else
    backward_of_type(&a, LKS_FP32);
}

const lks_batch_norm_pool_kernels LKS_OF_ISA(batch_norm_pool) = {forward, backward};
