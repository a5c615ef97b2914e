#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "statistics/statistics.h"
#include "statistics/student_t.h"
#include "support/golden.h"

#define GOLDEN LKS_TEST_SOURCE_DIR "/tests/golden/statistics.h5"

static bool near(double value, double expected, double relative)
{
  return fabs(value - expected) <= relative * fabs(expected);
}

static lks_random_key key_of(uint64_t seed, uint32_t sample)
{
  return lks_random_key_make(seed, LKS_RANDOM_GENERATE, 0, 0, sample);
}

static void test_median_of_the_last_five(void **state)
{
  (void)state;
  const double values[] = {100, 100, 3, 9, 1, 7, 5};
  assert_true(lks_median_of_last_five(values, 7) == 5);
  assert_true(lks_median_of_last_five(values, 6) == 7); /* 100 3 9 1 7 */
  assert_true(lks_median_of_last_five(values + 2, 4) == 5);
  assert_true(lks_median_of_last_five(values + 2, 3) == 3);
  assert_true(lks_median_of_last_five(values + 3, 2) == 5);
  assert_true(lks_median_of_last_five(values + 3, 1) == 9);
  assert_true(isnan(lks_median_of_last_five(values, 0)));
  const double broken[] = {1, NAN, 2, 3, 4, 5};
  assert_true(isnan(lks_median_of_last_five(broken, 6)) && lks_median_of_last_five(broken + 2, 4) == 3.5);
}

static void test_mean_and_standard_deviation(void **state)
{
  (void)state;
  const double values[] = {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 6}; /* the textbook's sum of squares fails here */
  assert_true(lks_mean(values, 4) == 1e9 + 3);
  assert_true(near(lks_standard_deviation(values, 4), sqrt(14. / 3), 1e-15));
  assert_true(isnan(lks_mean(values, 0)));
  assert_true(isnan(lks_standard_deviation(values, 1)) && isnan(lks_standard_deviation(values, 0)));
  const double alike[] = {0.1, 0.1, 0.1};
  assert_true(lks_mean(alike, 3) == 0.1 && lks_standard_deviation(alike, 3) == 0);
}

/* The columns of numbers[case][]. */
enum { MEAN, DEVIATION, ERROR, LOW, HIGH, T, P, LOW_90, HIGH_90, EQUIVALENCE, SIGN_FLIP, COLUMNS };

/* Which column differs from SciPy's; COLUMNS if none. */
static int unlike_scipy(const double *arm, const double *reference, size_t count, const double *expected,
                        double margin)
{
  lks_paired pair = lks_paired_compare(arm, reference, count);
  lks_equivalence equivalence = lks_equivalence_test(&pair, margin);
  const lks_random_key key = key_of(5, 0);
  double found[COLUMNS] = {pair.mean,
                           pair.standard_deviation,
                           pair.standard_error,
                           pair.low,
                           pair.high,
                           pair.t,
                           pair.p,
                           equivalence.low,
                           equivalence.high,
                           equivalence.p,
                           lks_sign_flip_p(arm, reference, count, &key)};
  bool drawn = count > LKS_SIGN_FLIP_EXACT;
  for (int c = 0; c < COLUMNS; c++) {
    bool probability = c == P || c >= EQUIVALENCE;
    double scale = probability ? 0 : c == T ? 1 : expected[ERROR]; /* a mean may be 0 but for rounding */
    double allowed = 1e-10 * fmax(scale, fabs(expected[c]));
    if (c == SIGN_FLIP && drawn) allowed = 5 * sqrt(expected[c] / LKS_SIGN_FLIP_DRAWS) + 1e-5;
    if (!(fabs(found[c] - expected[c]) <= allowed)) return c;
  }
  return pair.evidence == LKS_EVIDENCE_INTERVAL ? COLUMNS : -1;
}

