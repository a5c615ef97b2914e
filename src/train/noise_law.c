#include "train/noise_law.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/random.h"

enum { LEAST_DRAWS = 300, BLOCKS = 512, SUMS = 5 };

size_t lks_noise_draw(uint64_t seed, size_t m, size_t draw, size_t i, size_t samples)
{
  const lks_random_key key = lks_random_key_make(seed, LKS_RANDOM_PROBE, (uint32_t)m, (uint32_t)draw, 0);
  return (size_t)lks_random_below(&key, (uint32_t)i, samples);
}

size_t lks_noise_draws(size_t drawn, size_t m)
{
  return lks_max(LEAST_DRAWS, drawn / m);
}

/* A drawn mini-batch normalizes z to (z - u) r, u its mean and r = 1/sqrt(its variance + epsilon). So the variance of any z over
 * the draws follows from those of r and u r and their covariance: sums of r - 1, u r, their squares and product. */
static void add_draw(double *sum, double *work, const lks_noise_law *law, uint64_t seed, size_t m,
                     size_t draw)
{
  const size_t channels = law->channels;
  double *mean = work, *square = work + channels;
  memset(work, 0, 2 * channels * sizeof *work);
  for (size_t i = 0; i < m; i++) {
    const size_t at = lks_noise_draw(seed, m, draw, i, law->samples) * channels;
    for (size_t c = 0; c < channels; c++) mean[c] += law->mean[at + c];
    for (size_t c = 0; c < channels; c++) square[c] += law->square[at + c];
  }
  for (size_t c = 0; c < channels; c++) {
    const double u = mean[c] / (double)m, variance = fmax(0, square[c] / (double)m - u * u);
    const double r = 1 / sqrt(variance + law->epsilon / fmax(law->variance[c], law->epsilon));
    const double a = r - 1, b = u * r;
    sum[c] += a;
    sum[channels + c] += b;
    sum[2 * channels + c] += a * a;
    sum[3 * channels + c] += b * b;
    sum[4 * channels + c] += a * b;
  }
}

/* Average over the probes' values of one channel. */
static double channel_noise(const double *sum, const lks_noise_law *law, size_t c, double draws)
{
  const size_t channels = law->channels;
  const double a = sum[c] / draws, b = sum[channels + c] / draws, unbiased = draws / (draws - 1);
  const double aa = sum[2 * channels + c] / draws - a * a, bb = sum[3 * channels + c] / draws - b * b,
               ab = sum[4 * channels + c] / draws - a * b;
  return unbiased * (law->probe_square[c] * aa - 2 * law->probe_mean[c] * ab + bb);
}

static double channels_mean(const lks_noise_law *law, const double *figure)
{
  double sum = 0, varying = 0;
  for (size_t c = 0; c < law->channels; c++) {
    if (!lks_noise_varies(law->variance[c], law->epsilon)) continue;
    sum += figure[c];
    varying++;
  }
  return varying > 0 ? sum / varying : NAN;
}

/* Draws are added in blocks that their number decides, and those in order. */
lks_status lks_noise_isolated(double *noise, const lks_noise_law *law, uint64_t seed, size_t m, size_t draws,
                              int threads)
{
  const size_t columns = SUMS * law->channels, length = lks_divide_up(draws, BLOCKS),
               blocks = lks_divide_up(draws, length), channels = law->channels;
  double *sums = lks_new((blocks + 1) * columns, sizeof *sums),
         *work = lks_new((size_t)threads * 2 * channels, sizeof *work);
  if (!sums || !work) {
    lks_free(sums);
    lks_free(work);
    return LKS_ERR_RANK;
  }
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
  for (int t = 0; t < threads; t++)
    for (size_t b = (size_t)t; b < blocks; b += (size_t)threads)
      for (size_t d = b * length; d < lks_min(draws, (b + 1) * length); d++)
        add_draw(sums + b * columns, work + (size_t)t * 2 * channels, law, seed, m, d);
  double *whole = sums + blocks * columns;
  for (size_t b = 0; b < blocks; b++)
    for (size_t c = 0; c < columns; c++) whole[c] += sums[b * columns + c];
  for (size_t c = 0; c < channels; c++) work[c] = channel_noise(whole, law, c, (double)draws);
  *noise = channels_mean(law, work);
  lks_free(sums);
  lks_free(work);
  return LKS_OK;
}

static double covariance(const float *a, const float *b, size_t count, size_t stride)
{
  double sum_a = 0, sum_b = 0, product = 0;
  const double n = (double)count;
  for (size_t i = 0; i < count; i++) {
    const double x = a[i * stride], y = b[i * stride];
    sum_a += x;
    sum_b += y;
    product += x * y;
  }
  return product / n - sum_a / n * (sum_b / n);
}

double lks_noise_theory(const lks_noise_law *law, size_t m)
{
  double sum = 0, varying = 0;
  const size_t channels = law->channels, n = law->samples;
  for (size_t c = 0; c < channels; c++) {
    if (!lks_noise_varies(law->variance[c], law->epsilon)) continue;
    const float *mean = law->mean + c, *square = law->square + c;
    sum += covariance(mean, mean, n, channels) +
           law->probe_square[c] * covariance(square, square, n, channels) / 4 +
           law->probe_mean[c] * covariance(mean, square, n, channels);
    varying++;
  }
  return varying > 0 ? sum / varying / (double)m : NAN;
}
