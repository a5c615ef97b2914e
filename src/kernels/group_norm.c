#include "kernels/group_norm.h"

#include <math.h>

#include "kernels/vector/table.h"

static size_t sample_bytes(const lks_group_norm_shape *s)
{
  return s->pixels * s->channels * lks_type_bytes(s->type);
}

/* moments [2*groups] of a sample, whose sums by channel are known */
static void find_moments(double *moments, const double *sum, const double *square_sum,
                         const lks_group_norm_shape *s)
{
  const size_t share = s->channels / s->groups;
  const double n = (double)(share * s->pixels);
  for (size_t g = 0; g < s->groups; g++) {
    double whole = 0, square = 0;
    for (size_t c = g * share; c < (g + 1) * share; c++) {
      whole += sum[c];
      square += square_sum[c];
    }
    const double mean = whole / n, variance = square / n - mean * mean;
    moments[2 * g] = mean;
    moments[2 * g + 1] = variance < 0 ? 0 : variance; /* a NaN stays one */
  }
}

/* The form of a sample, with its group's moments in each channel; by_channel [2*channels] is work space. */
static void set_form(lks_batch_norm_form *form, double *by_channel, const double *moments, const float *gamma,
                     const float *beta, const lks_group_norm_shape *s)
{
  const size_t share = s->channels / s->groups;
  for (size_t c = 0; c < s->channels; c++) {
    by_channel[c] = moments[c / share * 2];
    by_channel[s->channels + c] = moments[c / share * 2 + 1];
  }
  lks_batch_norm_form_set(form, by_channel, by_channel + s->channels, gamma, beta, s->epsilon, s->channels);
}

void lks_group_norm_forward(void *y, double *moments, const void *x, const float *gamma, const float *beta,
                            const lks_group_norm_shape *s, size_t samples, lks_group_norm_work *work)
{
  double *sum = work->sums, *square_sum = sum + s->channels;
  for (size_t i = 0; i < samples; i++, moments += 2 * s->groups) {
    const char *from = (const char *)x + i * sample_bytes(s);
    lks_batch_norm_sums(sum, square_sum, from, s->pixels, s->channels, s->type);
    find_moments(moments, sum, square_sum, s);
    set_form(&work->form, sum, moments, gamma, beta, s);
    lks_batch_norm_forward((char *)y + i * sample_bytes(s), from, NULL, &work->form, false, s->pixels,
                           s->channels, s->type);
  }
}

/* dx = scale*dy + (slope*(x - mean) + intercept) is rstd (gamma dy - m1 - x_hat m2), m1 and m2 being the means over the
 * group of gamma dy and of gamma dy x_hat. */
static void set_coefficients(float *coefficient, const double *dy_sum, const double *dy_xhat_sum,
                             const double *moments, const float *gamma, const lks_batch_norm_form *form,
                             const lks_group_norm_shape *s)
{
  const size_t share = s->channels / s->groups;
  const double n = (double)(share * s->pixels);
  for (size_t g = 0; g < s->groups; g++) {
    double m1 = 0, m2 = 0;
    const double rstd = 1.0 / sqrt(moments[2 * g + 1] + s->epsilon);
    for (size_t c = g * share; c < (g + 1) * share; c++) {
      m1 += gamma[c] * dy_sum[c];
      m2 += gamma[c] * dy_xhat_sum[c];
    }
    m1 /= n;
    m2 /= n;
    for (size_t c = g * share; c < (g + 1) * share; c++) {
      coefficient[c] = (float)(-rstd * rstd * m2);
      coefficient[s->channels + c] = (float)(-rstd * (m1 + form->offset[c] * m2));
    }
  }
}

void lks_group_norm_backward(void *dx, double *sums, const void *dy, const void *x, const double *moments,
                             const float *gamma, const lks_group_norm_shape *s, size_t samples,
                             lks_group_norm_work *work)
{
  const size_t channels = s->channels;
  double *dy_sum = work->sums, *dy_xhat_sum = dy_sum + channels, *by_channel = dy_sum + 2 * channels;
  for (size_t i = 0; i < samples; i++, moments += 2 * s->groups) {
    const size_t at = i * sample_bytes(s);
    const char *g = (const char *)dy + at, *from = (const char *)x + at;
    set_form(&work->form, by_channel, moments, gamma, NULL, s);
    lks_batch_norm_backward_sums(dy_sum, dy_xhat_sum, NULL, g, NULL, NULL, from, &work->form, s->pixels,
                                 channels, s->type);
    for (size_t c = 0; c < 2 * channels; c++) sums[c] += dy_sum[c];
    if (!dx) continue;
    set_coefficients(work->coefficient, dy_sum, dy_xhat_sum, moments, gamma, &work->form, s);
    lks_vector()->batch_norm->backward((char *)dx + at, g, from, &work->form, work->coefficient,
                                       work->coefficient + channels, s->pixels, channels, s->type);
  }
}