static void test_paired_tests_are_scipy_s(void **state)
{
  (void)state;
  golden *g = golden_open(GOLDEN, "paired");
  const double *arm = golden_doubles(g, "arm"), *reference = golden_doubles(g, "reference");
  const double *expected = golden_doubles(g, "numbers"), margin = golden_number(g, "margin");
  const int32_t *count = golden_ints(g, "count");
  size_t cases = golden_size(g, "count", NULL), noticed = 0;
  assert_true(cases > 50);
  for (size_t i = 0; i < cases; i++) {
    size_t n = (size_t)count[i];
    int unlike = unlike_scipy(arm, reference, n, expected, margin);
    if (unlike != COLUMNS) fail_msg("case %zu of %zu seeds: column %d", i, n, unlike);
    noticed += unlike_scipy(arm, reference, n - 1, expected, margin) != COLUMNS;
    noticed += unlike_scipy(reference, arm, n, expected, margin) != COLUMNS;
    arm += n, reference += n, expected += COLUMNS;
  }
  assert_int_equal(noticed, 2 * cases); /* one seed less, or arm and reference exchanged: other numbers */
  golden_close(&g);
}

static bool numbers_are_nan(const lks_paired *pair)
{
  return isnan(pair->standard_deviation) && isnan(pair->standard_error) && isnan(pair->low) &&
         isnan(pair->high) && isnan(pair->t) && isnan(pair->p);
}

static void test_pairs_without_an_interval(void **state)
{
  (void)state;
  const double reference[] = {301. / 360, 317. / 360, 333. / 360}; /* as counted over 360 test samples */
  const double above[] = {308. / 360, 324. / 360, 340. / 360}, seven = 7. / 360;
  lks_paired one = lks_paired_compare(above, reference, 1);
  assert_int_equal(one.evidence, LKS_EVIDENCE_ONE_SEED);
  assert_true(near(one.mean, seven, 1e-12) && numbers_are_nan(&one));

  lks_paired alike = lks_paired_compare(above, reference, 3); /* alike but for rounding */
  assert_int_equal(alike.evidence, LKS_EVIDENCE_NO_SPREAD);
  assert_true(near(alike.mean, seven, 1e-12) && numbers_are_nan(&alike));
  assert_true(above[0] - reference[0] != above[1] - reference[1]);
  const double wider[] = {308. / 360, 324. / 360, 340. / 360 + 1e-9};
  assert_int_equal(lks_paired_compare(wider, reference, 3).evidence, LKS_EVIDENCE_INTERVAL);

  const double broken[] = {0.9, NAN, 0.7}, infinite[] = {0.9, 0.8, INFINITY};
  const lks_paired none[] = {lks_paired_compare(broken, reference, 3),
                             lks_paired_compare(reference, infinite, 3),
                             lks_paired_compare(reference, reference, 0)};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_int_equal(none[i].evidence, LKS_EVIDENCE_NONE);
    assert_true(isnan(none[i].mean) && numbers_are_nan(&none[i]));
  }
  lks_equivalence unknown = lks_equivalence_test(&one, 0.0015);
  assert_true(isnan(unknown.p) && isnan(unknown.low) && isnan(unknown.high) && !unknown.equivalent);
  assert_true(isnan(lks_equivalence_test(&alike, 0.0015).p) &&
              isnan(lks_equivalence_test(&none[2], 0.0015).p));
}

static void test_identical_pairs_differ_by_exactly_nothing(void **state)
{
  (void)state;
  const double values[] = {0.9, 0.81, 0.7};
  lks_paired pair = lks_paired_compare(values, values, 3);
  assert_int_equal(pair.evidence, LKS_EVIDENCE_IDENTICAL);
  assert_true(pair.mean == 0 && pair.low == 0 && pair.high == 0 && pair.t == 0 && pair.p == 1);
  assert_true(lks_sign_flip_p(values, values, 3, NULL) == 1);
  lks_equivalence equivalence = lks_equivalence_test(&pair, 0.0015);
  assert_true(equivalence.equivalent && equivalence.p == 0 && equivalence.low == 0 && equivalence.high == 0);
}

