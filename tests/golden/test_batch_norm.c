/* Batch norm's kernels and exact sums against PyTorch in float64: whole mini-batch, ghost groups with a
 * smaller last one, uneven groups, features, and mean/std = 1,000. u = 2^-24 is the unit roundoff of fp32. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernels/batch_norm.h"
#include "lockstep/exact_sum.h"
#include "support/golden.h"

static const double u = 0x1p-24;

enum { CHANNELS = 32, ROWS = 512 };

/* Sums in the form that ranks exchange. */
typedef struct limbs {
  int64_t first[CHANNELS][LKS_EXACT_LIMBS], second[CHANNELS][LKS_EXACT_LIMBS];
} limbs;

static void add_sums(limbs *to, const double *first, const double *second, size_t channels)
{
  for (size_t c = 0; c < channels; c++) lks_exact_sum_add(to->first[c], first[c]);
  for (size_t c = 0; c < channels; c++) lks_exact_sum_add(to->second[c], second[c]);
}

static void merge(limbs *to, const limbs *from)
{
  lks_exact_sum_merge(&to->first[0][0], &from->first[0][0], CHANNELS);
  lks_exact_sum_merge(&to->second[0][0], &from->second[0][0], CHANNELS);
}

typedef struct norm_case {
  golden *g;
  size_t samples, pixels, channels;
  const float *x, *dy, *gamma, *beta;
  const double *y_want, *dx_want;
  float *y, *dx, *masked;
  lks_batch_norm_form form;
  limbs pooled, gradient; /* over all groups */
} norm_case;

static void case_open(norm_case *c, const char *name)
{
  memset(c, 0, sizeof *c);
  golden *g = c->g = golden_open(LKS_TEST_SOURCE_DIR "/tests/golden/batch_norm.h5", name);
  size_t extent[4], count = golden_size(g, "x", extent);
  c->samples = extent[0], c->pixels = extent[1] * extent[2], c->channels = extent[3];
  assert_true(c->channels <= CHANNELS && c->samples * c->pixels <= ROWS);
  c->x = golden_floats(g, "x"), c->dy = golden_floats(g, "dy");
  c->gamma = golden_floats(g, "gamma"), c->beta = golden_floats(g, "beta");
  c->y_want = golden_doubles(g, "y"), c->dx_want = golden_doubles(g, "dx");
  c->y = golden_room(g, count), c->dx = golden_room(g, count), c->masked = golden_room(g, count);
  float **form[] = {&c->form.mean, &c->form.scale, &c->form.shift, &c->form.rstd, &c->form.offset};
  for (int i = 0; i < 5; i++) *form[i] = golden_room(g, CHANNELS);
}

/* y: the difference x - mean, its product and sum, and the rounded scale and shift are five roundings,
 * relative to the two terms of y. */
static void check_forward(const norm_case *c, size_t row, size_t rows)
{
  for (size_t i = row * c->channels; i < (row + rows) * c->channels; i++) {
    double beta = (double)c->beta[i % c->channels], term = fabs(c->y_want[i] - beta) + fabs(beta);
    if (!(fabs((double)c->y[i] - c->y_want[i]) <= 6 * u * term))
      fail_msg("y[%zu] is %.9g, PyTorch has %.9g", i, (double)c->y[i], c->y_want[i]);
  }
}

/* dx: ten roundings at most, relative to the three terms of dx. */
static void check_backward(const norm_case *c, size_t row, size_t rows, const double *mean_dy,
                           const double *mean_dy_xhat)
{
  for (size_t i = row * c->channels; i < (row + rows) * c->channels; i++) {
    size_t channel = i % c->channels;
    double gamma = (double)c->gamma[channel], xhat = (c->y_want[i] - (double)c->beta[channel]) / gamma;
    double term = fabs((double)c->dy[i]) + fabs(mean_dy[channel]) + fabs(xhat * mean_dy_xhat[channel]);
    if (!(fabs((double)c->dx[i] - c->dx_want[i]) <= 10 * u * fabs((double)c->form.scale[channel]) * term))
      fail_msg("dx[%zu] is %.9g, PyTorch has %.9g", i, (double)c->dx[i], c->dx_want[i]);
  }
}

/* One normalization batch, rows row .. row + rows, its sums gathered sample by sample. */
static void run_group(norm_case *c, size_t row, size_t rows)
{
  size_t channels = c->channels;
  limbs forward = {0}, backward = {0};
  double first[CHANNELS], second[CHANNELS];
  float coefficient[2 * CHANNELS];
  for (size_t r = row; r < row + rows; r += c->pixels) {
    lks_batch_norm_sums(first, second, c->x + r * channels, c->pixels, channels, LKS_FP32);
    add_sums(&forward, first, second, channels);
  }
  for (size_t k = 0; k < channels; k++)
    lks_exact_moments(&first[k], &second[k], forward.first[k], forward.second[k], (double)rows);
  lks_batch_norm_form_set(&c->form, first, second, c->gamma, c->beta, golden_number(c->g, "epsilon"),
                          channels);
  lks_batch_norm_forward(c->y + row * channels, c->x + row * channels, NULL, &c->form, false, rows, channels,
                         LKS_FP32);
  check_forward(c, row, rows);

  for (size_t r = row; r < row + rows; r += c->pixels) {
    size_t at = r * channels;
    lks_batch_norm_backward_sums(first, second, c->masked + at, c->dy + at, NULL, NULL, c->x + at, &c->form,
                                 c->pixels, channels, LKS_FP32);
    add_sums(&backward, first, second, channels);
  }
  for (size_t k = 0; k < channels; k++) {
    first[k] = lks_exact_sum_value(backward.first[k]) / (double)rows;
    second[k] = lks_exact_sum_value(backward.second[k]) / (double)rows;
  }
  lks_batch_norm_backward(c->dx + row * channels, c->masked + row * channels, c->x + row * channels, &c->form,
                          first, second, coefficient, rows, channels, LKS_FP32);
  check_backward(c, row, rows, first, second);
  merge(&c->pooled, &forward);
  merge(&c->gradient, &backward);
}

