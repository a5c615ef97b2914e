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

#include "base/arena.h"
#include "base/file.h"
#include "dataset/dataset_write.h"
#include "dataset/generate.h"
#include "support/dataset_copy.h"

static char folder[] = "/tmp/lockstep-test-XXXXXX";
static char good[64], other[64], bad[64];

static const lks_generate_options images = {
    .shape = {5, 4, 3}, .classes = 4, .train = 150, .test = 23, .noise = 128, .seed = 3};
static const lks_generate_options features = {
    .shape = {1, 1, 7}, .features = true, .classes = 3, .train = 80, .test = 9, .noise = 128, .seed = 4};

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(good, sizeof good, "%s/good.h5", folder);
  snprintf(other, sizeof other, "%s/other.h5", folder);
  snprintf(bad, sizeof bad, "%s/bad.h5", folder);
  return lks_generate(good, &images, false) || lks_generate(other, &features, false);
}

static int tear_down(void **state)
{
  (void)state;
  unlink(good);
  unlink(other);
  unlink(bad);
  return rmdir(folder);
}

static int nothing_is_left(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

/* The naive twin: two passes in long double over every value of one channel. */
static void twin_moments(double *mean, double *std, const lks_contents *contents, size_t channel)
{
  const lks_samples *train = &contents->split[LKS_SPLIT_TRAIN];
  const size_t channels = contents->layout.shape.channels,
               n = train->count * lks_layout_width(&contents->layout);
  long double sum = 0, square = 0, count = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = channel; i < n; i += channels) {
      long double value = train->pixels ? train->pixels[i] / 255.0L : (long double)train->features[i];
      if (pass == 0) sum += value, count++;
      if (pass == 1) square += (value - sum / count) * (value - sum / count);
    }
  *mean = (double)(sum / count);
  *std = (double)sqrtl(square / count);
}

static void expect_moments(const lks_dataset_copy *got)
{
  for (size_t c = 0; c < lks_layout_statistics(&got->header.layout); c++) {
    double mean, std;
    twin_moments(&mean, &std, &got->contents, c);
    assert_true(fabs(got->mean[c] - mean) < 1e-14 && fabs(got->std[c] - std) < 1e-14);
  }
}

static void test_comes_back(void **state)
{
  (void)state;
  lks_dataset_copy got;
  assert_int_equal(lks_dataset_copy_read(&got, good), LKS_OK);
  const lks_samples *test = &got.contents.split[LKS_SPLIT_TEST];
  assert_int_equal(got.header.layout.classes, 4);
  assert_int_equal(got.header.layout.shape.width, 4);
  assert_int_equal(test->count, 23);
  assert_null(test->features);
  for (size_t i = 0; i < test->count; i++) assert_int_equal(test->label[i], i % 4);
  assert_string_equal(got.header.creator, "lockstep " LKS_VERSION);
  expect_moments(&got);
  lks_dataset_copy_clear(&got);
  assert_int_equal(lks_dataset_copy_read(&got, other), LKS_OK);
  assert_non_null(got.contents.split[LKS_SPLIT_TRAIN].features);
  expect_moments(&got);
  lks_dataset_copy_clear(&got);
}

/* The numbers come from a few lines of Python over the serialization that contents.h states. */
static void test_hash_is_the_stated_one(void **state)
{
  (void)state;
  const uint8_t pixels[] = {0, 255, 10, 20, 30, 40};
  const float values[] = {1.0f, -2.0f, 0.5f, 3.0f, 4.0f, 8.0f};
  const int32_t labels[] = {0, 2, 1};
  lks_dataset_copy got;
  lks_contents contents = {.layout = {{1, 2, 1}, false, 3, {2, 1}}};
  contents.split[0] = (lks_samples){.count = 2, .pixels = pixels, .label = labels};
  contents.split[1] = (lks_samples){.count = 1, .pixels = pixels + 4, .label = labels + 2};
  assert_int_equal(lks_dataset_write(bad, &contents, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&got, bad), LKS_OK);
  assert_string_equal(got.header.hash, "5618c14f086c3630ce0c2baab42996ad");
  lks_dataset_copy_clear(&got);
  contents.layout = (lks_layout){{1, 1, 2}, true, 3, {2, 1}};
  contents.split[0] = (lks_samples){.count = 2, .features = values, .label = labels};
  contents.split[1] = (lks_samples){.count = 1, .features = values + 4, .label = labels + 2};
  assert_int_equal(lks_dataset_write(bad, &contents, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&got, bad), LKS_OK);
  assert_string_equal(got.header.hash, "c5387848adc69d518648cd591d4e82d3");
  lks_dataset_copy_clear(&got);
}