static void test_sign_flips(void **state)
{
  (void)state;
  enum { SEEDS = 300 };
  double zero[SEEDS] = {0}, ones[SEEDS];
  for (size_t i = 0; i < SEEDS; i++) ones[i] = 1 + 0.1 * (double)(i % 3);
  const lks_random_key key = key_of(1, 2), other = key_of(2, 2);
  assert_true(isnan(lks_sign_flip_p(ones, zero, 0, &key)));
  for (size_t n = 1; n <= 12; n++) /* all signs agree: only the observed flip and its opposite are as far */
    assert_true(lks_sign_flip_p(ones, zero, n, NULL) == pow(2, 1 - (double)n));
  assert_true(near(lks_sign_flip_p(ones, zero, SEEDS, &key), 1. / (LKS_SIGN_FLIP_DRAWS + 1), 1e-12));
  const double ties[] = {1.1, 1.2, 1.3}, base[] = {1, 1, 1}; /* 0.1 + 0.2 - 0.3 is as far as nothing is */
  assert_true(lks_sign_flip_p(ties, base, 3, NULL) == 0.25);
  ones[0] = NAN;
  assert_true(isnan(lks_sign_flip_p(ones, zero, 5, NULL)));

  for (size_t i = 0; i < SEEDS; i++) ones[i] = i % 2 ? 1 : -0.8; /* undecided: p in the middle, by drawing */
  double p = lks_sign_flip_p(ones, zero, SEEDS, &key);
  assert_true(p > 0.01 && p < 0.5 && p == lks_sign_flip_p(ones, zero, SEEDS, &key));
  double q = lks_sign_flip_p(ones, zero, SEEDS, &other);
  assert_true(p != q && fabs(p - q) < 5 * sqrt(2 * p / LKS_SIGN_FLIP_DRAWS));
}

static void test_holm_is_the_paper_s(void **state)
{
  (void)state;
  golden *g = golden_open(GOLDEN, "holm");
  size_t extent[GOLDEN_DIMENSIONS];
  golden_size(g, "p", extent);
  const double *p = golden_doubles(g, "p"), *expected = golden_doubles(g, "adjusted");
  double adjusted[16];
  assert_true(extent[1] <= 16);
  for (size_t family = 0; family < extent[0]; family++, p += extent[1], expected += extent[1]) {
    lks_holm_adjust(adjusted, p, extent[1]);
    for (size_t i = 0; i < extent[1]; i++) {
      assert_int_equal(isnan(adjusted[i]) != 0, isnan(p[i]) != 0);
      assert_true(isnan(p[i]) || (near(adjusted[i], expected[i], 1e-14) && adjusted[i] <= 1));
    }
  }
  golden_close(&g);
  const double by_hand[] = {0.01, 0.04, NAN, 0.03, 0.005}, answer[] = {0.03, 0.06, NAN, 0.06, 0.02};
  lks_holm_adjust(adjusted, by_hand, 5);
  for (size_t i = 0; i < 5; i++)
    assert_true(i == 2 ? isnan(adjusted[i]) : near(adjusted[i], answer[i], 1e-14));
}

static void test_seeds_needed(void **state)
{
  (void)state;
  golden *g = golden_open(GOLDEN, "seeds");
  const double *ratio = golden_doubles(g, "ratio");
  const int32_t *needed = golden_ints(g, "needed");
  for (size_t i = 0; i < golden_size(g, "ratio", NULL); i++)
    assert_int_equal(lks_seeds_needed(0.002 * ratio[i], 0.002), needed[i]);
  golden_close(&g);
  assert_int_equal(lks_seeds_needed(0, 0.002), 2);
  assert_int_equal(lks_seeds_needed(1, 1e-6), LKS_SEEDS_MOST);
  assert_int_equal(lks_seeds_needed(1, 0), LKS_SEEDS_MOST);
  assert_int_equal(lks_seeds_needed(NAN, 1), LKS_SEEDS_MOST);
}

enum { SAMPLES = 2000, SEEDS = 8, ARMS = 5 };
static const double effect = 0.3;

/* An arm whose true difference to its reference is `effect`, and whose values share the seed's luck with it.
 */
