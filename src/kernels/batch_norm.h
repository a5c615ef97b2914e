#ifndef LKS_KERNELS_BATCH_NORM_H
#define LKS_KERNELS_BATCH_NORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/type.h"

/** Batch norm over rows x channels of `type`, in the pieces that lie between two reductions. Sums are in
 * double and in an order that the number of rows decides, so their bits depend on the data alone; every
 * function gives the same bits at every instruction set. All are local, row-major; rows may be 0. Source:
 * Ioffe & Szegedy 2015, algorithms 1 and 2.
 *
 *  Rows are added in fours, (a + b) + (c + d), and then to the sum; those that are left over one by one. bf16
 * is summed in fp32 within 64 rows, and then in double: off by at most 21 * 2^-24 times the sum of the terms'
 * magnitudes, the terms being distances from the first row in lks_batch_norm_sums.
 *
 *  The form of a channel: y = (x - mean) * scale + shift, mean the fp32 number nearest to the true mean and
 * shift corrected for the difference; x_hat = (x - mean) * rstd + offset likewise. */
typedef struct lks_batch_norm_form {
  float *mean, *scale,
      *shift; /* [channels] each: scale = gamma/sqrt(var+eps), shift = beta + (mean_fp32 - mean)*scale */
  float *rstd, *offset; /* [channels] each: 1/sqrt(var+eps), (mean_fp32 - mean)*rstd */
} lks_batch_norm_form;

/** Local. sum, square_sum [channels] out (overwritten); x [rows,channels] in. In bf16 the errors of the
 * two sums are correlated and mostly cancel: the variance computed from them is off by at most 63 * 2^-24
 * times the mean of (x - first row)^2. */
void lks_batch_norm_sums(double *restrict sum, double *restrict square_sum, const void *restrict x,
                         size_t rows, size_t channels, lks_type type);

/** Local. Fills the form of every channel. mean, variance (biased), gamma, beta [channels] in; gamma and beta
 * may be NULL (1, 0). Computed in double, each number rounded once. */
void lks_batch_norm_form_set(lks_batch_norm_form *form, const double *mean, const double *variance,
                             const float *gamma, const float *beta, double epsilon, size_t channels);

/** Local. y [rows,channels] out; x in, may be y; residual [rows,channels] added before the activation, or
 * NULL. y = act((x - mean)*scale + shift + residual), act = max(0, .) if relu; a NaN stays a NaN. */
void lks_batch_norm_forward(void *y, const void *x, const void *residual, const lks_batch_norm_form *form,
                            bool relu, size_t rows, size_t channels, lks_type type);

/** Local. g [rows,channels] out: (dy + dy2) where y > 0, else 0; dy2 may be NULL (nothing added); y may be
 * NULL (no mask); g may be dy, or NULL without dy2 and y, where it would be a copy. dy_sum, dy_xhat_sum
 * [channels] out (overwritten): sums over the rows of g, as stored, and of g * x_hat, which is made of the sum
 * of g * (x - mean) in double. x in. */
void lks_batch_norm_backward_sums(double *restrict dy_sum, double *restrict dy_xhat_sum, void *g,
                                  const void *dy, const void *dy2, const void *y, const void *x,
                                  const lks_batch_norm_form *form, size_t rows, size_t channels,
                                  lks_type type);

/** Local. dx [rows,channels] out, may be g: dx = scale*(g - mean_dy - x_hat*mean_dy_xhat); the means
 * [channels] over the normalization batch. Coefficients are prepared in double once a call; coefficient
 * [2*channels] is work space. */
void lks_batch_norm_backward(void *dx, const void *g, const void *x, const lks_batch_norm_form *form,
                             const double *mean_dy, const double *mean_dy_xhat, float *coefficient,
                             size_t rows, size_t channels, lks_type type);

/** Windows of a max pool over images, side by side from the corner on, of up to 255 places; what is left over
 * at the right and at the bottom is in no window. */
typedef struct lks_pool_grid {
  size_t in_height, in_width;
  size_t window_height, window_width;
} lks_pool_grid;

/** Local. A batch norm, its activation, and a max pool over that, as one pass: y
 * [samples,in_height/window_height, in_width/window_width,channels] out; x
 * [samples,in_height,in_width,channels] in. For each y, argmax out: the number in its window, by rows, of
 * the place that it is from, the first of equal ones; and chosen out: x there. Both may be NULL. Values are
 * compared before they are rounded to `type`; the first NaN wins. */
void lks_batch_norm_pool_forward(void *y, void *chosen, uint8_t *argmax, const void *x,
                                 const lks_batch_norm_form *form, bool relu, const lks_pool_grid *grid,
                                 size_t samples, size_t channels, lks_type type);

/** Local. dx, shaped as x, out, as that of lks_batch_norm_backward for a gradient that is g where a place has
 * won and 0 elsewhere. g, argmax shaped as y. The sums come before, of g and chosen: elsewhere there is
 * nothing to add. */
void lks_batch_norm_pool_backward(void *dx, const void *g, const uint8_t *argmax, const void *x,
                                  const lks_batch_norm_form *form, const double *mean_dy,
                                  const double *mean_dy_xhat, float *coefficient, const lks_pool_grid *grid,
                                  size_t samples, size_t channels, lks_type type);

#endif
