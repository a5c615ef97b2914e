#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/loss.h"
#include "kernels/vector/table.h"
#include "support/kernel_test.h"
#include "support/naive_loss.h"

/* distance in units of the last place of `right`; exact values come from libm in long double */
static double ulps(double got, long double right)
{
  int exponent;
  frexpl(right, &exponent);
  return (double)(fabsl(got - right) / ldexpl(1, exponent < -1021 ? -1074 : exponent - 53));
}

static uint64_t state_of_random = 1;
static double uniform(double low, double high)
{
  state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
  return low + (high - low) * ((double)(state_of_random >> 11) * 0x1p-53);
}

static double exp_of(double x)
{
  lks_vector()->exp->exp(&x, &x, 1);
  return x;
}

enum { SWEEP = 200000 };

static void test_exp_is_within_two_ulp(void **state)
{
  (void)state;
  static const double ranges[][2] = {{-745, 709.7}, {-1, 1}, {-1e-9, 1e-9}, {-745.2, -708}, {709, 709.78}};
  for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
    double worst = 0;
    for (int i = 0; i < SWEEP; i++) {
      const double x = uniform(ranges[r][0], ranges[r][1]);
      worst = fmax(worst, ulps(exp_of(x), expl(x)));
    }
    assert_true(worst < 2);
  }
  for (int n = -1074; n <= 1023; n++) { /* where the rounding of x / ln 2 changes */
    const double x = (n + 0.5) * 0.6931471805599453;
    assert_true(x > 709.78 || ulps(exp_of(x), expl(x)) < 2);
  }
}

static void test_exp_at_its_edges(void **state)
{
  (void)state;
  assert_true(exp_of(0) == 1 && exp_of(-0.0) == 1);
  assert_true(exp_of(INFINITY) == INFINITY && exp_of(710) == INFINITY && exp_of(DBL_MAX) == INFINITY);
  assert_true(exp_of(-INFINITY) == 0 && exp_of(-746) == 0 && exp_of(-DBL_MAX) == 0);
  assert_true(isnan(exp_of(NAN)));
  assert_true(exp_of(0x1p-1074) == 1 && exp_of(-745) == 0x1p-1074);
}

static void test_log_is_within_two_ulp(void **state)
{
  (void)state;
  double worst = 0;
  for (int i = 0; i < SWEEP; i++) {
    const double wide = ldexp(uniform(1, 2), (int)uniform(-1070, 1023)), near = uniform(0.6, 1.5);
    const double one = 1 + ldexp(uniform(-1, 1), (int)uniform(-52, -1));
    worst = fmax(worst, fmax(ulps(lks_log(wide), logl(wide)), ulps(lks_log(near), logl(near))));
    worst = fmax(worst, one == 1 ? 0 : ulps(lks_log(one), logl(one)));
  }
  assert_true(worst < 2);
}

static void test_log_at_its_edges(void **state)
{
  (void)state;
  assert_true(lks_log(1) == 0);
  assert_true(lks_log(0) == -INFINITY && lks_log(-0.0) == -INFINITY && lks_log(INFINITY) == INFINITY);
  assert_true(isnan(lks_log(-1)) && isnan(lks_log(NAN)) && isnan(lks_log(-INFINITY)));
  const double edges[] = {
      0x1p-1074,           3 * 0x1p-1074, DBL_MIN, 0x1.fffffffffffffp-1023, DBL_MAX, 0x1.6a09e667f3bcdp-1,
      0x1.6a09e667f3bccp-1};
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    assert_true(ulps(lks_log(edges[i]), logl(edges[i])) < 2);
}

enum { SAMPLES = 7, MAX_CLASSES = 1000 };

static struct {
  size_t classes;
  double smoothing;
  float logits[SAMPLES * MAX_CLASSES];
  int32_t label[SAMPLES];
} in;

typedef struct result {
  double loss[SAMPLES];
  float dlogits[SAMPLES * MAX_CLASSES], probability[SAMPLES * MAX_CLASSES];
  uint8_t correct[SAMPLES];
} result;

static result r;

static void fill(size_t classes, double smoothing, double std)
{
  in.classes = classes;
  in.smoothing = smoothing;
  kernel_test_fill(in.logits, SAMPLES * classes, 5, 1, std);
  for (size_t n = 0; n < SAMPLES; n++) in.label[n] = (int32_t)(n * 13 % classes);
}

static void run(void *out, void *context)
{
  (void)context;
  result *to = out;
  lks_softmax_cross_entropy(to->loss, to->correct, to->dlogits, to->probability, in.logits, in.label,
                            in.smoothing, 0.25, SAMPLES, in.classes, LKS_FP32);
}

