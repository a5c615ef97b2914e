#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataset/cats.h"
#include "dataset/deviates.h"
#include "support/dataset_copy.h"

/* Drawn cats: the same bits anywhere, exact shares, and shapes that do not depend on colours. */

static const lks_cats_options usual = {
    .train = 40, .test = 15, .seed = 1, .black_cats = 1, .black_others = 0.5};

static void draw(uint8_t rgb[LKS_CATS_BYTES], double cats, double others, bool light, size_t number)
{
  lks_cats_options o = usual;
  o.black_cats = cats;
  o.black_others = others;
  o.light = light;
  lks_cats_draw(rgb, &o, LKS_SPLIT_TEST, number);
}

/* libm is right to the last bit or so, but not the same everywhere. */
static void test_turns_and_deviates(void **state)
{
  (void)state;
  enum { COUNT = 1001 };
  static double got[COUNT];
  static float want[COUNT];
  const lks_random_key key = lks_random_key_make(7, LKS_RANDOM_GENERATE, 9, 1, 3);
  for (int i = 0; i <= 1000; i++) {
    double sine, cosine;
    lks_turn(&sine, &cosine, i / 1000.0);
    assert_true(fabs(sine - sin(6.283185307179586 * i / 1000)) < 2e-15);
    assert_true(fabs(cosine - cos(6.283185307179586 * i / 1000)) < 2e-15);
  }
  lks_deviates(got, COUNT, &key);
  lks_random_normal(want, COUNT, &key);
  for (size_t i = 0; i < COUNT; i++) assert_true(fabs(got[i] - (double)want[i]) < 1e-6);
}

static void content_hash(char hash[33], const char *path, const lks_cats_options *options)
{
  lks_dataset_copy copy;
  assert_int_equal(lks_generate_cats(path, options, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&copy, path), LKS_OK);
  memcpy(hash, copy.header.hash, 33);
  size_t cats[2] = {0};
  for (int split = 0; split < 2; split++)
    for (size_t i = 0; i < copy.contents.split[split].count; i++)
      cats[split] += copy.contents.split[split].label[i] == 1;
  assert_true(cats[0] == options->train / 2 && cats[1] == options->test / 2);
  lks_dataset_copy_clear(&copy);
}

/* Written down: what any machine, compiler and libm must give. */
static void test_same_bits_anywhere(void **state)
{
  (void)state;
  char path[64], hash[33], other[33];
  lks_cats_options o = usual;
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-cats.h5", (int)getpid());
  content_hash(hash, path, &o);
  assert_string_equal(hash, "2d4e4dd93be21dcd7ef95786d86dfe13");
  o.seed = 2;
  content_hash(other, path, &o);
  assert_string_not_equal(hash, other);
  o.black_cats = 1.5;
  assert_int_equal(lks_generate_cats(path, &o, true), LKS_ERR_USAGE);
  unlink(path);
}

/* In any stretch of numbers; 0.29 is not a binary number. */
static void test_shares_are_exact(void **state)
{
  (void)state;
  uint8_t black[LKS_CATS_BYTES], bright[LKS_CATS_BYTES], got[LKS_CATS_BYTES];
  for (size_t kind = 0; kind < 2; kind++) {
    size_t count = 0;
    for (size_t number = kind; number < 200; number += 2) {
      draw(black, 1, 1, false, number);
      draw(bright, 0, 0, false, number);
      draw(got, kind ? 0.29 : 0.5, kind ? 0.5 : 0.29, false, number);
      const bool is_black = memcmp(got, black, sizeof got) == 0;
      assert_true(is_black != (memcmp(got, bright, sizeof got) == 0));
      count += is_black;
    }
    assert_int_equal(count, 29);
  }
}

/* The same head on the same noise: what differs by the fur's colour is the head alone, and by the background
 * all else. The head has about the area that its axes give. */
static void test_shape_knows_no_colour(void **state)
{
  (void)state;
  uint8_t a[LKS_CATS_BYTES], b[LKS_CATS_BYTES], c[LKS_CATS_BYTES];
  double area = 0;
  for (size_t number = 0; number < 60; number++) {
    draw(a, 1, 1, false, number);
    draw(b, 0, 0, false, number);
    draw(c, 1, 1, true, number);
    size_t both = 0, head = 0, behind = 0;
    for (size_t i = 0; i < LKS_CATS_BYTES; i += 3) {
      const bool fur = memcmp(a + i, b + i, 3) != 0, ground = memcmp(a + i, c + i, 3) != 0;
      head += fur;
      behind += ground;
      both += fur && ground;
    }
    assert_true(head > 60 && head < 500 && behind > 400 && both * 3 < head);
    assert_true(memcmp(a, b, 3) == 0); /* a corner */
    area += (double)head / 60;
  }
  assert_true(area > 3.1416 * 49 && area < 3.1416 * 49 * 1.6); /* radius 7 on the average, and ears */
}

static void test_numbers_are_pictures(void **state)
{
  (void)state;
  uint8_t a[LKS_CATS_BYTES], b[LKS_CATS_BYTES];
  lks_dataset_copy copy;
  char path[64];
  lks_cats_options o = usual;
  o.first = 11;
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-first.h5", (int)getpid());
  assert_int_equal(lks_generate_cats(path, &o, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&copy, path), LKS_OK);
  unlink(path);
  assert_int_equal(lks_cats_draw(a, &usual, LKS_SPLIT_TEST, 13), 1);
  assert_memory_equal(copy.contents.split[LKS_SPLIT_TEST].pixels + 2 * (size_t)LKS_CATS_BYTES, a, sizeof a);
  lks_cats_draw(b, &usual, LKS_SPLIT_TRAIN, 13);
  assert_memory_not_equal(a, b, sizeof a);
  lks_dataset_copy_clear(&copy);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_turns_and_deviates),   cmocka_unit_test(test_same_bits_anywhere),
      cmocka_unit_test(test_shares_are_exact),     cmocka_unit_test(test_shape_knows_no_colour),
      cmocka_unit_test(test_numbers_are_pictures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
