#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "lockstep/exact_sum.h"
#include "support/wide_integer.h"

enum { MOST = 600 };

static const lks_random_key source = {.seed = 20, .purpose = LKS_RANDOM_GENERATE};

static uint32_t drawn; /* blocks used of the source */

/* Random sign and fraction; exponent uniform in [lowest, highest]. */
static double random_double(int lowest, int highest)
{
  uint32_t words[4];
  lks_random_words(words, &source, drawn++);
  double fraction = 1 + ldexp((double)(words[0] & 0xfffff), -20) + ldexp((double)words[1], -52);
  int exponent = lowest + (int)(words[2] % (uint32_t)(highest - lowest + 1));
  return ldexp(words[3] & 1 ? -fraction : fraction, exponent);
}

/* Every family of addends that a sum has to survive. Returns how many it wrote. */
static size_t fill(double values[MOST], int family)
{
  const size_t count = 300;
  for (size_t i = 0; i < count; i++) {
    switch (family) {
    case 0: values[i] = random_double(-4, 4); break;
    case 1: values[i] = random_double(70, 79); break;
    case 2: values[i] = random_double(-125, -100); break;
    case 3: values[i] = random_double(-140, 79); break;
    case 4: values[i] = i % 3 == 0 ? 0.0 : i % 3 == 1 ? -0.0 : DBL_TRUE_MIN; break;
    default: values[i] = random_double(-60, 79); break;
    }
  }
  if (family < 5) return count;
  /* All cancel but one small rest. */
  for (size_t i = 0; i < count; i++) values[count + i] = -values[count - 1 - i];
  values[count] += family == 6 ? 0x1p-100 : 0;
  return 2 * count;
}

enum { FAMILIES = 7 };

static void sum(int64_t limbs[LKS_EXACT_LIMBS], const double *values, size_t count)
{
  memset(limbs, 0, LKS_EXACT_LIMBS * sizeof *limbs);
  for (size_t i = 0; i < count; i++) lks_exact_sum_add(limbs, values[i]);
}

static void assert_same_bits(double a, double b)
{
  assert_memory_equal(&a, &b, sizeof a);
}

static void test_value_is_the_rounded_sum(void **state)
{
  (void)state;
  for (int family = 0; family < FAMILIES; family++) {
    double values[MOST];
    size_t count = fill(values, family);
    wide_integer reference = {{0}};
    int64_t limbs[LKS_EXACT_LIMBS] = {0};
    for (size_t i = 0; i < count; i++) {
      wide_add_double(&reference, values[i]);
      lks_exact_sum_add(limbs, values[i]);
      double high, low, rounded = wide_round(&reference);
      wide_integer rest = reference;
      wide_add_double(&rest, -rounded);
      lks_exact_sum_value_pair(&high, &low, limbs);
      assert_same_bits(lks_exact_sum_value(limbs), rounded);
      assert_same_bits(high, rounded);
      assert_same_bits(low, wide_round(&rest));
      assert_true(fabs(low) <= 0x1p-53 * fabs(high));
    }
    assert_int_equal(lks_exact_sum_nonfinite(limbs, 1), 0);
  }
}

static void test_any_order_and_split_give_the_same_limbs(void **state)
{
  (void)state;
  for (int family = 0; family < FAMILIES; family++) {
    double values[MOST];
    size_t count = fill(values, family);
    if (family % 2 == 1) values[7] = NAN;
    int64_t expected[LKS_EXACT_LIMBS];
    sum(expected, values, count);
    for (uint32_t trial = 0; trial < 40; trial++) {
      lks_random_key key = lks_random_key_make(1, LKS_RANDOM_SHUFFLE, 0, trial, 0);
      uint32_t order[MOST];
      lks_random_permutation(order, count, &key);
      int64_t total[LKS_EXACT_LIMBS] = {0}, part[LKS_EXACT_LIMBS] = {0};
      for (size_t i = 0; i < count; i++) {
        lks_exact_sum_add(part, values[order[i]]);
        if (lks_random_below(&key, (uint32_t)(count + i), 16) != 0) continue;
        lks_exact_sum_merge(total, part, 1);
        memset(part, 0, sizeof part);
      }
      lks_exact_sum_merge(part, total, 1);
      assert_memory_equal(part, expected, sizeof part);
    }
  }
}

