#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "lockstep/exact_sum.h"

enum { COUNT = 4096 };

/* Normal deviates around `mean` with variance 1, on the grid of fp32: a value is integer[i] / scale, below
 * 2^24 / scale, so that its square is exact in double. */
static void draw(int64_t integer[COUNT], double mean, double scale)
{
  float deviate[COUNT];
  lks_random_key key = lks_random_key_make(4, LKS_RANDOM_GENERATE, 0, 0, 0);
  lks_random_normal(deviate, COUNT, &key);
  for (size_t i = 0; i < COUNT; i++) integer[i] = llrint((mean + (double)deviate[i]) * scale);
}

static void exact_variance(double *mean, double *variance, const int64_t *integer, size_t count, double scale)
{
  __int128 n = (__int128)count, sum = 0, square_sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += integer[i];
    square_sum += (__int128)integer[i] * integer[i];
  }
  *mean = (double)sum / (double)n / scale;
  *variance = (double)(n * square_sum - sum * sum) / ((double)n * (double)n) / (scale * scale);
}

static void moments_of(double *mean, double *variance, const int64_t *integer, size_t count, double scale)
{
  int64_t sum[LKS_EXACT_LIMBS] = {0}, square_sum[LKS_EXACT_LIMBS] = {0};
  for (size_t i = 0; i < count; i++) {
    double x = (double)integer[i] / scale;
    lks_exact_sum_add(sum, x);
    lks_exact_sum_add(square_sum, x * x);
    lks_exact_sum_add(square_sum, fma(x, x, -(x * x))); /* what rounding took from the square */
  }
  lks_exact_moments(mean, variance, sum, square_sum, (double)count);
}

/* Also of counts that are no power of two, whose product with a sum has more bits than a double. */
static void test_a_far_mean_keeps_the_variance(void **state)
{
  (void)state;
  static const struct {
    double mean, scale; /* the grid of fp32 at that mean; with 2^30, sums of more than 53 bits */
  } cases[] = {{0, 0x1p20},  {1000, 0x1p13}, {-1000, 0x1p13}, {1000, 0x1p30},
               {1e6, 0x1p4}, {-1e6, 0x1p4},  {1e6, 0x1p30},   {-1e6, 0x1p30}};
  static const size_t counts[] = {COUNT, COUNT - 1, 3001, 777};
  for (size_t i = 0; i < 4 * sizeof cases / sizeof cases[0]; i++) {
    int64_t integer[COUNT];
    double mean, variance, true_mean, true_variance, scale = cases[i / 4].scale;
    const size_t count = counts[i % 4];
    draw(integer, cases[i / 4].mean, scale);
    exact_variance(&true_mean, &true_variance, integer, count, scale);
    moments_of(&mean, &variance, integer, count, scale);
    assert_true(fabs(true_variance - 1) < 0.1);
    assert_true(fabs(mean - true_mean) <= 1e-15 * fabs(true_mean));
    assert_true(fabs(variance - true_variance) <= 1e-14 * true_variance);
  }
}

/* A variance far below 1, times the square of the count too. */
static void test_small_values_have_a_variance(void **state)
{
  (void)state;
  int64_t integer[COUNT];
  double mean, variance, true_mean, true_variance;
  draw(integer, 0.5, 0x1p20);
  exact_variance(&true_mean, &true_variance, integer, COUNT, 0x1p40);
  moments_of(&mean, &variance, integer, COUNT, 0x1p40);
  assert_true(true_variance > 0 && true_variance * COUNT * COUNT < 0.1);
  assert_true(fabs(mean - true_mean) <= 1e-15 * fabs(true_mean));
  assert_true(fabs(variance - true_variance) <= 1e-14 * true_variance);
}

/* Negative controls: E[x^2] - E[x]^2 loses the variance in fp32 at mean/std = 1,000, in double at 10^6. */
static void test_one_pass_formulas_lose_it(void **state)
{
  (void)state;
  int64_t integer[COUNT];
  float sum = 0, square_sum = 0;
  draw(integer, 1000, 0x1p13);
  for (size_t i = 0; i < COUNT; i++) {
    float x = (float)((double)integer[i] / 0x1p13);
    sum += x;
    square_sum += x * x;
  }
  float variance = square_sum / COUNT - sum / COUNT * (sum / COUNT);
  print_message("fp32 variance of N(1000, 1): %g\n", (double)variance);
  assert_true(variance < 0 || fabsf(variance - 1) > 0.5F);

  double wide_sum = 0, wide_square_sum = 0, true_mean, true_variance;
  draw(integer, 1e6, 0x1p4);
  exact_variance(&true_mean, &true_variance, integer, COUNT, 0x1p4);
  for (size_t i = 0; i < COUNT; i++) {
    double x = (double)integer[i] / 0x1p4;
    wide_sum += x;
    wide_square_sum += x * x;
  }
  double wide_variance = wide_square_sum / COUNT - wide_sum / COUNT * (wide_sum / COUNT);
  assert_true(fabs(wide_variance - true_variance) > 1e-9 * true_variance);
}

static void test_variance_is_never_negative(void **state)
{
  (void)state;
  for (uint32_t trial = 0; trial < 2000; trial++) {
    int64_t sum[LKS_EXACT_LIMBS] = {0}, square_sum[LKS_EXACT_LIMBS] = {0};
    uint32_t words[4];
    lks_random_key key = lks_random_key_make(6, LKS_RANDOM_GENERATE, 0, trial, 0);
    lks_random_words(words, &key, 0);
    double x = ldexp((double)words[0] + 1, (int)(words[1] % 40) - 40), mean, variance;
    int count = 1 + (int)(words[2] % 7);
    for (int i = 0; i < count; i++) {
      lks_exact_sum_add(sum, x);
      lks_exact_sum_add(square_sum,
                        x * x); /* rounded: the variance may come out below zero before it is clamped */
    }
    lks_exact_moments(&mean, &variance, sum, square_sum, count);
    assert_true(mean == x);
    assert_true(variance >= 0 && variance <= 1e-15 * x * x);
  }
}

static void test_constant_values_have_no_variance(void **state)
{
  (void)state;
  int64_t integer[COUNT];
  for (size_t i = 0; i < COUNT; i++) integer[i] = 16777213;
  double mean, variance;
  moments_of(&mean, &variance, integer, COUNT, 0x1p4);
  assert_true(mean == 16777213 / 0x1p4);
  assert_true(variance == 0);
}

static void test_a_nonfinite_value_is_seen(void **state)
{
  (void)state;
  int64_t sum[LKS_EXACT_LIMBS] = {0}, square_sum[LKS_EXACT_LIMBS] = {0};
  double mean, variance;
  lks_exact_sum_add(sum, 1e20);
  lks_exact_sum_add(square_sum, 1e40);
  lks_exact_moments(&mean, &variance, sum, square_sum, 1);
  assert_true(mean == 1e20);
  assert_true(isnan(variance));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_far_mean_keeps_the_variance),
      cmocka_unit_test(test_small_values_have_a_variance),
      cmocka_unit_test(test_one_pass_formulas_lose_it),
      cmocka_unit_test(test_variance_is_never_negative),
      cmocka_unit_test(test_constant_values_have_no_variance),
      cmocka_unit_test(test_a_nonfinite_value_is_seen),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
