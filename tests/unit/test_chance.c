/* Who learned nothing: the quantile of guesses against numbers from exact fractions, and the classes of a dataset
 * counted as they go by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "compare/class_shares.h"
#include "dataset/dataset_write.h"
#include "statistics/chance.h"
#include "support/made_up_runs.h"

/* Fractions of Python, added up from above until more than 1/1000 lies there. */
static void test_what_guesses_come_to(void **state)
{
  (void)state;
  static const struct {
    size_t samples;
    double share;
    size_t right;
  } known[] = {{10, 0.5, 9},     {360, 0.1, 55}, {10000, 0.1, 1094},
               {1000, 0.9, 928}, {7, 1. / 3, 6}, {3, 0.5, 3}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    assert_true(lks_chance_most(known[i].samples, known[i].share) ==
                (double)known[i].right / (double)known[i].samples);
  assert_true(lks_chance_most(5, 1) == 1);
}

static void test_classes(void **state)
{
  (void)state;
  const size_t even[] = {7, 7, 7, 7}, one[] = {0, 9, 0}, some[] = {3, 2, 2};
  assert_true(fabs(lks_entropy(even, 4) - log(4)) < 1e-15 && lks_largest_share(even, 4) == 0.25);
  assert_true(lks_entropy(one, 3) == 0 && lks_largest_share(one, 3) == 1);
  assert_true(fabs(lks_entropy(some, 3) - 1.0789922078775833) < 1e-15); /* log 7 - (3 log 3 + 4 log 2) / 7 */
}

static void test_who_failed(void **state)
{
  (void)state;
  const lks_chance digits = {360, 0.1, log(10)}, unknown = {0, 0, 0};
  const double low[] = {0.9, 0.1, 0.1, 0.199, 0.11, 0.09}, once[] = {0.1, 0.1, 0.1, 0.251, 0.1};
  const lks_chance few = {10, 0.5, log(2)}; /* 9 of 10 is what guesses come to, above a sixth of the way */
  const double lucky[] = {0.9, 0.8}, all[] = {1.0, 0.8};
  assert_true(fabs(lks_chance_bound(&digits) - 0.25) < 1e-15 && lks_chance_bound(&few) == 0.9);
  assert_true(lks_chance_explains(&few, lucky, 2, log(2)) && !lks_chance_explains(&few, all, 2, log(2)));
  assert_true(lks_chance_explains(&digits, low + 1, 2, 2.2));
  assert_false(lks_chance_explains(&digits, low, 5, log(10)));
  assert_false(lks_chance_explains(&digits, once, 5, log(10)));
  assert_false(lks_chance_explains(&digits, low, 6, 2.1)); /* it learned something of its training set */
  assert_false(lks_chance_explains(&unknown, low, 6, log(10)));
  assert_false(lks_chance_explains(&digits, low, 0, log(10)));
}

static char folder[64];

static int set_up(void **state)
{
  (void)state;
  made_up_folder(folder);
  return folder[0] == '\0';
}

static int tear_down(void **state)
{
  (void)state;
  made_up_folder_remove(folder);
  return lks_allocations_open() != 0;
}

/* Ragged: seven and five samples of three values. */
static void write_data(const char *path)
{
  static const float values[7 * 3] = {0.5f, 1, 2, 3, 4, 5, 6, 7, 8};
  static const int32_t train[] = {0, 2, 0, 1, 1, 2, 0}, test[] = {1, 1, 0, 1, 2};
  const lks_contents contents = {
      .layout = {.shape = {1, 1, 3}, .features = true, .classes = 3, .count = {7, 5}},
      .split = {{.count = 7, .features = values, .label = train},
                {.count = 5, .features = values, .label = test}}};
  if (lks_dataset_write(path, &contents, false) != LKS_OK) fail_msg("%s", lks_message());
}

static void expect_shares(const lks_comparison *comparison, size_t samples, double share, double entropy)
{
  const lks_chance chance = lks_class_shares_find(comparison);
  assert_int_equal(chance.test_samples, samples);
  assert_true(fabs(chance.share - share) < 1e-15 && fabs(chance.entropy - entropy) < 1e-15);
}

static void test_shares_of_a_dataset(void **state)
{
  (void)state;
  char note[128];
  const double entropy = 1.0789922078775833;
  lks_comparison comparison = made_up_comparison(folder, "sync", 1);
  snprintf(note, sizeof note, "%s/classes.ini", folder);
  expect_shares(&comparison, 0, 0, 0); /* there is no digits.h5 here */
  snprintf(comparison.base.data, sizeof comparison.base.data, "%s/data.h5", folder);
  write_data(comparison.base.data);
  expect_shares(&comparison, 5, 0.6, entropy);
  unlink(comparison.base.data);
  expect_shares(&comparison, 5, 0.6, entropy); /* from the note */
  assert_int_equal(lks_file_write(note, "test-samples = 5\nlargest", 24), LKS_OK);
  expect_shares(&comparison, 0, 0, 0); /* damaged, and nothing to make it anew from */
  write_data(comparison.base.data);
  comparison.base.holdout = 2;
  expect_shares(&comparison, 2, 3. / 7, entropy);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_guesses_come_to),
      cmocka_unit_test(test_classes),
      cmocka_unit_test(test_who_failed),
      cmocka_unit_test_setup_teardown(test_shares_of_a_dataset, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
