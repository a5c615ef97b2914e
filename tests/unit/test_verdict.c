#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "statistics/student_t.h"
#include "statistics/verdict.h"

static const double margin = 0.15;

/* A comparison of `count` seeds with this mean and this half width of the 95% interval, in points. */
static lks_paired pair_of(size_t count, double mean, double half)
{
  double df = (double)count - 1, error = half / lks_student_t_quantile(0.975, df);
  double t = mean / error, low = mean - half, high = mean + half;
  double deviation = error * sqrt((double)count);
  return (lks_paired){.evidence = LKS_EVIDENCE_INTERVAL,
                      .count = count,
                      .mean = mean,
                      .standard_deviation = deviation,
                      .standard_error = error,
                      .low = low,
                      .high = high,
                      .t = t,
                      .p = 2 * lks_student_t_cdf(-fabs(t), df)};
}

/* Holm's factor: 1 if this arm is the only one. */
static void expect(const lks_paired *pair, double factor, lks_verdict verdict, const char *sentence)
{
  char text[LKS_VERDICT_BYTES];
  const lks_question question = lks_question_accuracy(margin);
  assert_int_equal(
      lks_verdict_write(text, sizeof text, &question, pair, fmin(1, factor * pair->p), (size_t)factor, false),
      verdict);
  assert_string_equal(text, sentence);
}

static void test_differences(void **state)
{
  (void)state;
  lks_paired better = pair_of(10, 0.31, 0.19), worse = pair_of(10, -0.31, 0.19);
  expect(&better, 1, LKS_VERDICT_BETTER, "better by 0.31 points [0.12, 0.50]");
  expect(&worse, 1, LKS_VERDICT_WORSE, "worse by 0.31 points [0.12, 0.50]");
  lks_paired small = pair_of(10, -0.05, 0.03), beyond = pair_of(10, 0.12, 0.08);
  expect(&small, 1, LKS_VERDICT_WORSE, "worse by 0.05 points [0.02, 0.08], less than the margin of 0.15");
  expect(&beyond, 1, LKS_VERDICT_BETTER, "better by 0.12 points [0.04, 0.20]"); /* may be beyond the margin */
  lks_paired tiny = pair_of(10, 0.0031, 0.0019), scarce = pair_of(10, 0.5, 0.4996);
  expect(&tiny, 1, LKS_VERDICT_BETTER, "better by 0.003 points [0.001, 0.005], less than the margin of 0.15");
  expect(&scarce, 1, LKS_VERDICT_BETTER, "better by 0.5000 points [0.0004, 0.9996]");
}

static void test_no_difference(void **state)
{
  (void)state;
  lks_paired equal = pair_of(10, 0.02, 0.1), small = pair_of(10, 0.05, 0.04);
  expect(&equal, 1, LKS_VERDICT_EQUIVALENT, "no difference larger than 0.15 points");
  /* 20 arms: the bar of the picture leaves out 0, and the sentence says why that is no difference */
  expect(
      &small, 20, LKS_VERDICT_EQUIVALENT,
      "no difference larger than 0.15 points (the interval alone leaves out 0, but corrected for 20 comparisons that does not stand: p = 0.40)");
}

static void test_undecided(void **state)
{
  (void)state;
  lks_paired wide = pair_of(5, 0.1, 0.4), near_margin = pair_of(10, 0.12, 0.13),
             many = pair_of(10, 0.4, 0.35);
  lks_paired hopeless = pair_of(5, 10, 80), by_holm = pair_of(20, 0.14, 0.12);
  expect(&wide, 1, LKS_VERDICT_UNDECIDED, "undecided: 21 seeds would resolve 0.15 points");
  expect(&near_margin, 1, LKS_VERDICT_UNDECIDED, "undecided: 12 seeds would resolve 0.12 points");
  expect(
      &many, 5, LKS_VERDICT_UNDECIDED,
      "undecided: +0.40 points [+0.05, +0.75]: the interval alone leaves out 0, but corrected for 5 comparisons it does not stand (p = 0.15)");
  expect(
      &by_holm, 5, LKS_VERDICT_UNDECIDED,
      "undecided: +0.14 points [+0.02, +0.26]: the interval alone leaves out 0, but corrected for 5 comparisons it does not stand (p = 0.12)");
  expect(&hopeless, 1, LKS_VERDICT_UNDECIDED,
         "undecided: no fewer than 100000 seeds would resolve 0.15 points");
}

static void test_seeds_that_say_nothing(void **state)
{
  (void)state;
  const double reference[] = {90, 80, 75}, above[] = {91, 81, 76}, missing[] = {90, NAN, 70};
  lks_paired one = lks_paired_compare(above, reference, 1), alike = lks_paired_compare(reference, above, 3);
  lks_paired identical = lks_paired_compare(above, above, 3), none = lks_paired_compare(missing, above, 3);
  expect(&one, 1, LKS_VERDICT_NONE, "one seed says nothing about chance");
  expect(&alike, 1, LKS_VERDICT_NONE,
         "-1.00 points for each of 3 seeds: without spread they say nothing about chance");
  expect(&identical, 1, LKS_VERDICT_NONE,
         "the same result for each of 3 seeds: without spread they say nothing about chance");
  expect(&none, 1, LKS_VERDICT_NONE, "no verdict: a result is missing or not finite");
}