static const size_t class_counts[] = {1, 2, 10, 64, 65, 100, MAX_CLASSES};

static void test_loss_is_the_twin(void **state)
{
  (void)state;
  static double softmax[MAX_CLASSES];
  for (size_t k = 0; k < 2 * sizeof class_counts / sizeof *class_counts; k++) {
    const double smoothing = k % 2 ? 0.1 : 0;
    const size_t classes = class_counts[k / 2];
    fill(classes, smoothing, 4);
    run(&r, NULL);
    for (size_t n = 0; n < SAMPLES; n++) {
      const float *logits = in.logits + n * classes;
      const double twin = naive_softmax_cross_entropy(softmax, logits, in.label[n], smoothing, classes);
      assert_true(fabs(r.loss[n] - twin) <= 1e-13 * (1 + twin));
      size_t best = 0;
      for (size_t c = 0; c < classes; c++) {
        const double target = smoothing / (double)classes + (c == (size_t)in.label[n] ? 1 - smoothing : 0);
        const double slope = 0.25 * (softmax[c] - target);
        best = logits[c] > logits[best] ? c : best;
        assert_true(fabs(r.probability[n * classes + c] - softmax[c]) <= 1.01 * 0x1p-24 * softmax[c]);
        assert_true(fabs(r.dlogits[n * classes + c] - slope) <= 1.01 * 0x1p-24 * fabs(slope) + 1e-15);
      }
      assert_int_equal(r.correct[n], best == (size_t)in.label[n]);
    }
  }
}

static void test_every_level_gives_the_same_bits(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof class_counts / sizeof *class_counts; k++) {
    fill(class_counts[k], 0.1, 20);
    assert_true(kernel_test_same_bits(run, NULL, sizeof(result)));
  }
}

static void test_large_logits_do_not_overflow(void **state)
{
  (void)state;
  fill(2, 0, 1);
  in.logits[0] = 3e38f;
  in.logits[1] = -3e38f;
  in.label[0] = 0;
  run(&r, NULL);
  assert_true(r.loss[0] == 0 && r.probability[0] == 1 && r.probability[1] == 0 && r.correct[0] == 1);
  in.label[0] = 1;
  run(&r, NULL);
  assert_true(fabs(r.loss[0] - 6e38) < 1e32 && r.correct[0] == 0);
}

static void test_ties_go_to_the_lowest_class(void **state)
{
  (void)state;
  fill(10, 0, 1);
  for (size_t i = 0; i < 10; i++) in.logits[i] = in.logits[10 + i] = 2;
  in.label[0] = 0;
  in.label[1] = 3;
  run(&r, NULL);
  assert_true(r.correct[0] == 1 && r.correct[1] == 0);
  assert_true(fabs(r.loss[1] - log(10)) < 1e-15);
}

static void test_a_logit_that_is_not_finite_shows_in_the_loss(void **state)
{
  (void)state;
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t k = 0; k < 3; k++) {
    for (size_t class = 0; class < 10; class += 9) {
      fill(10, 0, 1);
      in.logits[10 + class] = bad[k];
      run(&r, NULL);
      assert_true(isfinite(r.loss[0]) && !isfinite(r.loss[1]) && isfinite(r.loss[2]));
    }
  }
}

static void test_outputs_may_be_absent(void **state)
{
  (void)state;
  static result bare;
  fill(10, 0.1, 4);
  run(&r, NULL);
  lks_softmax_cross_entropy(bare.loss, bare.correct, NULL, NULL, in.logits, in.label, 0.1, 0.25, SAMPLES, 10,
                            LKS_FP32);
  assert_memory_equal(bare.loss, r.loss, sizeof r.loss);
  assert_memory_equal(bare.correct, r.correct, sizeof r.correct);
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exp_is_within_two_ulp),
      cmocka_unit_test(test_exp_at_its_edges),
      cmocka_unit_test(test_log_is_within_two_ulp),
      cmocka_unit_test(test_log_at_its_edges),
      cmocka_unit_test(test_loss_is_the_twin),
      cmocka_unit_test(test_every_level_gives_the_same_bits),
      cmocka_unit_test(test_large_logits_do_not_overflow),
      cmocka_unit_test(test_ties_go_to_the_lowest_class),
      cmocka_unit_test(test_a_logit_that_is_not_finite_shows_in_the_loss),
      cmocka_unit_test(test_outputs_may_be_absent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
