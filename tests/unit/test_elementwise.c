#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/elementwise.h"
#include "support/kernel_test.h"
#include "support/naive_elementwise.h"

enum { MAX = 4099 };
static const double ulp = 0x1p-24;
static float a[MAX], b[MAX];
static double mean[MAX], std[MAX], scale[MAX]; /* scale = 1/std */

static int fill(void **state)
{
  (void)state;
  kernel_test_fill(a, MAX, 1, 0, 2);
  kernel_test_fill(b, MAX, 2, 0, 2);
  static float of_mean[MAX], of_std[MAX];
  kernel_test_fill(of_mean, MAX, 3, 0, 1);
  kernel_test_fill(of_std, MAX, 4, 1, 0.5);
  for (size_t i = 0; i < MAX; i++) {
    mean[i] = of_mean[i] / 3.0;
    std[i] = of_std[i] / 3.0;
    scale[i] = 1 / std[i];
  }
  return 0;
}

static lks_random_key key(void)
{
  return lks_random_key_make(7, LKS_RANDOM_DROPOUT, 3, 11, 13);
}

/* all kernels, one after the other, of a count */
static void run_all(void *out, void *context)
{
  const size_t count = *(size_t *)context;
  const lks_random_key k = key();
  float *y = out;
  lks_relu_forward(y, a, count, LKS_FP32);
  lks_relu_backward(y + count, a, b, count, LKS_FP32);
  lks_sigmoid_forward(y + 2 * count, a, count, LKS_FP32);
  lks_sigmoid_backward(y + 3 * count, a, b, count, LKS_FP32);
  lks_add_forward(y + 4 * count, a, b, count, LKS_FP32);
  lks_dropout(y + 5 * count, a, 0.3, &k, count, LKS_FP32);
  lks_input_features(y + 6 * count, a, mean, scale, count, LKS_FP32);
  lks_leaky_relu_forward(y + 7 * count, a, 0.125f, count, LKS_FP32);
  lks_leaky_relu_backward(y + 8 * count, a, b, 0.125f, count, LKS_FP32);
}

static void test_every_level_gives_the_same_bits(void **state)
{
  (void)state;
  static const size_t counts[] = {0, 1, 3, 10, 16, 17, 64, 100, MAX};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    size_t count = counts[i];
    assert_true(kernel_test_same_bits(run_all, &count, 9 * count * sizeof(float)));
  }
}

static void test_values(void **state)
{
  (void)state;
  static float y[9 * MAX];
  size_t count = MAX;
  const lks_random_key k = key();
  run_all(y, &count);
  for (size_t i = 0; i < MAX; i++) {
    const double sigmoid = 1 / (1 + exp(-(double)a[i])), slope = (double)b[i] * (1 - (double)b[i]);
    assert_true(y[i] == fmax(0, a[i]));
    assert_true(y[MAX + i] == (b[i] > 0 ? a[i] : 0));
    assert_true(fabs(y[2 * MAX + i] - sigmoid) <= 1.001 * ulp * sigmoid);
    assert_true(fabs(y[3 * MAX + i] - a[i] * slope) <= 3.001 * ulp * fabs(a[i] * slope));
    assert_true(y[4 * MAX + i] == a[i] + b[i]);
    const double dropped = naive_dropout(a, 0.3, &k, i), featured = (a[i] - mean[i]) / std[i];
    assert_true(fabs(y[5 * MAX + i] - dropped) <= 2.001 * ulp * fabs(dropped));
    assert_true(fabs(y[6 * MAX + i] - featured) <= 0.5001 * kernel_test_ulp(featured));
    assert_true(y[7 * MAX + i] == (a[i] > 0 ? a[i] : a[i] / 8));
    assert_true(y[8 * MAX + i] == (b[i] > 0 ? a[i] : a[i] / 8));
  }
}

static void test_in_place_is_out_of_place(void **state)
{
  (void)state;
  static float out[9 * MAX], in[9][MAX];
  size_t count = MAX;
  const lks_random_key k = key();
  run_all(out, &count);
  for (size_t i = 0; i < 9; i++) memcpy(in[i], a, sizeof a);
  lks_relu_forward(in[0], in[0], MAX, LKS_FP32);
  lks_relu_backward(in[1], in[1], b, MAX, LKS_FP32);
  lks_sigmoid_forward(in[2], in[2], MAX, LKS_FP32);
  lks_sigmoid_backward(in[3], in[3], b, MAX, LKS_FP32);
  lks_add_forward(in[4], in[4], b, MAX, LKS_FP32);
  lks_dropout(in[5], in[5], 0.3, &k, MAX, LKS_FP32);
  lks_input_features(in[6], in[6], mean, scale, MAX, LKS_FP32);
  lks_leaky_relu_forward(in[7], in[7], 0.125f, MAX, LKS_FP32);
  lks_leaky_relu_backward(in[8], in[8], b, 0.125f, MAX, LKS_FP32);
  assert_memory_equal(in, out, sizeof out);
}