static lks_paired simulate(uint32_t sample, double true_effect, double *sign_flip)
{
  float deviate[3 * SEEDS];
  double arm[SEEDS], reference[SEEDS];
  const lks_random_key key = key_of(42, sample);
  lks_random_normal(deviate, 3 * SEEDS, &key);
  for (size_t i = 0; i < SEEDS; i++) {
    double luck = 5 * (double)deviate[3 * i];
    reference[i] = luck + (double)deviate[3 * i + 1];
    arm[i] = luck + (double)deviate[3 * i + 2] + true_effect;
  }
  *sign_flip = lks_sign_flip_p(arm, reference, SEEDS, NULL);
  return lks_paired_compare(arm, reference, SEEDS);
}

static void test_intervals_cover_a_planted_effect(void **state)
{
  (void)state;
  const double normal_quantile = 1.959963984540054;
  size_t covered = 0, covered_without_t = 0;
  for (uint32_t sample = 0; sample < SAMPLES; sample++) {
    double sign_flip;
    lks_paired pair = simulate(sample, effect, &sign_flip);
    covered += pair.low <= effect && effect <= pair.high;
    covered_without_t += fabs(pair.mean - effect) <= normal_quantile * pair.standard_error;
  }
  assert_in_range(covered, SAMPLES * 93 / 100, SAMPLES * 97 / 100);
  assert_true(covered_without_t < SAMPLES * 93 / 100); /* the normal distribution's interval is too short */
}

static void test_false_alarms_are_as_rare_as_promised(void **state)
{
  (void)state;
  size_t t_alarms = 0, flip_alarms = 0, families = 0, families_unadjusted = 0, equivalent = 0;
  for (uint32_t sample = 0; sample < SAMPLES; sample++) {
    double p[ARMS], adjusted[ARMS], smallest = 1, smallest_adjusted = 1;
    for (uint32_t arm = 0; arm < ARMS; arm++) {
      double sign_flip;
      lks_paired pair = simulate(sample * ARMS + arm, 0, &sign_flip);
      p[arm] = pair.p;
      t_alarms += pair.p < LKS_SIGNIFICANCE;
      flip_alarms += sign_flip < LKS_SIGNIFICANCE;
    }
    lks_holm_adjust(adjusted, p, ARMS);
    for (size_t arm = 0; arm < ARMS; arm++) {
      smallest = fmin(smallest, p[arm]);
      smallest_adjusted = fmin(smallest_adjusted, adjusted[arm]);
    }
    families += smallest_adjusted < LKS_SIGNIFICANCE;
    families_unadjusted += smallest < LKS_SIGNIFICANCE;
    double ignored;
    lks_paired at_the_margin = simulate(sample, effect, &ignored);
    equivalent += lks_equivalence_test(&at_the_margin, effect).equivalent;
  }
  assert_in_range(t_alarms, SAMPLES * ARMS * 4 / 100, SAMPLES * ARMS * 6 / 100);
  assert_in_range(flip_alarms, SAMPLES * ARMS * 3 / 100, SAMPLES * ARMS * 6 / 100);
  assert_in_range(families, SAMPLES * 3 / 100, SAMPLES * 6 / 100);
  assert_true(families_unadjusted > SAMPLES * 18 / 100); /* 1 - 0.95^5 = 0.23 */
  assert_true(equivalent <= SAMPLES * 6 / 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_median_of_the_last_five),
      cmocka_unit_test(test_mean_and_standard_deviation),
      cmocka_unit_test(test_paired_tests_are_scipy_s),
      cmocka_unit_test(test_pairs_without_an_interval),
      cmocka_unit_test(test_identical_pairs_differ_by_exactly_nothing),
      cmocka_unit_test(test_sign_flips),
      cmocka_unit_test(test_holm_is_the_paper_s),
      cmocka_unit_test(test_seeds_needed),
      cmocka_unit_test(test_intervals_cover_a_planted_effect),
      cmocka_unit_test(test_false_alarms_are_as_rare_as_promised),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