/* Negative control: the same permutations change a plain sum. */
static void test_a_plain_sum_depends_on_the_order(void **state)
{
  (void)state;
  double values[MOST];
  size_t count = fill(values, 0);
  double forward = 0, backward = 0;
  for (size_t i = 0; i < count; i++) forward += values[i];
  for (size_t i = count; i > 0; i--) backward += values[i - 1];
  assert_true(forward != backward);
}

static void test_merge_is_per_accumulator(void **state)
{
  (void)state;
  enum { COUNT = 5, BEHIND = COUNT * LKS_EXACT_LIMBS };
  const double values[COUNT] = {1.5, -2, INFINITY, 1e-9, 0};
  int64_t together[BEHIND + 1] = {[BEHIND] = 1}, twice[BEHIND + 1] = {[BEHIND] = 1};
  for (size_t c = 0; c < COUNT; c++) lks_exact_sum_add(together + c * LKS_EXACT_LIMBS, values[c]);
  lks_exact_sum_merge(twice, together, COUNT);
  lks_exact_sum_merge(twice, together, COUNT);
  for (size_t c = 0; c < COUNT; c++) {
    int64_t alone[LKS_EXACT_LIMBS];
    sum(alone, &values[c], 1);
    assert_memory_equal(together + c * LKS_EXACT_LIMBS, alone, sizeof alone);
    if (c != 2) assert_same_bits(lks_exact_sum_value(twice + c * LKS_EXACT_LIMBS), 2 * values[c]);
  }
  assert_int_equal(lks_exact_sum_nonfinite(together, COUNT), 1);
  assert_int_equal(lks_exact_sum_nonfinite(twice, COUNT), 2);
  assert_int_equal(lks_exact_sum_nonfinite(twice, 2), 0);
  assert_int_equal(lks_exact_sum_nonfinite(twice + (size_t)2 * LKS_EXACT_LIMBS, 1), 2);
  assert_true(together[BEHIND] == 1 && twice[BEHIND] == 1);
}

static void test_nonfinite_values_are_counted_and_nothing_else(void **state)
{
  (void)state;
  const double nonfinite[] = {NAN, -NAN, INFINITY, -INFINITY, 0x1p80, -0x1p80, DBL_MAX};
  int64_t limbs[LKS_EXACT_LIMBS], expected[LKS_EXACT_LIMBS];
  sum(limbs, &(double){1}, 1);
  memcpy(expected, limbs, sizeof limbs);
  for (size_t i = 0; i < sizeof nonfinite / sizeof nonfinite[0]; i++) {
    lks_exact_sum_add(limbs, nonfinite[i]);
    expected[LKS_EXACT_NONFINITE]++;
    assert_memory_equal(limbs, expected, sizeof limbs);
    double high, low;
    lks_exact_sum_value_pair(&high, &low, limbs);
    assert_true(isnan(lks_exact_sum_value(limbs)) && isnan(high) && isnan(low));
  }
  for (int negative = 0; negative < 2; negative++) {
    double largest = nextafter(negative ? -0x1p80 : 0x1p80, 0);
    sum(limbs, &largest, 1);
    assert_same_bits(lks_exact_sum_value(limbs), largest);
  }
}

