#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/random.h"

/* Known answers of philox4x32-10, published with Random123 (kat_vectors). */
static void test_words_are_philox(void **state)
{
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], answer[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const uint32_t *counter = known[i].counter;
    lks_random_key key = {.seed = (uint64_t)known[i].key[1] << 32 | known[i].key[0],
                          .sample = counter[1],
                          .step = counter[2],
                          .purpose = counter[3]};
    uint32_t words[4];
    lks_random_words(words, &key, counter[0]);
    assert_memory_equal(words, known[i].answer, sizeof words);
  }
}

static void test_each_part_of_a_key_matters(void **state)
{
  (void)state;
  const lks_random_key keys[] = {
      lks_random_key_make(1, LKS_RANDOM_AUGMENT, 0, 5, 9),
      lks_random_key_make(2, LKS_RANDOM_AUGMENT, 0, 5, 9),
      lks_random_key_make(1, LKS_RANDOM_DROPOUT, 0, 5, 9),
      lks_random_key_make(1, LKS_RANDOM_AUGMENT, 1, 5, 9),
      lks_random_key_make(1, LKS_RANDOM_AUGMENT, 0, 6, 9),
      lks_random_key_make(1, LKS_RANDOM_AUGMENT, 0, 5, 8),
      lks_random_key_make(1, LKS_RANDOM_AUGMENT, 0, 9, 5),
      lks_random_key_make(1ull << 32, LKS_RANDOM_AUGMENT, 0, 5, 9),
  };
  enum { KEYS = sizeof keys / sizeof keys[0], BLOCKS = 2 };
  uint32_t words[KEYS * BLOCKS][4];
  for (uint32_t i = 0; i < KEYS * BLOCKS; i++) lks_random_words(words[i], &keys[i / BLOCKS], i % BLOCKS);
  for (size_t i = 0; i < KEYS * BLOCKS; i++) {
    for (size_t j = 0; j < i; j++) assert_memory_not_equal(words[i], words[j], sizeof words[i]);
  }
}

static void test_below_is_bounded_and_uniform(void **state)
{
  (void)state;
  enum { CELLS = 10, DRAWS = 20000 };
  size_t seen[CELLS] = {0};
  lks_random_key key = lks_random_key_make(7, LKS_RANDOM_GENERATE, 0, 0, 0);
  for (uint32_t i = 0; i < DRAWS; i++) {
    uint64_t drawn = lks_random_below(&key, i, CELLS);
    assert_true(drawn < CELLS);
    seen[drawn]++;
    assert_int_equal(lks_random_below(&key, i, 1), 0);
  }
  double expected = (double)DRAWS / CELLS, chi_square = 0;
  for (size_t c = 0; c < CELLS; c++) {
    double excess = (double)seen[c] - expected;
    chi_square += excess * excess / expected;
  }
  assert_true(chi_square < 33); /* 9 degrees of freedom: exceeded by 1 seed in 7,000; this seed is fixed */
}

static void test_normal_deviates_have_their_moments(void **state)
{
  (void)state;
  enum { COUNT = 40001 }; /* not a multiple of four */
  static float out[COUNT + 1];
  lks_random_key key = lks_random_key_make(3, LKS_RANDOM_WEIGHTS, 2, 0, 0);
  out[COUNT] = 123;
  lks_random_normal(out, COUNT, &key);
  assert_true(out[COUNT] == 123);
  double moment[5] = {0};
  for (size_t i = 0; i < COUNT; i++) {
    for (int power = 1; power <= 4; power++) moment[power] += pow((double)out[i], power) / COUNT;
  }
  assert_true(fabs(moment[1]) < 0.02);
  assert_true(fabs(moment[2] - 1) < 0.03);
  assert_true(fabs(moment[3]) < 0.08);
  assert_true(fabs(moment[4] - 3) < 0.2);

  float prefix[6]; /* a shorter call draws the same deviates */
  lks_random_normal(prefix, 6, &key);
  assert_memory_equal(prefix, out, sizeof prefix);
}

static void test_permutation_holds_each_number_once(void **state)
{
  (void)state;
  enum { LARGEST = 257 };
  for (size_t count = 0; count <= LARGEST; count++) {
    uint32_t order[LARGEST + 1];
    char seen[LARGEST + 1] = {0};
    lks_random_key key = lks_random_key_make(11, LKS_RANDOM_SHUFFLE, 0, (uint32_t)count, 0);
    order[count] = 99999;
    lks_random_permutation(order, count, &key);
    assert_int_equal(order[count], 99999);
    for (size_t i = 0; i < count; i++) {
      assert_true(order[i] < count);
      assert_int_equal(seen[order[i]]++, 0);
    }
  }
}

/* Each of the 24 orders of four items, over many epochs. */
static void test_permutations_are_uniform(void **state)
{
  (void)state;
  enum { EPOCHS = 24000, ORDERS = 24 };
  size_t seen[256] = {0};
  for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
    uint32_t order[4];
    lks_random_key key = lks_random_key_make(5, LKS_RANDOM_SHUFFLE, 0, epoch, 0);
    lks_random_permutation(order, 4, &key);
    seen[order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6]++;
  }
  double expected = (double)EPOCHS / ORDERS, chi_square = 0;
  size_t orders = 0;
  for (size_t i = 0; i < 256; i++) {
    double excess = (double)seen[i] - expected;
    if (seen[i] > 0) chi_square += excess * excess / expected;
    orders += seen[i] > 0;
  }
  assert_int_equal(orders, ORDERS);
  assert_true(chi_square < 55); /* 23 degrees of freedom: exceeded by 1 seed in 5,000; this seed is fixed */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words_are_philox),
      cmocka_unit_test(test_each_part_of_a_key_matters),
      cmocka_unit_test(test_below_is_bounded_and_uniform),
      cmocka_unit_test(test_normal_deviates_have_their_moments),
      cmocka_unit_test(test_permutation_holds_each_number_once),
      cmocka_unit_test(test_permutations_are_uniform),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
