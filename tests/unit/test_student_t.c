#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>

#include "statistics/student_t.h"
#include "support/golden.h"

#define GOLDEN LKS_TEST_SOURCE_DIR "/tests/golden/statistics.h5"

static const double tolerance = 1e-10;

static double relative_error(double value, double expected)
{
  return value == expected ? 0 : fabs(value - expected) / fabs(expected);
}

static void test_distribution_function_is_mpmath_s(void **state)
{
  (void)state;
  golden *g = golden_open(GOLDEN, "cdf");
  const double *t = golden_doubles(g, "t"), *df = golden_doubles(g, "df"), *p = golden_doubles(g, "p");
  size_t count = golden_size(g, "p", NULL), noticed = 0;
  assert_true(count > 400);
  for (size_t i = 0; i < count; i++) {
    double found = lks_student_t_cdf(t[i], df[i]);
    if (!(relative_error(found, p[i]) <= tolerance)) fail_msg("t %g df %g: %.17g", t[i], df[i], found);
    noticed += relative_error(lks_student_t_cdf(t[i] * (1 + 1e-8), df[i]), p[i]) > tolerance;
  }
  assert_true(noticed > count / 2); /* the comparison notices a t that is wrong in the ninth digit */
  golden_close(&g);
}

static void test_quantile_is_mpmath_s(void **state)
{
  (void)state;
  golden *g = golden_open(GOLDEN, "quantile");
  const double *p = golden_doubles(g, "p"), *df = golden_doubles(g, "df"), *t = golden_doubles(g, "t");
  size_t count = golden_size(g, "p", NULL);
  assert_true(count > 150);
  for (size_t i = 0; i < count; i++) {
    double found = lks_student_t_quantile(p[i], df[i]);
    if (!(relative_error(found, t[i]) <= tolerance)) fail_msg("p %g df %g: %.17g", p[i], df[i], found);
    assert_true(relative_error(lks_student_t_quantile(p[i], df[i] + 1e-3), t[i]) > tolerance);
  }
  golden_close(&g);
}

static void test_quantile_undoes_the_distribution_function(void **state)
{
  (void)state;
  for (int df = 1; df <= 1000; df += df < 20 ? 1 : 49) {
    double before = 0;
    for (int power = -26; power < 26; power++) {
      double t = -pow(1.7, power), p = lks_student_t_cdf(t, df);
      if (p < DBL_MIN || 0.5 - p < 1e-3) continue; /* near the middle p itself holds few digits of t */
      assert_true(relative_error(lks_student_t_quantile(p, df), t) < tolerance);
      assert_true(before == 0 || p < before);
      before = p;
    }
  }
}

static void test_ends_and_nonsense(void **state)
{
  (void)state;
  assert_true(lks_student_t_cdf(0, 5) == 0.5 && lks_student_t_quantile(0.5, 5) == 0);
  assert_true(lks_student_t_cdf(INFINITY, 5) == 1 && lks_student_t_cdf(-INFINITY, 5) == 0);
  assert_true(lks_student_t_cdf(1e200, 5) == 1 && lks_student_t_cdf(-1e200, 5) == 0);
  assert_true(relative_error(lks_student_t_cdf(-1e200, 1), 1e-200 / acos(-1)) < tolerance); /* Cauchy's */
  assert_true(lks_student_t_quantile(0, 5) == -INFINITY && lks_student_t_quantile(1, 5) == INFINITY);
  const double wrong[][2] = {{NAN, 5}, {0.5, 0}, {0.5, -1}, {0.5, NAN}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_true(isnan(lks_student_t_cdf(wrong[i][0], wrong[i][1])));
    assert_true(isnan(lks_student_t_quantile(wrong[i][0], wrong[i][1])));
  }
  assert_true(isnan(lks_student_t_quantile(-0.1, 5)) && isnan(lks_student_t_quantile(1.1, 5)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_distribution_function_is_mpmath_s),
      cmocka_unit_test(test_quantile_is_mpmath_s),
      cmocka_unit_test(test_quantile_undoes_the_distribution_function),
      cmocka_unit_test(test_ends_and_nonsense),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