static void test_edges(void **state)
{
  (void)state;
  const float x[] = {NAN, -INFINITY, INFINITY, -0.0f, -1e30f, 1e30f, -104.0f, 0};
  float y[8];
  lks_relu_forward(y, x, 8, LKS_FP32);
  assert_true(isnan(y[0]) && y[1] == 0 && y[2] == INFINITY && y[3] == 0 && y[5] == x[5]);
  lks_leaky_relu_forward(y, x, 0.25f, 8, LKS_FP32);
  assert_true(isnan(y[0]) && y[1] == -INFINITY && y[2] == INFINITY && y[3] == 0 && signbit(y[3]) &&
              y[4] == x[4] / 4 && y[5] == x[5] && y[6] == -26 && y[7] == 0 && !signbit(y[7]));
  lks_sigmoid_forward(y, x, 8, LKS_FP32);
  assert_true(isnan(y[0]) && y[1] == 0 && y[2] == 1 && y[3] == 0.5f && y[4] == 0 && y[5] == 1 &&
              y[7] == 0.5f);
  assert_true(y[6] >= 0 && y[6] < 1e-44f); /* exp(-104) = 6.8e-46 is below half of the least subnormal */
  for (size_t i = 0; i < 8; i++) y[i] = NAN;
  lks_relu_backward(y, a, y, 8, LKS_FP32);
  assert_true(y[0] == 0);
}

static void test_dropout_keeps_its_share(void **state)
{
  (void)state;
  static float ones[MAX], y[MAX], z[MAX];
  lks_random_key k = key();
  for (size_t i = 0; i < MAX; i++) ones[i] = 1;
  lks_dropout(y, ones, 0, &k, MAX, LKS_FP32);
  assert_memory_equal(y, ones, sizeof y);
  lks_dropout(y, ones, 0.25, &k, MAX, LKS_FP32);
  size_t kept = 0;
  for (size_t i = 0; i < MAX; i++) kept += y[i] != 0;
  assert_true(fabs((double)kept / MAX - 0.75) < 5 * sqrt(0.75 * 0.25 / MAX));
  k.sample++; /* another sample, another mask */
  lks_dropout(z, ones, 0.25, &k, MAX, LKS_FP32);
  assert_memory_not_equal(y, z, sizeof y);
}

static void test_dropout_compares_with_the_rate_exactly(void **state)
{
  (void)state;
  uint32_t words[4];
  const lks_random_key k = key();
  const float one = 1;
  float y;
  lks_random_words(words, &k, 0);
  lks_dropout(&y, &one, words[0] * 0x1p-32, &k, 1, LKS_FP32);
  assert_true(y > 0);
  lks_dropout(&y, &one, (words[0] + 1.0) * 0x1p-32, &k, 1, LKS_FP32);
  assert_true(y == 0);
}

static void input_image(float *y, const naive_picture *p, int shift_y, int shift_x, int flip)
{
  if (p->bytes)
    lks_input_image(y, p->bytes, p->mean, scale, shift_y, shift_x, flip, p->height, p->width, p->channels,
                    LKS_FP32);
  else
    lks_input_float_image(y, p->floats, p->mean, scale, shift_y, shift_x, flip, p->height, p->width,
                          p->channels, LKS_FP32);
}

/* |y - twin| of every pixel of a moved picture. */
static void check_picture(float *y, const naive_picture *p, int shift_y, int shift_x, int flip)
{
  input_image(y, p, shift_y, shift_x, flip);
  for (size_t i = 0; i < p->height * p->width * p->channels; i++) {
    const size_t c = i % p->channels, pixel = i / p->channels;
    const double twin =
        (double)naive_input_image(p, shift_y, shift_x, flip, pixel / p->width, pixel % p->width, c);
    assert_true(fabs(y[i] - twin) <= 0.5001 * kernel_test_ulp(twin));
  }
}

/* What pictures are cut from. */
enum { MOST = 12000 };
static uint8_t bytes[MOST];
static float floats[MOST];

static void make_pixels(void)
{
  for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)(i * 37 + i / 256);
  kernel_test_fill(floats, MOST, 5, 0.5, 2);
}

