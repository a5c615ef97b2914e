#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/batch_norm.h"
#include "support/kernel_test.h"
#include "support/naive_batch_norm.h"

enum { MAX_ROWS = 1000, MAX_CHANNELS = 100, MAX = MAX_ROWS * MAX_CHANNELS };
static const size_t row_counts[] = {0, 1, 7, 64, 1000}, channel_counts[] = {1, 3, 10, 16, 17, 32, 64, 100};
enum {
  ROW_COUNTS = sizeof row_counts / sizeof *row_counts,
  CHANNEL_COUNTS = sizeof channel_counts / sizeof *channel_counts
};

static const double epsilon = 1e-5, ulp = 0x1p-24; /* half the distance from 1 to the next float */

/* one batch: data, and what batch norm knows about it */
static struct batch {
  size_t rows, channels;
  float x[MAX], dy[MAX], dy2[MAX], y[MAX], residual[MAX], gamma[MAX_CHANNELS], beta[MAX_CHANNELS];
  float form_memory[5][MAX_CHANNELS], coefficient[2 * MAX_CHANNELS];
  double mean[MAX_CHANNELS], variance[MAX_CHANNELS], dy_mean[MAX_CHANNELS], dy_xhat_mean[MAX_CHANNELS];
  lks_batch_norm_form form;
} b;

static void batch_make(size_t rows, size_t channels, double mean, double std)
{
  const size_t count = rows * channels;
  b.rows = rows;
  b.channels = channels;
  kernel_test_fill(b.x, count, 1, mean, std);
  kernel_test_fill(b.dy, count, 2, 0.1, 1);
  kernel_test_fill(b.dy2, count, 3, 0, 1);
  kernel_test_fill(b.y, count, 4, 0.3, 1);
  kernel_test_fill(b.residual, count, 5, 0, 1);
  kernel_test_fill(b.gamma, channels, 6, 1, 0.5);
  kernel_test_fill(b.beta, channels, 7, 0, 0.5);
  naive_batch_norm_moments(b.mean, b.variance, b.x, rows, channels);
  b.form = (lks_batch_norm_form){b.form_memory[0], b.form_memory[1], b.form_memory[2], b.form_memory[3],
                                 b.form_memory[4]};
  lks_batch_norm_form_set(&b.form, b.mean, b.variance, b.gamma, b.beta, epsilon, channels);
}

/* the variants of a run */
static struct {
  bool relu, residual, dy2, y;
} with;

static void run_sums(void *out, void *context)
{
  (void)context;
  double *sum = out;
  lks_batch_norm_sums(sum, sum + b.channels, b.x, b.rows, b.channels, LKS_FP32);
}

static void run_forward(void *out, void *context)
{
  (void)context;
  lks_batch_norm_forward(out, b.x, with.residual ? b.residual : NULL, &b.form, with.relu, b.rows, b.channels,
                         LKS_FP32);
}

static void run_backward_sums(void *out, void *context)
{
  (void)context;
  double *sum = out;
  lks_batch_norm_backward_sums(sum, sum + b.channels, (float *)(sum + 2 * b.channels), b.dy,
                               with.dy2 ? b.dy2 : NULL, with.y ? b.y : NULL, b.x, &b.form, b.rows, b.channels,
                               LKS_FP32);
}

static void run_backward(void *out, void *context)
{
  (void)context;
  lks_batch_norm_backward(out, b.dy, b.x, &b.form, b.mean, b.variance, b.coefficient, b.rows, b.channels,
                          LKS_FP32);
}

static void test_every_level_gives_the_same_bits(void **state)
{
  (void)state;
  for (size_t shape = 0; shape < ROW_COUNTS * CHANNEL_COUNTS; shape++) {
    const size_t rows = row_counts[shape / CHANNEL_COUNTS], channels = channel_counts[shape % CHANNEL_COUNTS];
    batch_make(rows, channels, 3, 2);
    const size_t sums = 2 * channels * sizeof(double), values = rows * channels * sizeof(float);
    assert_true(kernel_test_same_bits(run_sums, NULL, sums));
    assert_true(kernel_test_same_bits(run_backward, NULL, values));
    for (int variant = 0; variant < 4; variant++) {
      with.relu = with.y = variant & 1;
      with.residual = with.dy2 = variant & 2;
      assert_true(kernel_test_same_bits(run_forward, NULL, values));
      assert_true(kernel_test_same_bits(run_backward_sums, NULL, sums + values));
    }
  }
}