static void test_equal_contents_make_equal_files(void **state)
{
  (void)state;
  char *first, *second;
  size_t bytes[2];
  assert_int_equal(lks_generate(bad, &images, true), LKS_OK);
  assert_int_equal(lks_file_read(&first, &bytes[0], good), LKS_OK);
  assert_int_equal(lks_file_read(&second, &bytes[1], bad), LKS_OK);
  assert_int_equal(bytes[0], bytes[1]);
  assert_memory_equal(first, second, bytes[0]);
  lks_free(first);
  lks_free(second);
}

static void test_wide_features(void **state)
{
  (void)state;
  lks_generate_options wide = features;
  wide.shape.channels = 20000; /* mean and std no longer fit into an object header */
  lks_dataset_copy got;
  assert_int_equal(lks_generate(bad, &wide, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&got, bad), LKS_OK);
  expect_moments(&got);
  lks_dataset_copy_clear(&got);
}

static void test_constant_values_have_std_zero(void **state)
{
  (void)state;
  const float values[] = {0.1f, 0.1f, 0.1f, 7.7f};
  const int32_t labels[] = {0, 1, 0, 0};
  lks_contents contents = {.layout = {{1, 1, 1}, true, 2, {3, 1}}};
  contents.split[0] = (lks_samples){.count = 3, .features = values, .label = labels};
  contents.split[1] = (lks_samples){.count = 1, .features = values + 3, .label = labels + 3};
  double mean, std;
  assert_int_equal(lks_contents_moments(&mean, &std, &contents), LKS_OK);
  assert_true(mean == (double)0.1f && std == 0.0);
}

static void test_never_overwrites_unasked(void **state)
{
  (void)state;
  lks_dataset_copy before, after;
  assert_int_equal(lks_dataset_copy_read(&before, good), LKS_OK);
  assert_int_equal(lks_generate(good, &features, false), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "--force"));
  assert_int_equal(lks_dataset_copy_read(&after, good), LKS_OK);
  assert_true(lks_dataset_copy_equal(&before, &after));
  lks_dataset_copy_clear(&before);
  lks_dataset_copy_clear(&after);
}

static void test_refuses_to_write_nonsense(void **state)
{
  (void)state;
  lks_generate_options none = images;
  none.train = 0;
  assert_int_equal(lks_generate(bad, &none, true), LKS_ERR_DATA);
  none = images;
  none.shape = (lks_shape){SIZE_MAX / 2, 3, 3};
  assert_int_equal(lks_generate(bad, &none, true), LKS_ERR_DATA);
  none = images;
  none.noise = 257;
  assert_int_equal(lks_generate(bad, &none, true), LKS_ERR_USAGE);
}

/* Its numbers are those of data/README.md. */
static void test_digits(void **state)
{
  (void)state;
  lks_dataset_copy got;
  assert_int_equal(lks_dataset_copy_read(&got, LKS_TEST_SOURCE_DIR "/data/digits.h5"), LKS_OK);
  assert_int_equal(got.header.layout.classes, 10);
  assert_int_equal(lks_layout_width(&got.header.layout), 64);
  assert_int_equal(got.contents.split[LKS_SPLIT_TRAIN].count, 1437);
  assert_int_equal(got.contents.split[LKS_SPLIT_TEST].count, 360);
  assert_true(got.header.file_bytes < 200000);
  expect_moments(&got);
  lks_dataset_copy_clear(&got);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_comes_back, nothing_is_left),
      cmocka_unit_test_teardown(test_hash_is_the_stated_one, nothing_is_left),
      cmocka_unit_test_teardown(test_equal_contents_make_equal_files, nothing_is_left),
      cmocka_unit_test_teardown(test_wide_features, nothing_is_left),
      cmocka_unit_test_teardown(test_constant_values_have_std_zero, nothing_is_left),
      cmocka_unit_test_teardown(test_never_overwrites_unasked, nothing_is_left),
      cmocka_unit_test_teardown(test_refuses_to_write_nonsense, nothing_is_left),
      cmocka_unit_test_teardown(test_digits, nothing_is_left),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
