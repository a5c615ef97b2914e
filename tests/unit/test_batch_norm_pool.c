/* A batch norm and the max pool behind it, in one pass: the bits of batch norm, activation and pool one after
 * the other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "kernels/batch_norm.h"
#include "support/kernel_test.h"

enum { MAX_CHANNELS = 100, MAX_PLACES = 200, MAX = MAX_CHANNELS * MAX_PLACES };

static const size_t channel_counts[] = {1, 3, 16, 17, 32, 64, 100};
static const struct {
  size_t samples;
  lks_pool_grid grid;
} shapes[] = {
    {3, {8, 8, 2, 2}}, {2, {7, 9, 2, 2}}, {3, {7, 8, 3, 2}}, {1, {15, 13, 5, 13}},
    {5, {2, 2, 2, 2}}, {4, {6, 5, 1, 1}}, {0, {8, 8, 2, 2}}, {1, {2, 100, 1, 3}},
};
enum {
  SHAPES = sizeof shapes / sizeof *shapes,
  CHANNEL_COUNTS = sizeof channel_counts / sizeof *channel_counts
};

static struct batch {
  lks_type type;
  size_t samples, channels;
  lks_pool_grid grid;
  size_t high, wide, places, windows; /* of the output, and of all samples */
  bool relu;
  double x[MAX], g[MAX]; /* places for 4-byte values of either type */
  float form_memory[5][MAX_CHANNELS], coefficient[2 * MAX_CHANNELS];
  double mean_dy[MAX_CHANNELS], mean_dy_xhat[MAX_CHANNELS];
  lks_batch_norm_form form;
} b;

/* What one pass gives. */
typedef struct outcome {
  double y[MAX], chosen[MAX], dx[MAX];
  uint8_t argmax[MAX];
} outcome;

static outcome got;

static void fill(void *out, size_t count, uint32_t seed, double mean, double std)
{
  static float wide[MAX];
  kernel_test_fill(wide, count, seed, mean, std);
  for (size_t i = 0; i < count; i++) lks_type_store(out, i, wide[i], b.type);
}

static void batch_make(size_t shape, size_t channels, lks_type type, bool relu)
{
  static double mean[MAX_CHANNELS], variance[MAX_CHANNELS];
  static float gamma[MAX_CHANNELS], beta[MAX_CHANNELS];
  b.type = type;
  b.relu = relu;
  b.samples = shapes[shape].samples;
  b.grid = shapes[shape].grid;
  b.channels = channels;
  b.high = b.grid.in_height / b.grid.window_height;
  b.wide = b.grid.in_width / b.grid.window_width;
  b.places = b.samples * b.grid.in_height * b.grid.in_width;
  b.windows = b.samples * b.high * b.wide;
  fill(b.x, b.places * channels, 1, 3, 2);
  fill(b.g, b.windows * channels, 2, 0.1, 1);
  kernel_test_fill(gamma, channels, 3, 0.3, 1); /* some are negative, which turns the order of a window */
  kernel_test_fill(beta, channels, 4, 0, 0.5);
  for (size_t c = 0; c < channels; c++) {
    mean[c] = 3 + 0.01 * (double)c;
    variance[c] = 4 + 0.1 * (double)c;
    b.mean_dy[c] = 0.1 + 0.001 * (double)c;
    b.mean_dy_xhat[c] = 0.2 - 0.001 * (double)c;
  }
  b.form = (lks_batch_norm_form){b.form_memory[0], b.form_memory[1], b.form_memory[2], b.form_memory[3],
                                 b.form_memory[4]};
  lks_batch_norm_form_set(&b.form, mean, variance, gamma, beta, 1e-5, channels);
}

static void run(void *out, void *context)
{
  (void)context;
  outcome *o = out;
  lks_batch_norm_pool_forward(o->y, o->chosen, o->argmax, b.x, &b.form, b.relu, &b.grid, b.samples,
                              b.channels, b.type);
  lks_batch_norm_pool_backward(o->dx, b.g, o->argmax, b.x, &b.form, b.mean_dy, b.mean_dy_xhat, b.coefficient,
                               &b.grid, b.samples, b.channels, b.type);
}

/* Number of the element in x that a cell of the window of y[i] is. */
static size_t place(size_t i, size_t cell)
{
  const size_t c = i % b.channels, window = i / b.channels;
  const size_t sample = window / (b.high * b.wide), top = window / b.wide % b.high, left = window % b.wide;
  const size_t row = top * b.grid.window_height + cell / b.grid.window_width;
  const size_t column = left * b.grid.window_width + cell % b.grid.window_width;
  return ((sample * b.grid.in_height + row) * b.grid.in_width + column) * b.channels + c;
}