/* Four rows at a time, pairs first; the rest one by one. */
static double in_fours(const double *term, size_t count)
{
  double sum = 0;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) sum += (term[i] + term[i + 1]) + (term[i + 2] + term[i + 3]);
  for (; i < count; i++) sum += term[i];
  return sum;
}

static void test_sums_run_in_fours(void **state)
{
  (void)state;
  static double out[2 * MAX_CHANNELS];
  for (size_t shape = 0; shape < ROW_COUNTS * CHANNEL_COUNTS; shape++) {
    const size_t rows = row_counts[shape / CHANNEL_COUNTS], channels = channel_counts[shape % CHANNEL_COUNTS];
    batch_make(rows, channels, 3, 2);
    run_sums(out, NULL);
    for (size_t c = 0; c < channels; c++) {
      static double term[MAX_ROWS], square[MAX_ROWS];
      for (size_t r = 0; r < rows; r++) {
        term[r] = b.x[r * channels + c];
        square[r] = term[r] * term[r];
      }
      const double sum = in_fours(term, rows), square_sum = in_fours(square, rows);
      assert_memory_equal(&sum, &out[c], sizeof sum);
      assert_memory_equal(&square_sum, &out[channels + c], sizeof sum);
    }
  }
}

/* |y - twin| in roundings of the largest term */
static double forward_error(const float *y, const double *twin, const float *residual)
{
  double worst = 0;
  for (size_t i = 0; i < b.rows * b.channels; i++) {
    const size_t c = i % b.channels;
    const double normal = b.gamma[c] * (b.x[i] - b.mean[c]) / sqrt(b.variance[c] + epsilon);
    const double scale = fabs(normal) + fabs((double)b.beta[c]) + (residual ? fabs((double)residual[i]) : 0);
    worst = fmax(worst, fabs(y[i] - twin[i]) / (ulp * fmax(scale, 1e-3)));
  }
  return worst;
}

static const double offsets[] = {0, 3, 1000}; /* mean/std */

/* Roundings: x - mean, scale, their product, shift, the sum, the residual's sum: at most 6 of the largest
 * term. */
static void test_forward_is_the_twin(void **state)
{
  (void)state;
  static float y[MAX];
  static double twin[MAX];
  for (size_t k = 0; k < 3; k++) {
    for (int variant = 0; variant < 4; variant++) {
      batch_make(64, 17, offsets[k], 1);
      with.relu = variant & 1;
      with.residual = variant & 2;
      const float *residual = with.residual ? b.residual : NULL;
      run_forward(y, NULL);
      naive_batch_norm_forward(twin, b.x, residual, b.mean, b.variance, b.gamma, b.beta, epsilon, with.relu,
                               b.rows, b.channels);
      assert_true(forward_error(y, twin, residual) <= 6);
    }
  }
}

static void test_gamma_and_beta_are_1_and_0_when_absent(void **state)
{
  (void)state;
  batch_make(64, 17, 3, 2);
  lks_batch_norm_form_set(&b.form, b.mean, b.variance, NULL, NULL, epsilon, b.channels);
  for (size_t c = 0; c < b.channels; c++) {
    assert_true(b.form.scale[c] == b.form.rstd[c]);
    assert_true(b.form.shift[c] == b.form.offset[c]);
    assert_true(fabs((double)b.form.rstd[c] * sqrt(b.variance[c] + epsilon) - 1) <= 1.01 * ulp);
  }
}

