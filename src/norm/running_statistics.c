#include "norm/running_statistics.h"

/* Makes the biased variance of n values unbiased. */
static double unbiased(double n)
{
  return n > 1 ? n / (n - 1) : 1;
}

void lks_running_statistics_update(float *mean, float *variance, const double *moments, size_t channels,
                                   double n, double momentum)
{
  const double a = momentum, correction = unbiased(n);
  for (size_t c = 0; c < channels; c++) {
    mean[c] = (float)((1 - a) * mean[c] + a * moments[c]);
    variance[c] = (float)((1 - a) * variance[c] + a * (moments[channels + c] * correction));
  }
}

void lks_running_statistics_set(float *mean, float *variance, const double *moments, size_t channels,
                                double n)
{
  const double correction = unbiased(n);
  for (size_t c = 0; c < channels; c++) {
    mean[c] = (float)moments[c];
    variance[c] = (float)(moments[channels + c] * correction);
  }
}

void lks_running_statistics_form(lks_batch_norm_form *form, double *moments, const float *mean,
                                 const float *variance, const float *gamma, const float *beta, double epsilon,
                                 size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    moments[c] = mean[c];
    moments[channels + c] = variance[c];
  }
  lks_batch_norm_form_set(form, moments, moments + channels, gamma, beta, epsilon, channels);
}
