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
#include "dataset/corrupt.h"
#include "dataset/generate.h"
#include "support/dataset_copy.h"

/* Corrupted datasets against naive twins; what is not to be changed stays. */

static char folder[] = "/tmp/lockstep-test-XXXXXX";
static char images[64], features[64], out[64];
static lks_dataset_copy before, vectors;

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(images, sizeof images, "%s/images.h5", folder);
  snprintf(features, sizeof features, "%s/features.h5", folder);
  snprintf(out, sizeof out, "%s/out.h5", folder);
  const lks_generate_options i = {
      .shape = {9, 7, 3}, .classes = 4, .train = 31, .test = 23, .noise = 128, .seed = 3};
  const lks_generate_options f = {
      .shape = {1, 1, 7}, .features = true, .classes = 3, .train = 20, .test = 9, .noise = 128, .seed = 4};
  return lks_generate(images, &i, false) || lks_generate(features, &f, false) ||
         lks_dataset_copy_read(&before, images) || lks_dataset_copy_read(&vectors, features);
}

static int tear_down(void **state)
{
  (void)state;
  lks_dataset_copy_clear(&before);
  lks_dataset_copy_clear(&vectors);
  unlink(images);
  unlink(features);
  unlink(out);
  return rmdir(folder);
}

static lks_dataset_copy corrupted(const char *input, const lks_corruption *how)
{
  lks_dataset_copy after;
  assert_int_equal(lks_corrupt(out, input, how, true), LKS_OK);
  assert_int_equal(lks_dataset_copy_read(&after, out), LKS_OK);
  return after;
}

static uint8_t rounded(double value)
{
  return (uint8_t)fmin(fmax(floor(value + 0.5), 0), 255);
}

/* value(x, mean of its channel in its picture) */
static void expect_pixels(const lks_corruption *how, double (*value)(double x, double mean))
{
  enum { PIXELS = 63, WIDTH = 3 * PIXELS };
  lks_dataset_copy after = corrupted(images, how);
  for (int split = 0; split < 2; split++) {
    const lks_samples *old = &before.contents.split[split], *new = &after.contents.split[split];
    assert_memory_equal(old->label, new->label, old->count * sizeof *old->label);
    for (size_t i = 0; i < old->count * WIDTH; i++) {
      const size_t first = i / WIDTH * WIDTH + i % 3;
      double mean = 0;
      for (size_t p = 0; p < PIXELS; p++) mean += old->pixels[first + 3 * p] / (double)PIXELS;
      const double x = old->pixels[i], exact = value(x, mean);
      const int got = new->pixels[i];
      const bool tie = fabs(exact + 0.5 - rint(exact + 0.5)) < 1e-9; /* means are rounded here and there */
      if (!how->split[split])
        assert_int_equal(got, old->pixels[i]);
      else
        assert_true(got == rounded(exact) || (tie && abs(got - rounded(exact)) == 1));
    }
  }
  const bool same = memcmp(before.mean, after.mean, 3 * sizeof *after.mean) == 0;
  assert_true(same != how->split[0]); /* always those of the file's own training split */
  lks_dataset_copy_clear(&after);
}

static double affine(double x, double mean)
{
  (void)mean;
  return 1.3 * x - 20.25;
}

static double flatter(double x, double mean)
{
  return mean + 0.3 * (x - mean);
}

static double inverse(double x, double mean)
{
  (void)mean;
  return 255 - x;
}

static void test_pixels(void **state)
{
  (void)state;
  for (int all = 0; all < 2; all++) {
    const bool train = all == 1;
    expect_pixels(&(lks_corruption){LKS_CORRUPTION_AFFINE, 1.3, -20.25, 1, {train, true}, NULL, 0, NULL},
                  affine);
    expect_pixels(&(lks_corruption){LKS_CORRUPTION_CONTRAST, 0.3, 0, 1, {train, true}, NULL, 0, NULL},
                  flatter);
    expect_pixels(&(lks_corruption){LKS_CORRUPTION_INVERT, 0, 0, 1, {train, true}, NULL, 0, NULL}, inverse);
  }
}