static void test_pictures_move_and_flip(void **state)
{
  (void)state;
  enum { HEIGHT = 5, WIDTH = 7, MAX_CHANNELS = 3 };
  static float y[HEIGHT * WIDTH * MAX_CHANNELS];
  make_pixels();
  static const int shifts[] = {0, 1, -1, 4, -4, 5, -5, 7, -7, 9, -9, 2000000000, -2000000000};
  enum { SHIFTS = sizeof shifts / sizeof *shifts };
  for (size_t variant = 0; variant < 2 * 2 * 2 * SHIFTS * SHIFTS; variant++) {
    const size_t channels = variant & 2 ? 1 : MAX_CHANNELS;
    const naive_picture picture = {variant & 4 ? bytes : NULL, floats, mean, std, HEIGHT, WIDTH, channels};
    check_picture(y, &picture, shifts[variant / 8 % SHIFTS], shifts[variant / 8 / SHIFTS], variant & 1);
  }
}

/* Rows that are mirrored in several pieces, more channels than are repeated to whole vectors, and more than a
 * piece has room for. */
static void test_wide_and_deep_pictures(void **state)
{
  (void)state;
  static const size_t shapes[][3] = {{2, 1025, 1}, {2, 1024, 1}, {2, 700, 3},  {3, 70, 16}, {3, 70, 17},
                                     {2, 5, 1024}, {2, 5, 1025}, {1, 2100, 5}, {4, 1, 40}};
  static float y[MOST];
  make_pixels();
  for (size_t k = 0; k < 2 * sizeof shapes / sizeof *shapes; k++) {
    const size_t *shape = shapes[k / 2];
    const naive_picture picture = {k & 1 ? bytes : NULL, floats, mean, std, shape[0], shape[1], shape[2]};
    for (int flip = 0; flip < 2; flip++)
      for (int shift = -1; shift <= 1; shift++) check_picture(y, &picture, -shift, shift, flip);
  }
}

/* Years, temperatures in kelvin, prices: the mean may be a million standard deviations, of which fp32 has no digit left
 * after a product. Held against the quotient itself. */
static void test_a_mean_far_from_zero_costs_no_digit(void **state)
{
  (void)state;
  enum { COUNT = 1000 };
  static float x[COUNT], y[COUNT];
  static const double ratios[] = {0, 1, -1e3, 1e6, -1e6}, stds[] = {1e-30, 1e-3, 0.7, 1e3, 1e20};
  for (size_t k = 0; k < 25; k++) {
    const double s = stds[k % 5], m = ratios[k / 5] * s;
    static double means[COUNT], scales[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
      x[i] = (float)(m + s * ((double)i / 200 - 2.5));
      means[i] = m;
      scales[i] = 1 / s;
    }
    lks_input_features(y, x, means, scales, COUNT, LKS_FP32);
    for (size_t i = 0; i < COUNT; i++) {
      const double twin = (double)(((long double)x[i] - m) / s);
      assert_true(fabs(y[i] - twin) <= 0.5001 * kernel_test_ulp(twin));
    }
  }
}

/* The same of pixels: channels that hardly vary. */
static void test_pixels_that_hardly_vary(void **state)
{
  (void)state;
  static const double means[] = {0.9999, 0.5, 1e-7}, stds[] = {1e-6, 5e-7, 1e-7};
  float y[256 * 3];
  uint8_t x[256 * 3];
  double center[3], factor[3];
  for (size_t c = 0; c < 3; c++) center[c] = 255 * means[c], factor[c] = 1 / (255 * stds[c]);
  for (size_t i = 0; i < sizeof x; i++) x[i] = (uint8_t)(i / 3);
  lks_input_image(y, x, center, factor, 0, 0, 0, 16, 16, 3, LKS_FP32);
  for (size_t i = 0; i < sizeof x; i++) {
    const double twin = (double)((x[i] / 255.0L - means[i % 3]) / stds[i % 3]);
    assert_true(fabs(y[i] - twin) <= 0.5001 * kernel_test_ulp(twin));
  }
}

static void test_nothing_was_allocated(void **state)
{
  (void)state;
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_level_gives_the_same_bits),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_in_place_is_out_of_place),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_dropout_keeps_its_share),
      cmocka_unit_test(test_dropout_compares_with_the_rate_exactly),
      cmocka_unit_test(test_pictures_move_and_flip),
      cmocka_unit_test(test_wide_and_deep_pictures),
      cmocka_unit_test(test_a_mean_far_from_zero_costs_no_digit),
      cmocka_unit_test(test_pixels_that_hardly_vary),
      cmocka_unit_test(test_nothing_was_allocated),
  };
  return cmocka_run_group_tests(tests, fill, NULL);
}
