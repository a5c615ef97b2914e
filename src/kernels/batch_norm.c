#include "kernels/batch_norm.h"

#include <math.h>

#include "kernels/vector/table.h"

void lks_batch_norm_sums(double *restrict sum, double *restrict square_sum, const void *restrict x,
                         size_t rows, size_t channels, lks_type type)
{
  lks_vector()->batch_norm_sums->sums(sum, square_sum, x, rows, channels, type);
}

void lks_batch_norm_form_set(lks_batch_norm_form *form, const double *mean, const double *variance,
                             const float *gamma, const float *beta, double epsilon, size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    const float mean_fp32 = (float)mean[c];
    const double rstd = 1.0 / sqrt(variance[c] + epsilon);
    const double scale = gamma ? gamma[c] * rstd : rstd;
    const double lost = mean_fp32 - mean[c]; /* what x - mean_fp32 lacks */
    form->mean[c] = mean_fp32;
    form->scale[c] = (float)scale;
    form->shift[c] = (float)((beta ? beta[c] : 0.0) + lost * scale);
    form->rstd[c] = (float)rstd;
    form->offset[c] = (float)(lost * rstd);
  }
}

void lks_batch_norm_forward(void *y, const void *x, const void *residual, const lks_batch_norm_form *form,
                            bool relu, size_t rows, size_t channels, lks_type type)
{
  lks_vector()->batch_norm->forward(y, x, residual, form, relu, rows, channels, type);
}

void lks_batch_norm_backward_sums(double *restrict dy_sum, double *restrict dy_xhat_sum, void *g,
                                  const void *dy, const void *dy2, const void *y, const void *x,
                                  const lks_batch_norm_form *form, size_t rows, size_t channels,
                                  lks_type type)
{
  lks_vector()->batch_norm_sums->backward_sums(dy_sum, dy_xhat_sum, g, dy, dy2, y, x, form, rows, channels,
                                               type);
}

/* dx = scale*g + (slope*(x - mean) + intercept) */
static void set_coefficients(float *slope, float *intercept, const lks_batch_norm_form *form,
                             const double *mean_dy, const double *mean_dy_xhat, size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    const double scale = form->scale[c];
    slope[c] = (float)(-scale * form->rstd[c] * mean_dy_xhat[c]);
    intercept[c] = (float)(-scale * (mean_dy[c] + form->offset[c] * mean_dy_xhat[c]));
  }
}

void lks_batch_norm_backward(void *dx, const void *g, const void *x, const lks_batch_norm_form *form,
                             const double *mean_dy, const double *mean_dy_xhat, float *coefficient,
                             size_t rows, size_t channels, lks_type type)
{
  float *slope = coefficient, *intercept = coefficient + channels;
  set_coefficients(slope, intercept, form, mean_dy, mean_dy_xhat, channels);
  lks_vector()->batch_norm->backward(dx, g, x, form, slope, intercept, rows, channels, type);
}

void lks_batch_norm_pool_forward(void *y, void *chosen, uint8_t *argmax, const void *x,
                                 const lks_batch_norm_form *form, bool relu, const lks_pool_grid *grid,
                                 size_t samples, size_t channels, lks_type type)
{
  lks_vector()->batch_norm_pool->forward(y, chosen, argmax, x, form, relu, grid, samples, channels, type);
}

void lks_batch_norm_pool_backward(void *dx, const void *g, const uint8_t *argmax, const void *x,
                                  const lks_batch_norm_form *form, const double *mean_dy,
                                  const double *mean_dy_xhat, float *coefficient, const lks_pool_grid *grid,
                                  size_t samples, size_t channels, lks_type type)
{
  float *slope = coefficient, *intercept = coefficient + channels;
  set_coefficients(slope, intercept, form, mean_dy, mean_dy_xhat, channels);
  lks_vector()->batch_norm_pool->backward(dx, g, argmax, x, form, slope, intercept, grid, samples, channels,
                                          type);
}