static void noise_of(const lks_corruption *how, double *mean, double *deviation, double *between)
{
  lks_dataset_copy after = corrupted(features, how);
  const lks_samples *old = &vectors.contents.split[0], *new = &after.contents.split[0];
  double sum = 0, square = 0, product = 0;
  for (size_t i = 0; i < 140; i++) {
    const double n = (double)new->features[i] - (double)old->features[i];
    sum += n;
    square += n * n;
    product += n * ((double)after.contents.split[1].features[i % 63] -
                    (double)vectors.contents.split[1].features[i % 63]);
  }
  *mean = sum / 140;
  *deviation = sqrt(square / 140);
  *between = product / square;
  lks_dataset_copy_clear(&after);
}

/* Of 140 numbers: bounds are four standard errors. */
static void test_features(void **state)
{
  (void)state;
  double mean, deviation, between, again;
  lks_corruption how = {.kind = LKS_CORRUPTION_NOISE, .scale = 0.5, .seed = 5, .split = {true, true}};
  noise_of(&how, &mean, &deviation, &between);
  assert_true(fabs(mean) < 0.17 && fabs(deviation - 0.5) < 0.12 && fabs(between) < 0.34);
  noise_of(&how, &again, &deviation, &between);
  assert_true(again == mean);
  how.seed = 6;
  noise_of(&how, &again, &deviation, &between);
  assert_true(again != mean);
  how = (lks_corruption){.kind = LKS_CORRUPTION_AFFINE, .scale = -2, .shift = 0.75, .split = {false, true}};
  lks_dataset_copy after = corrupted(features, &how);
  for (size_t i = 0; i < 63; i++)
    assert_true(after.contents.split[1].features[i] == -2 * vectors.contents.split[1].features[i] + 0.75F);
  assert_memory_equal(after.contents.split[0].features, vectors.contents.split[0].features,
                      140 * sizeof(float));
  lks_dataset_copy_clear(&after);
}

static void test_labels(void **state)
{
  (void)state;
  static const int32_t turned[] = {1, 2, 3, 0}, merged[] = {1, 1, 2, 3}, outside[] = {0, 1, 2, 4};
  lks_corruption how = {.split = {false, true}, .label = turned, .labels = 4};
  lks_dataset_copy after = corrupted(images, &how);
  for (size_t i = 0; i < 23; i++)
    assert_int_equal(after.contents.split[1].label[i], (before.contents.split[1].label[i] + 1) % 4);
  assert_memory_equal(after.contents.split[0].label, before.contents.split[0].label, 31 * sizeof(int32_t));
  assert_memory_equal(after.contents.split[1].pixels, before.contents.split[1].pixels, 23 * 189);
  lks_dataset_copy_clear(&after);
  how.label = merged;
  assert_int_equal(lks_corrupt(out, images, &how, true), LKS_ERR_USAGE);
  how.label = outside;
  assert_int_equal(lks_corrupt(out, images, &how, true), LKS_ERR_USAGE);
  how.labels = 3;
  assert_int_equal(lks_corrupt(out, images, &how, true), LKS_ERR_USAGE);
}

static void test_refusals(void **state)
{
  (void)state;
  const lks_corruption invert = {.kind = LKS_CORRUPTION_INVERT, .split = {true, true}};
  const lks_corruption flat = {.kind = LKS_CORRUPTION_CONTRAST, .scale = 0.3, .split = {true, true}};
  assert_int_equal(lks_corrupt(out, features, &invert, true), LKS_ERR_USAGE);
  assert_int_equal(lks_corrupt(out, features, &flat, true), LKS_ERR_USAGE);
  assert_int_equal(lks_corrupt(images, images, &invert, false), LKS_ERR_USAGE);
  assert_int_equal(lks_corrupt(out, "/tmp/lockstep-there-is-none.h5", &invert, true), LKS_ERR_IO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pixels),
      cmocka_unit_test(test_features),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
