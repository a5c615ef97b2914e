/* The noise of a fixed sample: against plain simulation, and the law that it follows in large mini-batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "support/naive_random.h"
#include "train/noise_law.h"

enum { SAMPLES = 200, CHANNELS = 4, PIXELS = 3, PROBES = 5, VALUES = CHANNELS * PIXELS };
static const double epsilon = 1e-5;

/* A population as the plain simulation has it: values; and as the law takes it. */
typedef struct population {
  double x[SAMPLES][PIXELS][CHANNELS];
  double center[CHANNELS], variance[CHANNELS];
  float mean[SAMPLES * CHANNELS], square[SAMPLES * CHANNELS];
  double probe_mean[CHANNELS], probe_square[CHANNELS];
  lks_noise_law law;
} population;

static double normal(uint32_t sample, size_t element)
{
  return naive_random_normal((naive_key){.seed = 3, .purpose = 77, .sample = sample}, element);
}

/* Pixels of a sample hang together; channel 1 is skewed, channel 2 has heavy tails, the last one does not vary. */
static void make_values(population *p)
{
  for (uint32_t n = 0; n < SAMPLES; n++)
    for (size_t i = 0; i < PIXELS; i++)
      for (size_t c = 0; c < CHANNELS; c++) {
        const double a = 0.7 * normal(n, c) + normal(n, 10 + VALUES * i + c);
        const double b = c == 1 ? exp(0.5 * a) : c == 2 ? a * fabs(a) : a;
        p->x[n][i][c] = c == CHANNELS - 1 ? 5 : 2 + 3 * b;
      }
}

static void make_population(population *p)
{
  memset(p, 0, sizeof *p);
  make_values(p);
  for (size_t c = 0; c < CHANNELS; c++) {
    for (size_t n = 0; n < SAMPLES * PIXELS; n++) p->center[c] += p->x[n / PIXELS][n % PIXELS][c];
    p->center[c] /= SAMPLES * PIXELS;
    for (size_t n = 0; n < SAMPLES * PIXELS; n++)
      p->variance[c] += pow(p->x[n / PIXELS][n % PIXELS][c] - p->center[c], 2) / (SAMPLES * PIXELS);
    for (size_t n = 0; n < SAMPLES; n++) {
      double mean = 0, square = 0;
      for (size_t i = 0; i < PIXELS; i++) {
        const double z = (p->x[n][i][c] - p->center[c]) / sqrt(fmax(p->variance[c], 1e-30));
        mean += z / PIXELS;
        square += z * z / PIXELS;
      }
      p->mean[n * CHANNELS + c] = (float)mean;
      p->square[n * CHANNELS + c] = (float)square;
      if (n < PROBES) {
        p->probe_mean[c] += mean / PROBES;
        p->probe_square[c] += square / PROBES;
      }
    }
  }
  p->law = (lks_noise_law){SAMPLES, CHANNELS,  p->variance,   epsilon,
                           p->mean, p->square, p->probe_mean, p->probe_square};
}

static size_t drawn(size_t m, size_t draw, size_t i)
{
  const naive_key key = {.seed = 9, .purpose = NAIVE_PROBE, .layer = (uint32_t)m, .step = (uint32_t)draw};
  return (size_t)naive_random_below(key, (uint32_t)i, SAMPLES);
}

/* Every probe value is normalized with every mini-batch. */
static double simulated(const population *p, size_t m, size_t draws)
{
  double sum[PROBES][PIXELS][CHANNELS] = {{{0}}}, square[PROBES][PIXELS][CHANNELS] = {{{0}}}, noise = 0;
  for (size_t d = 0; d < draws; d++)
    for (size_t c = 0; c + 1 < CHANNELS; c++) {
      double mean = 0, variance = 0, n = (double)(m * PIXELS);
      for (size_t i = 0; i < m * PIXELS; i++) mean += p->x[drawn(m, d, i / PIXELS)][i % PIXELS][c] / n;
      for (size_t i = 0; i < m * PIXELS; i++)
        variance += pow(p->x[drawn(m, d, i / PIXELS)][i % PIXELS][c] - mean, 2) / n;
      for (size_t k = 0; k < PROBES * PIXELS; k++) {
        const double hat = (p->x[k / PIXELS][k % PIXELS][c] - mean) / sqrt(variance + epsilon);
        sum[k / PIXELS][k % PIXELS][c] += hat;
        square[k / PIXELS][k % PIXELS][c] += hat * hat;
      }
    }
  const double n = (double)draws;
  for (size_t k = 0; k < PROBES * PIXELS; k++)
    for (size_t c = 0; c + 1 < CHANNELS; c++) {
      const double mean = sum[k / PIXELS][k % PIXELS][c] / n;
      noise += (square[k / PIXELS][k % PIXELS][c] / n - mean * mean) * n / (n - 1);
    }
  return noise / (PROBES * PIXELS * (CHANNELS - 1));
}