static void test_the_same_computation(void **state)
{
  (void)state;
  const double values[] = {90, 80, 70}, others[] = {90, 80, 71};
  char text[LKS_VERDICT_BYTES];
  const lks_question question = lks_question_accuracy(margin);
  for (size_t count = 1; count <= 3; count++) { /* the same bits need no seeds */
    lks_paired same = lks_paired_compare(values, values, count);
    assert_int_equal(lks_verdict_write(text, sizeof text, &question, &same, same.p, 1, true),
                     LKS_VERDICT_SAME);
    assert_string_equal(text, "the same computation: the difference is exactly 0");
  }
  lks_paired other = lks_paired_compare(others, values, 3); /* a claim that the numbers contradict */
  assert_int_equal(lks_verdict_write(text, sizeof text, &question, &other, other.p, 1, true),
                   LKS_VERDICT_UNDECIDED);
}

static void test_short_buffers_cut_the_sentence(void **state)
{
  (void)state;
  lks_paired small = pair_of(10, 0.05, 0.03);
  char whole[LKS_VERDICT_BYTES], text[LKS_VERDICT_BYTES];
  const lks_question question = lks_question_accuracy(margin);
  lks_verdict_write(whole, sizeof whole, &question, &small, small.p, 1, false);
  for (size_t size = 1; size < strlen(whole) + 2; size++) {
    memset(text, '#', sizeof text);
    lks_verdict_write(text, size, &question, &small, small.p, 1, false);
    assert_int_equal(strlen(text), size - 1 < strlen(whole) ? size - 1 : strlen(whole));
    assert_memory_equal(text, whole, strlen(text));
    assert_int_equal(text[size], '#');
  }
}

/* Of losses less is better, and there is no margin that anybody agreed on. */
static void test_losses(void **state)
{
  (void)state;
  const lks_question question = lks_question_loss();
  lks_paired lower = pair_of(10, -0.0123, 0.0046), higher = pair_of(10, 0.0123, 0.0046),
             wide = pair_of(5, 0.003, 0.007), same = pair_of(10, 0.00001, 0.00002);
  char text[LKS_VERDICT_BYTES];
  assert_int_equal(lks_verdict_write(text, sizeof text, &question, &lower, lower.p, 1, false),
                   LKS_VERDICT_BETTER);
  assert_string_equal(text, "lower by 0.0123 [0.0077, 0.0169]");
  assert_int_equal(lks_verdict_write(text, sizeof text, &question, &higher, higher.p, 1, false),
                   LKS_VERDICT_WORSE);
  assert_string_equal(text, "higher by 0.0123 [0.0077, 0.0169]");
  assert_int_equal(lks_verdict_write(text, sizeof text, &question, &wide, wide.p, 1, false),
                   LKS_VERDICT_UNDECIDED);
  assert_string_equal(text, "undecided: +0.0030 [-0.0040, +0.0100]");
  assert_int_equal(lks_verdict_write(text, sizeof text, &question, &same, same.p, 1, false),
                   LKS_VERDICT_UNDECIDED);
}

/* Whatever the numbers are, a sentence that calls an arm undecided or equal owns up to an interval without 0. */
static void test_intervals_and_sentences_agree(void **state)
{
  (void)state;
  const lks_question accuracy = lks_question_accuracy(margin), loss = lks_question_loss();
  size_t alone = 0;
  for (int mean = -40; mean <= 40; mean++)
    for (size_t tests = 1; tests <= 20 && abs(mean) != 17; tests += 3) { /* 17: the interval ends at 0 */
      const lks_paired pair = pair_of(5 + tests, mean / 100., 0.17);
      const lks_question *question = mean % 2 ? &accuracy : &loss;
      const double p = fmin(1, (double)tests * pair.p);
      char text[LKS_VERDICT_BYTES];
      const lks_verdict verdict = lks_verdict_write(text, sizeof text, question, &pair, p, tests, false);
      const bool leaves_out_0 = pair.low > 0 || pair.high < 0,
                 stands = verdict == LKS_VERDICT_BETTER || verdict == LKS_VERDICT_WORSE,
                 said = strstr(text, "the interval alone leaves out 0") != NULL;
      assert_true(leaves_out_0 || !stands);
      assert_int_equal(said, leaves_out_0 && !stands);
      assert_true(strlen(text) + 1 < sizeof text);
      alone += said;
    }
  assert_true(alone > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_differences),
      cmocka_unit_test(test_no_difference),
      cmocka_unit_test(test_undecided),
      cmocka_unit_test(test_seeds_that_say_nothing),
      cmocka_unit_test(test_the_same_computation),
      cmocka_unit_test(test_losses),
      cmocka_unit_test(test_intervals_and_sentences_agree),
      cmocka_unit_test(test_short_buffers_cut_the_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
