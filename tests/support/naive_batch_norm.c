#include "naive_batch_norm.h"

#include <math.h>

void naive_batch_norm_moments(double *mean, double *variance, const float *x, size_t rows, size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    mean[c] = variance[c] = 0;
    for (size_t r = 0; r < rows; r++) mean[c] += x[r * channels + c] / (double)rows;
    for (size_t r = 0; r < rows; r++) variance[c] += pow(x[r * channels + c] - mean[c], 2) / (double)rows;
  }
}

void naive_batch_norm_forward(double *y, const float *x, const float *residual, const double *mean,
                              const double *variance, const float *gamma, const float *beta, double epsilon,
                              bool relu, size_t rows, size_t channels)
{
  for (size_t i = 0; i < rows * channels; i++) {
    const size_t c = i % channels;
    y[i] = (gamma ? gamma[c] : 1.0) * (x[i] - mean[c]) / sqrt(variance[c] + epsilon);
    y[i] += (beta ? beta[c] : 0.0) + (residual ? residual[i] : 0.0);
    y[i] = relu ? fmax(0, y[i]) : y[i];
  }
}

void naive_batch_norm_backward(double *dx, double *dgamma, double *dbeta, const float *g, const float *x,
                               const double *mean, const double *variance, const float *gamma, double epsilon,
                               size_t rows, size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    const double rstd = 1 / sqrt(variance[c] + epsilon);
    dgamma[c] = dbeta[c] = 0;
    for (size_t i = c; i < rows * channels; i += channels) {
      dbeta[c] += g[i];
      dgamma[c] += g[i] * (x[i] - mean[c]) * rstd;
    }
    for (size_t i = c; i < rows * channels; i += channels) {
      const double x_hat = (x[i] - mean[c]) * rstd, n = (double)rows;
      dx[i] = (gamma ? gamma[c] : 1.0) * rstd * (g[i] - dbeta[c] / n - x_hat * dgamma[c] / n);
    }
  }
}