/* dgamma and dbeta: sums in double of x_hat with four roundings, and of dy itself. */
static void check_gradients(const norm_case *c)
{
  const double *dgamma = golden_doubles(c->g, "dgamma"), *dbeta = golden_doubles(c->g, "dbeta");
  for (size_t k = 0; k < c->channels; k++) {
    double dy_size = 0, dy_xhat_size = 0;
    for (size_t i = k; i < c->samples * c->pixels * c->channels; i += c->channels) {
      dy_size += fabs((double)c->dy[i]);
      dy_xhat_size += fabs((double)c->dy[i] * (c->y_want[i] - (double)c->beta[k]) / (double)c->gamma[k]);
    }
    assert_true(fabs(lks_exact_sum_value(c->gradient.first[k]) - dbeta[k]) <= 0x1p-48 * dy_size);
    assert_true(fabs(lks_exact_sum_value(c->gradient.second[k]) - dgamma[k]) <= 4 * u * dy_xhat_size);
  }
}

/* Running statistics: those of the whole mini-batch, pooled over the groups, the variance unbiased. Within a
 * sample the sums are in double: at mean/std = 1,000 its 8 rows cost 8 * 2^-53 * 1000^2 of the variance, less
 * than 2^-30. */
static void check_running(const norm_case *c)
{
  double n = (double)(c->samples * c->pixels), a = golden_number(c->g, "momentum");
  const double *mean = golden_doubles(c->g, "running_mean"), *var = golden_doubles(c->g, "running_var");
  const double *new_mean = golden_doubles(c->g, "new_running_mean"),
               *new_var = golden_doubles(c->g, "new_running_var");
  for (size_t k = 0; k < c->channels; k++) {
    double batch_mean, batch_var;
    lks_exact_moments(&batch_mean, &batch_var, c->pooled.first[k], c->pooled.second[k], n);
    assert_true(fabs((1 - a) * mean[k] + a * batch_mean - new_mean[k]) <=
                0x1p-48 * (fabs(mean[k]) + fabs(batch_mean)));
    assert_true(fabs((1 - a) * var[k] + a * batch_var * n / (n - 1) - new_var[k]) <= 0x1p-30 * new_var[k]);
    /* The biased variance would be seen. */
    assert_false(fabs((1 - a) * var[k] + a * batch_var - new_var[k]) <= 0x1p-30 * new_var[k]);
  }
}

static void check_case(const char *name)
{
  norm_case c;
  case_open(&c, name);
  const int32_t *bounds = golden_ints(c.g, "bounds");
  for (size_t i = 0; i + 1 < golden_size(c.g, "bounds", NULL); i++)
    run_group(&c, (size_t)bounds[i] * c.pixels, (size_t)(bounds[i + 1] - bounds[i]) * c.pixels);
  check_gradients(&c);
  check_running(&c);
  golden_close(&c.g);
}

static void test_whole_mini_batch(void **state)
{
  (void)state;
  check_case("sync");
  check_case("features");
}

static void test_groups(void **state)
{
  (void)state;
  check_case("ghost_5");
  check_case("uneven");
}

/* Variance by E[x^2] - E[x]^2 in fp32, as a naive kernel has it: at mean/std = 1,000 nothing of it is left.
 * Sums in double over all rows, as here, keep it but for rows * 2^-53 * (mean/std)^2 = 1e-8. */
static void test_variance_survives_a_large_mean(void **state)
{
  (void)state;
  check_case("mean_1000_std");
  norm_case c;
  case_open(&c, "mean_1000_std");
  size_t rows = c.samples * c.pixels;
  double worst_naive = 0;
  for (size_t k = 0; k < c.channels; k++) {
    float sum = 0, square_sum = 0;
    double mean = 0, variance = 0;
    for (size_t r = 0; r < rows; r++) {
      float x = c.x[r * c.channels + k];
      sum += x, square_sum += x * x;
      mean += (double)x / (double)rows;
    }
    for (size_t r = 0; r < rows; r++) {
      double d = (double)c.x[r * c.channels + k] - mean;
      variance += d * d / (double)rows;
    }
    float naive_mean = sum / (float)rows, naive = square_sum / (float)rows - naive_mean * naive_mean;
    worst_naive = fmax(worst_naive, fabs((double)naive - variance) / variance);

    double first[CHANNELS], second[CHANNELS], our_mean, ours;
    limbs sums = {0};
    lks_batch_norm_sums(first, second, c.x, rows, c.channels, LKS_FP32);
    add_sums(&sums, first, second, c.channels);
    lks_exact_moments(&our_mean, &ours, sums.first[k], sums.second[k], (double)rows);
    assert_true(fabs(ours - variance) <= (double)rows * 0x1p-53 * (variance + mean * mean));
  }
  print_message("mean/std = 1,000: variance in fp32 is off by %.0f %%, ours by less than 1e-8\n",
                100 * worst_naive);
  assert_true(worst_naive > 0.05);
  golden_close(&c.g);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole_mini_batch),
      cmocka_unit_test(test_groups),
      cmocka_unit_test(test_variance_survives_a_large_mean),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