static void agrees_with_simulation(void **state)
{
  (void)state;
  static population p;
  make_population(&p);
  for (size_t m = 8; m <= 32; m *= 4) {
    double noise = 0, threaded = 0, other = 0;
    assert_int_equal(lks_noise_isolated(&noise, &p.law, 9, m, 700, 1), LKS_OK);
    assert_int_equal(lks_noise_isolated(&threaded, &p.law, 9, m, 700, 3), LKS_OK);
    assert_int_equal(lks_noise_isolated(&other, &p.law, 10, m, 700, 1), LKS_OK);
    const double want = simulated(&p, m, 700);
    if (!(fabs(noise - want) <= 1e-5 * want)) fail_msg("m %zu: %.9g instead of %.9g", m, noise, want);
    assert_true(noise == threaded && noise != other);
  }
}

/* One value a sample, its first pixel's: (1 + z^2 (kurtosis - 1)/4 + z skewness)/m. */
static void theory_is_that_of_moments(void **state)
{
  (void)state;
  static population p;
  make_population(&p);
  double want = 0;
  for (size_t c = 0; c < CHANNELS; c++) {
    double mean = 0, moment[5] = {0};
    for (size_t n = 0; n < SAMPLES; n++) mean += p.x[n][0][c] / SAMPLES;
    for (size_t n = 0; n < SAMPLES; n++)
      for (int k = 2; k < 5; k++) moment[k] += pow(p.x[n][0][c] - mean, k) / SAMPLES;
    const double deviation = sqrt(moment[2]);
    p.variance[c] = moment[2];
    p.probe_mean[c] = p.probe_square[c] = 0;
    for (size_t n = 0; n < SAMPLES && c + 1 < CHANNELS; n++) {
      const double z = (p.x[n][0][c] - mean) / deviation;
      p.mean[n * CHANNELS + c] = (float)z;
      p.square[n * CHANNELS + c] = (float)(z * z);
      if (n >= PROBES) continue;
      p.probe_mean[c] += z / PROBES;
      p.probe_square[c] += z * z / PROBES;
      want +=
          (1 + z * z * (moment[4] / pow(deviation, 4) - 1) / 4 + z * moment[3] / pow(deviation, 3)) / PROBES;
    }
  }
  want /= (CHANNELS - 1) * 20.0;
  const double got = lks_noise_theory(&p.law, 20);
  if (!(fabs(got - want) <= 1e-5 * want)) fail_msg("%.9g instead of %.9g", got, want);
}

/* Normal values: 1.5/m from 128 on, and a slope of about -1 on logarithmic axes. */
static void follows_its_law(void **state)
{
  (void)state;
  enum { MANY = 1500, WIDE = 16 };
  static float mean[MANY * WIDE], square[MANY * WIDE];
  double variance[WIDE], probe_mean[WIDE], probe_square[WIDE], log_m[4], log_noise[4], slope = 0, spread = 0;
  for (size_t i = 0; i < MANY * WIDE; i++) {
    mean[i] = (float)normal((uint32_t)i, 0);
    square[i] = mean[i] * mean[i];
  }
  for (size_t c = 0; c < WIDE; c++) {
    variance[c] = probe_square[c] = 1;
    probe_mean[c] = 0;
  }
  const lks_noise_law law = {MANY, WIDE, variance, epsilon, mean, square, probe_mean, probe_square};
  for (int k = 0; k < 4; k++) {
    const size_t m = (size_t)64 << k;
    double noise = 0;
    assert_int_equal(lks_noise_isolated(&noise, &law, 1, m, lks_noise_draws(100000, m), 1), LKS_OK);
    if (m >= 128) assert_true(fabs(noise / lks_noise_theory(&law, m) - 1) < 0.06);
    assert_true(fabs(lks_noise_theory(&law, m) * (double)m - 1.5) < 0.1);
    log_m[k] = log((double)m);
    log_noise[k] = log(noise);
  }
  const double center = (log_m[0] + log_m[3]) / 2;
  for (int k = 0; k < 4; k++) {
    slope += (log_m[k] - center) * log_noise[k];
    spread += (log_m[k] - center) * (log_m[k] - center);
  }
  if (!(slope / spread >= -1.06 && slope / spread <= -0.97)) fail_msg("a slope of %g", slope / spread);
}

static void nothing_varies(void **state)
{
  (void)state;
  const double variance[1] = {0}, zero[1] = {0};
  const float z[9] = {0};
  double noise = 0;
  const lks_noise_law law = {9, 1, variance, epsilon, z, z, zero, zero};
  assert_int_equal(lks_noise_isolated(&noise, &law, 1, 8, 300, 1), LKS_OK);
  assert_true(isnan(noise) && isnan(lks_noise_theory(&law, 8)));
  assert_int_equal(lks_noise_draws(200000, 512), 390);
  assert_int_equal(lks_noise_draws(2000, 512), 300);
}

static int free_of_leaks(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_simulation),
      cmocka_unit_test(theory_is_that_of_moments),
      cmocka_unit_test(follows_its_law),
      cmocka_unit_test(nothing_varies),
  };
  return cmocka_run_group_tests(tests, NULL, free_of_leaks);
}