/* E[x^2] - E[x]^2 keeps 6 digits of the variance at mean/std = 1000 in double; in fp32 it has none. */
static void test_large_mean_keeps_the_variance(void **state)
{
  (void)state;
  static double sum[2 * MAX_CHANNELS];
  batch_make(1000, 16, 1000, 1);
  run_sums(sum, NULL);
  double lost = 0;
  for (size_t c = 0; c < b.channels; c++) {
    const double n = (double)b.rows, mean = sum[c] / n;
    assert_true(fabs((sum[b.channels + c] / n - mean * mean) / b.variance[c] - 1) < 1e-6);
    float sum_fp32 = 0, square_sum_fp32 = 0;
    for (size_t i = c; i < b.rows * b.channels; i += b.channels) {
      sum_fp32 += b.x[i];
      square_sum_fp32 += b.x[i] * b.x[i];
    }
    const float mean_fp32 = sum_fp32 / (float)n;
    lost = fmax(lost, fabs((square_sum_fp32 / (float)n - mean_fp32 * mean_fp32) / b.variance[c] - 1));
  }
  assert_true(lost > 0.1);
}

static void test_backward_sums_mask_and_add(void **state)
{
  (void)state;
  static double out[2 * MAX_CHANNELS + MAX / 2 + 1];
  for (int variant = 0; variant < 4; variant++) {
    batch_make(64, 17, 3, 2);
    with.y = variant & 1;
    with.dy2 = variant & 2;
    run_backward_sums(out, NULL);
    const float *g = (const float *)(out + 2 * b.channels);
    for (size_t c = 0; c < b.channels; c++) {
      double sum = 0, xhat_sum = 0, size = 0;
      for (size_t i = c; i < b.rows * b.channels; i += b.channels) {
        const float both = with.dy2 ? b.dy[i] + b.dy2[i] : b.dy[i];
        assert_true(g[i] == (!with.y || b.y[i] > 0 ? both : 0));
        const double x_hat = (b.x[i] - b.mean[c]) / sqrt(b.variance[c] + epsilon);
        sum += g[i];
        xhat_sum += g[i] * x_hat;
        size += fabs((double)g[i]) * (fabs(x_hat) + 0.01);
      }
      assert_memory_equal(&sum, &out[c], sizeof sum);
      assert_true(fabs(out[b.channels + c] - xhat_sum) <= 4 * ulp * size);
    }
  }
}

/* Roundings: the two coefficients (which take scale and rstd as rounded), x - mean, two products and two
 * sums. */
static void test_backward_is_the_twin(void **state)
{
  (void)state;
  static float dx[MAX];
  static double twin[MAX], dgamma[MAX_CHANNELS], dbeta[MAX_CHANNELS];
  for (size_t k = 0; k < 3; k++) {
    batch_make(64, 17, offsets[k], 1);
    naive_batch_norm_backward(twin, dgamma, dbeta, b.dy, b.x, b.mean, b.variance, b.gamma, epsilon, b.rows,
                              b.channels);
    for (size_t c = 0; c < b.channels; c++) {
      b.dy_mean[c] = dbeta[c] / (double)b.rows;
      b.dy_xhat_mean[c] = dgamma[c] / (double)b.rows;
    }
    lks_batch_norm_backward(dx, b.dy, b.x, &b.form, b.dy_mean, b.dy_xhat_mean, b.coefficient, b.rows,
                            b.channels, LKS_FP32);
    for (size_t i = 0; i < b.rows * b.channels; i++) {
      const size_t c = i % b.channels;
      const double rstd = 1 / sqrt(b.variance[c] + epsilon), x_hat = (b.x[i] - b.mean[c]) * rstd;
      const double size =
          fabs((double)b.dy[i]) + fabs((double)b.dy_mean[c]) + fabs(x_hat * b.dy_xhat_mean[c]);
      assert_true(fabs(dx[i] - twin[i]) <= 8 * ulp * fabs((double)b.gamma[c]) * rstd * size);
    }
  }
}

/* The twin itself: its gradient along x is that of sum(g*y), by central differences. */
static void test_twin_has_the_gradient_of_its_forward(void **state)
{
  (void)state;
  enum { ROWS = 7, CHANNELS = 3, COUNT = ROWS * CHANNELS };
  static double y[COUNT], dx[COUNT], dgamma[CHANNELS], dbeta[CHANNELS];
  batch_make(ROWS, CHANNELS, 0, 1);
  naive_batch_norm_backward(dx, dgamma, dbeta, b.dy, b.x, b.mean, b.variance, b.gamma, epsilon, ROWS,
                            CHANNELS);
  for (size_t i = 0; i < COUNT; i++) {
    const float held = b.x[i], step = 0x1p-10f;
    double slope = 0;
    for (int side = -1; side <= 1; side += 2) {
      b.x[i] = held + (float)side * step;
      const double sign = side / ((double)(held + step) - (double)(held - step));
      naive_batch_norm_moments(b.mean, b.variance, b.x, ROWS, CHANNELS);
      naive_batch_norm_forward(y, b.x, NULL, b.mean, b.variance, b.gamma, b.beta, epsilon, false, ROWS,
                               CHANNELS);
      for (size_t j = 0; j < COUNT; j++) slope += sign * b.dy[j] * y[j];
    }
    b.x[i] = held;
    assert_true(fabs(slope - dx[i]) < 1e-4);
  }
}