static size_t cells(void)
{
  return b.grid.window_height * b.grid.window_width;
}

/* y, and argmax, of a batch norm in fp32 and of a pool that looks at one place after the other */
static void check_forward(void)
{
  static float x[MAX], norm[MAX];
  static double rounded[MAX];
  const size_t rows = b.places, count = rows * b.channels;
  for (size_t i = 0; i < count; i++) x[i] = lks_type_load(b.x, i, b.type);
  lks_batch_norm_forward(norm, x, NULL, &b.form, false, rows, b.channels, LKS_FP32);
  lks_batch_norm_forward(rounded, b.x, NULL, &b.form, b.relu, rows, b.channels, b.type);
  for (size_t i = 0; i < b.windows * b.channels; i++) {
    size_t argmax = 0;
    for (size_t cell = 1; cell < cells(); cell++)
      if (norm[place(i, cell)] > norm[place(i, argmax)]) argmax = cell;
    const size_t at = place(i, argmax);
    assert_int_equal(got.argmax[i], argmax);
    assert_true(lks_type_load(got.chosen, i, b.type) == x[at]);
    assert_true(lks_type_load(got.y, i, b.type) == lks_type_load(rounded, at, b.type));
  }
}

static void check_backward(void)
{
  static double scattered[MAX], dx[MAX];
  memset(scattered, 0, sizeof scattered);
  for (size_t i = 0; i < b.windows * b.channels; i++)
    lks_type_store(scattered, place(i, got.argmax[i]), lks_type_load(b.g, i, b.type), b.type);
  lks_batch_norm_backward(dx, scattered, b.x, &b.form, b.mean_dy, b.mean_dy_xhat, b.coefficient, b.places,
                          b.channels, b.type);
  assert_memory_equal(got.dx, dx, b.places * b.channels * lks_type_bytes(b.type));
}

static void test_one_pass_is_three(void **state)
{
  (void)state;
  for (size_t shape = 0; shape < SHAPES; shape++) {
    for (int variant = 0; variant < 4 * CHANNEL_COUNTS; variant++) {
      batch_make(shape, channel_counts[variant / 4], variant & 1 ? LKS_BF16 : LKS_FP32, variant & 2);
      assert_true(kernel_test_same_bits(run, NULL, sizeof got));
      run(&got, NULL);
      check_forward();
      check_backward();
    }
  }
}

static void test_nothing_is_kept_when_not_wanted(void **state)
{
  (void)state;
  static double y[MAX];
  batch_make(1, 17, LKS_FP32, true);
  run(&got, NULL);
  lks_batch_norm_pool_forward(y, NULL, NULL, b.x, &b.form, true, &b.grid, b.samples, b.channels, b.type);
  assert_memory_equal(y, got.y, b.windows * b.channels * sizeof(float));
}

/* Equal values, a NaN, and values that differ in fp32 alone. */
static void test_argmax(void **state)
{
  (void)state;
  static const float windows[][4] = {{5, 5, 5, 5},
                                     {1, 5, 5, 2},
                                     {1, NAN, 9, NAN},
                                     {-INFINITY, -INFINITY, 0, -INFINITY},
                                     {1, 1.0078125f, 1, 1}};
  static const uint8_t first[] = {0, 1, 1, 2, 1};
  static float one[] = {1}, zero[] = {0}, half[] = {0.001f};
  const lks_batch_norm_form form = {zero, half, one, one, zero}; /* 1 + 0.001 x: in bf16 1 for all but 9 */
  const lks_pool_grid grid = {2, 2, 2, 2};
  for (int type = LKS_FP32; type <= LKS_BF16; type++) {
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
      float x[4], y, chosen;
      uint8_t argmax;
      for (size_t i = 0; i < 4; i++) lks_type_store(x, i, windows[w][i], (lks_type)type);
      lks_batch_norm_pool_forward(&y, &chosen, &argmax, x, &form, true, &grid, 1, 1, (lks_type)type);
      assert_int_equal(argmax, first[w]);
      assert_int_equal(isnan(lks_type_load(&y, 0, (lks_type)type)) != 0, w == 2);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_pass_is_three),
      cmocka_unit_test(test_nothing_is_kept_when_not_wanted),
      cmocka_unit_test(test_argmax),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