static void test_bits_below_the_last_are_dropped(void **state)
{
  (void)state;
  static const struct {
    double added, kept;
  } cases[] = {{0x1p-112, 0x1p-112},
               {0x1p-113, 0},
               {0x1.8p-112, 0x1p-112},
               {-0x1.8p-112, -0x1p-112},
               {-0x1.fp-113, 0},
               {0x1.0000000000001p-60, 0x1.0000000000001p-60},
               {0x1.0000000000001p-61, 0x1p-61},
               {DBL_MIN, 0},
               {-DBL_TRUE_MIN, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t limbs[LKS_EXACT_LIMBS];
    sum(limbs, &cases[i].added, 1);
    assert_same_bits(lks_exact_sum_value(limbs), cases[i].kept);
  }
}

/* A limb after 2^31 - 1 addends of the largest digit takes one more, and the value still has every bit. */
static void test_limbs_hold_two_to_the_31_addends(void **state)
{
  (void)state;
  const int64_t before = (INT64_C(0x80000000) - 1) * INT64_C(0xffffffff);
  for (int negative = 0; negative < 2; negative++) {
    for (int digit = 0; digit < LKS_EXACT_DIGITS; digit++) {
      int64_t limbs[LKS_EXACT_LIMBS] = {0};
      wide_integer reference = {{0}};
      for (int i = 0; i < LKS_EXACT_DIGITS; i++) {
        limbs[i] = negative ? -before : before;
        wide_add_shifted(&reference, limbs[i], 32 * i);
      }
      /* 32 ones in that digit alone. */
      double addend = ldexp(negative ? -0xffffffffp0 : 0xffffffffp0, 32 * digit - 112);
      lks_exact_sum_add(limbs, addend);
      wide_add_double(&reference, addend);
      assert_true(negative ? limbs[digit] == -INT64_C(0x7fffffff80000000)
                           : limbs[digit] == INT64_C(0x7fffffff80000000));
      double high, low;
      lks_exact_sum_value_pair(&high, &low, limbs);
      assert_same_bits(high, wide_round(&reference));
      wide_add_double(&reference, -high);
      assert_same_bits(low, wide_round(&reference));
    }
  }
}

static void test_ties_round_to_even(void **state)
{
  (void)state;
  static const struct {
    double a, b, c, rounded;
  } cases[] = {{1, 0x1p-53, 0, 1},
               {1, 0x1p-53, 0x1p-112, 0x1.0000000000001p0},
               {1, 0x1p-53, -0x1p-112, 1},
               {0x1.0000000000001p0, 0x1p-53, 0, 0x1.0000000000002p0},
               {0x1.fffffffffffffp70, 0x1p17, 0, 0x1p71}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (int sign = 1; sign >= -1; sign -= 2) {
      const double values[] = {sign * cases[i].a, sign * cases[i].b, sign * cases[i].c};
      int64_t limbs[LKS_EXACT_LIMBS];
      sum(limbs, values, 3);
      assert_same_bits(lks_exact_sum_value(limbs), sign * cases[i].rounded);
    }
  }
}

/* One sum of three terms in both signs, and what is left of it, against the wide integer. */
static void check_three(double a, double b, double c)
{
  for (int sign = 1; sign >= -1; sign -= 2) {
    const double values[] = {sign * a, sign * b, sign * c};
    int64_t limbs[LKS_EXACT_LIMBS];
    wide_integer reference = {{0}};
    double high, low;
    sum(limbs, values, 3);
    for (int i = 0; i < 3; i++) wide_add_double(&reference, values[i]);
    assert_same_bits(lks_exact_sum_value(limbs), wide_round(&reference));
    lks_exact_sum_value_pair(&high, &low, limbs);
    assert_same_bits(high, wide_round(&reference));
    wide_add_double(&reference, -high);
    assert_same_bits(low, wide_round(&reference));
  }
}

/* A half in the last place that a bit far below, even in another word, lifts or lowers: at every place of the
 * number and of that bit. */
static void test_a_far_bit_decides_a_tie(void **state)
{
  (void)state;
  const double far[] = {0x1p60, 0x1p7, 0x1p-112};
  int64_t limbs[LKS_EXACT_LIMBS];
  sum(limbs, far, 3);
  assert_same_bits(lks_exact_sum_value(limbs), 0x1p60 + 0x1p8);
  for (int top = 79; top >= -112 + 53; top--) {
    const double even = ldexp(1, top), odd = even + ldexp(1, top - 52), half = ldexp(1, top - 53);
    check_three(even, half, 0);
    check_three(odd, half, 0);
    for (int place = -112; place < top - 53; place += 1 + (top - 54 - place) / 8) {
      check_three(even, half, ldexp(1, place));
      check_three(even, half, -ldexp(1, place));
      check_three(odd, half, ldexp(1, place));
      check_three(odd, half, -ldexp(1, place));
      check_three(even, -half, ldexp(1, place));
    }
  }
}

/* A one that ripples through all digits above it, upwards and downwards, and what cancellation leaves. */
static void test_carries_and_borrows_at_every_place(void **state)
{
  (void)state;
  for (int top = -111; top < 80; top++)
    for (int place = -112; place < top; place += 1 + (top - place) / 16) {
      check_three(ldexp(1, top), -ldexp(1, place), 0);
      check_three(ldexp(1, top), -ldexp(1, place), ldexp(1, place));
      check_three(ldexp(1, top), ldexp(1, place), -ldexp(1, top));
      check_three(ldexp(1, top), -ldexp(1, top), -ldexp(1, place));
    }
  for (int digit = 0; digit < LKS_EXACT_DIGITS; digit++)
    check_three(ldexp(0xffffffffp0, 32 * digit - 112), ldexp(1, 32 * digit - 112), -0x1p-112);
}

/* A product of 26 and 27 bits is a double, and so are the parts of one of 106. */
static void test_products_are_not_rounded(void **state)
{
  (void)state;
  for (int i = 0; i < MOST; i++) {
    const double a = random_double(-30, 30), b = random_double(-30, 30);
    const double high = ldexp(trunc(ldexp(b, 70)), -70), low = b - high; /* b's bits, in two */
    int64_t whole[LKS_EXACT_LIMBS] = {0}, parts[LKS_EXACT_LIMBS] = {0};
    wide_integer twin = {{0}};
    lks_exact_sum_add_product(whole, a, b);
    lks_exact_sum_add_product(parts, a, high);
    lks_exact_sum_add_product(parts, a, low);
    assert_same_bits(lks_exact_sum_value(whole), lks_exact_sum_value(parts));
    lks_exact_sum_add(whole, -(a * b));
    wide_add_double(&twin, fma(a, b, -(a * b)));
    assert_same_bits(lks_exact_sum_value(whole), wide_round(&twin));
  }
  int64_t limbs[LKS_EXACT_LIMBS] = {0};
  lks_exact_sum_add_product(limbs, 0x1p41, -0x1p40);
  lks_exact_sum_add_product(limbs, NAN, 0);
  lks_exact_sum_add_product(limbs, DBL_MAX, DBL_MAX);
  assert_int_equal(lks_exact_sum_nonfinite(limbs, 1), 3);
}

/* The same sum, in digits of 32 bits. */
static void test_carrying_makes_room(void **state)
{
  (void)state;
  for (int family = 0; family < FAMILIES; family++) {
    double values[MOST];
    int64_t limbs[LKS_EXACT_LIMBS], carried[LKS_EXACT_LIMBS];
    sum(limbs, values, fill(values, family));
    memcpy(carried, limbs, sizeof limbs);
    lks_exact_sum_carry(carried);
    for (int i = 0; i + 1 < LKS_EXACT_DIGITS; i++) assert_true(carried[i] >= 0 && carried[i] <= UINT32_MAX);
    assert_same_bits(lks_exact_sum_value(carried), lks_exact_sum_value(limbs));
  }
  const int64_t most = (INT64_C(0x80000000) - 1) * INT64_C(0xffffffff);
  for (int negative = 0; negative < 2; negative++) { /* full digits */
    int64_t limbs[LKS_EXACT_LIMBS] = {0}, full[LKS_EXACT_LIMBS] = {0};
    for (int i = 0; i < LKS_EXACT_DIGITS; i++) limbs[i] = full[i] = negative ? -most : most;
    lks_exact_sum_carry(limbs);
    for (int i = 0; i + 1 < LKS_EXACT_DIGITS; i++) assert_true(limbs[i] >= 0 && limbs[i] <= UINT32_MAX);
    assert_true(llabs(limbs[LKS_EXACT_DIGITS - 1]) <= llabs(full[0]) + (INT64_C(1) << 32));
    assert_same_bits(lks_exact_sum_value(limbs), lks_exact_sum_value(full));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_value_is_the_rounded_sum),
      cmocka_unit_test(test_any_order_and_split_give_the_same_limbs),
      cmocka_unit_test(test_a_plain_sum_depends_on_the_order),
      cmocka_unit_test(test_merge_is_per_accumulator),
      cmocka_unit_test(test_nonfinite_values_are_counted_and_nothing_else),
      cmocka_unit_test(test_bits_below_the_last_are_dropped),
      cmocka_unit_test(test_limbs_hold_two_to_the_31_addends),
      cmocka_unit_test(test_ties_round_to_even),
      cmocka_unit_test(test_a_far_bit_decides_a_tie),
      cmocka_unit_test(test_carries_and_borrows_at_every_place),
      cmocka_unit_test(test_products_are_not_rounded),
      cmocka_unit_test(test_carrying_makes_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