static void test_in_place_is_out_of_place(void **state)
{
  (void)state;
  static float out[MAX], in[MAX];
  static double sums[2][2 * MAX_CHANNELS];
  for (size_t k = 0; k < CHANNEL_COUNTS; k++) {
    const size_t rows = 64, channels = channel_counts[k], count = rows * channels;
    batch_make(rows, channels, 3, 2);
    lks_batch_norm_forward(out, b.x, b.residual, &b.form, true, rows, channels, LKS_FP32);
    memcpy(in, b.x, sizeof in);
    lks_batch_norm_forward(in, in, b.residual, &b.form, true, rows, channels, LKS_FP32);
    assert_memory_equal(in, out, count * sizeof(float));
    lks_batch_norm_backward_sums(sums[0], sums[0] + channels, out, b.dy, b.dy2, b.y, b.x, &b.form, rows,
                                 channels, LKS_FP32);
    memcpy(in, b.dy, sizeof in);
    lks_batch_norm_backward_sums(sums[1], sums[1] + channels, in, in, b.dy2, b.y, b.x, &b.form, rows,
                                 channels, LKS_FP32);
    assert_memory_equal(in, out, count * sizeof(float));
    assert_memory_equal(sums[0], sums[1], 2 * channels * sizeof(double));
    lks_batch_norm_backward_sums(sums[0], sums[0] + channels, in, b.dy, NULL, NULL, b.x, &b.form, rows,
                                 channels, LKS_FP32);
    lks_batch_norm_backward_sums(sums[1], sums[1] + channels, NULL, b.dy, NULL, NULL, b.x, &b.form, rows,
                                 channels, LKS_FP32); /* a copy that is not made */
    assert_memory_equal(in, b.dy, count * sizeof(float));
    assert_memory_equal(sums[0], sums[1], 2 * channels * sizeof(double));
    lks_batch_norm_backward(out, b.dy, b.x, &b.form, b.mean, b.variance, b.coefficient, rows, channels,
                            LKS_FP32);
    memcpy(in, b.dy, sizeof in);
    lks_batch_norm_backward(in, in, b.x, &b.form, b.mean, b.variance, b.coefficient, rows, channels,
                            LKS_FP32);
    assert_memory_equal(in, out, count * sizeof(float));
  }
}

static void test_a_nan_passes_the_activation(void **state)
{
  (void)state;
  static float y[MAX];
  batch_make(64, 17, 3, 2);
  b.x[0] = b.x[16] = b.x[500] = NAN; /* 16: a lane of the rest */
  lks_batch_norm_forward(y, b.x, NULL, &b.form, true, b.rows, b.channels, LKS_FP32);
  assert_true(isnan(y[0]) && isnan(y[16]) && isnan(y[500]));
  assert_false(isnan(y[1]));
}

static void test_nothing_was_allocated(void **state)
{
  (void)state;
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_level_gives_the_same_bits),
      cmocka_unit_test(test_sums_run_in_fours),
      cmocka_unit_test(test_forward_is_the_twin),
      cmocka_unit_test(test_gamma_and_beta_are_1_and_0_when_absent),
      cmocka_unit_test(test_large_mean_keeps_the_variance),
      cmocka_unit_test(test_backward_sums_mask_and_add),
      cmocka_unit_test(test_backward_is_the_twin),
      cmocka_unit_test(test_twin_has_the_gradient_of_its_forward),
      cmocka_unit_test(test_in_place_is_out_of_place),
      cmocka_unit_test(test_a_nan_passes_the_activation),
      cmocka_unit_test(test_nothing_was_allocated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
