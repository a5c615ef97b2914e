/* The kernels in bf16: against twins in double that take the values as stored, and the same bits at every
 * instruction set. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/batch_norm.h"
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "support/kernel_test.h"

enum { MAX_ROWS = 1000, MAX_CHANNELS = 100, MAX = MAX_ROWS * MAX_CHANNELS };
static const size_t row_counts[] = {0, 1, 5, 63, 64, 65, 1000};
static const size_t channel_counts[] = {1, 3, 10, 16, 17, 32, 64, 100};
enum { ROW_COUNTS = 7, CHANNEL_COUNTS = 8, SHAPES = ROW_COUNTS * CHANNEL_COUNTS };

static const double epsilon = 1e-5, rounding = 0x1p-8 * 1.001; /* of bf16, and what fp32 adds to it */

static struct batch {
  size_t rows, channels, count;
  uint16_t x[MAX], dy[MAX], dy2[MAX], y[MAX], out[MAX];
  float gamma[MAX_CHANNELS], beta[MAX_CHANNELS];
  float form_memory[5][MAX_CHANNELS], coefficient[2 * MAX_CHANNELS];
  double mean[MAX_CHANNELS], variance[MAX_CHANNELS];
  lks_batch_norm_form form;
} b;

static double value(const uint16_t *x, size_t i)
{
  return (double)lks_bf16_to_float(x[i]);
}

static void fill(uint16_t *x, size_t count, uint32_t seed, double mean, double std)
{
  static float wide[MAX];
  kernel_test_fill(wide, count, seed, mean, std);
  for (size_t i = 0; i < count; i++) x[i] = lks_bf16_from_float(wide[i]);
}

static void moments(double *mean, double *variance, const uint16_t *x)
{
  for (size_t c = 0; c < b.channels; c++) {
    mean[c] = variance[c] = 0;
    for (size_t r = 0; r < b.rows; r++) mean[c] += value(x, r * b.channels + c) / (double)b.rows;
    for (size_t r = 0; r < b.rows; r++)
      variance[c] += pow(value(x, r * b.channels + c) - mean[c], 2) / (double)b.rows;
  }
}

static void batch_make(size_t shape, double mean, double std)
{
  b.rows = row_counts[shape / CHANNEL_COUNTS];
  b.channels = channel_counts[shape % CHANNEL_COUNTS];
  b.count = b.rows * b.channels;
  fill(b.x, b.count, 1, mean, std);
  fill(b.dy, b.count, 2, 0.1, 1);
  fill(b.dy2, b.count, 3, 0, 1);
  fill(b.y, b.count, 4, 0.3, 1);
  kernel_test_fill(b.gamma, b.channels, 6, 1, 0.5);
  kernel_test_fill(b.beta, b.channels, 7, 0, 0.5);
  moments(b.mean, b.variance, b.x);
  b.form = (lks_batch_norm_form){b.form_memory[0], b.form_memory[1], b.form_memory[2], b.form_memory[3],
                                 b.form_memory[4]};
  lks_batch_norm_form_set(&b.form, b.mean, b.variance, b.gamma, b.beta, epsilon, b.channels);
}

/* Rounded by comparing distances in double, the even one of two that are equally far. */
static uint16_t nearest(float v)
{
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  if (fabsf(v) < 0x1p-126f) return signbit(v) ? 0x8000 : 0;
  const uint16_t down = (uint16_t)(bits >> 16), up = (uint16_t)(down + 1);
  const double below = fabs((double)v - lks_bf16_to_float(down));
  const double above = isinf(lks_bf16_to_float(up)) ? fabs(0x1p128 - fabs((double)v))
                                                    : fabs((double)v - lks_bf16_to_float(up));
  if (below != above) return below < above ? down : up;
  return down & 1 ? up : down;
}

static void test_rounding_is_to_nearest_even(void **state)
{
  (void)state;
  for (uint64_t i = 0; i < 1u << 22; i++) {
    const uint32_t bits = (uint32_t)(i * 1021 + (i << 15)); /* all exponents, ties among them */
    float v;
    memcpy(&v, &bits, sizeof v);
    const uint16_t got = lks_bf16_from_float(v);
    if (isnan(v))
      assert_true(isnan(lks_bf16_to_float(got)));
    else if (isinf(v))
      assert_true(lks_bf16_to_float(got) == v);
    else if (got != nearest(v))
      fail_msg("%a is rounded to %a", (double)v, (double)lks_bf16_to_float(got));
  }
  for (uint32_t h = 0; h < 1u << 16; h++) {
    const float v = lks_bf16_to_float((uint16_t)h);
    if (isnormal(v) || isinf(v)) assert_int_equal(lks_bf16_from_float(v), h);
  }
}

typedef struct rounded {
  uint16_t one[MAX], pairs[2 * MAX], half_pairs[2 * MAX];
} rounded;

static void run_rounding(void *out, void *context)
{
  rounded *r = out;
  const float *wide = context;
  lks_bf16_of(r->one, wide, b.count);
  lks_bf16_pairs((uint32_t *)r->pairs, wide, wide + MAX, b.count);
  lks_bf16_pairs((uint32_t *)r->half_pairs, wide, NULL, b.count);
}

/* Any bits, infinities and subnormal numbers among them. */
static void test_rounding_of_arrays(void **state)
{
  (void)state;
  static float wide[2 * MAX];
  static rounded got;
  for (uint32_t i = 0; i < 2 * MAX; i++) {
    const uint32_t bits = i * 2654435761u;
    memcpy(wide + i, &bits, sizeof bits);
  }
  for (size_t shape = 0; shape < SHAPES; shape++) {
    batch_make(shape, 0, 1);
    assert_true(kernel_test_same_bits(run_rounding, wide, sizeof got));
    run_rounding(&got, wide);
    for (size_t i = 0; i < b.count; i++) {
      const uint16_t first = lks_bf16_from_float(wide[i]), second = lks_bf16_from_float(wide[MAX + i]);
      assert_int_equal(got.one[i], first);
      assert_int_equal(got.pairs[2 * i], first);
      assert_int_equal(got.pairs[2 * i + 1], second);
      assert_int_equal(got.half_pairs[2 * i], first);
      assert_int_equal(got.half_pairs[2 * i + 1], 0);
    }
  }
}

enum {
  RELU,
  RELU_BACKWARD,
  LEAKY_RELU,
  LEAKY_RELU_BACKWARD,
  SIGMOID,
  SIGMOID_BACKWARD,
  ADD,
  DROPOUT,
  FEATURES,
  IMAGE,
  ELEMENTWISE
};

static const lks_random_key key = {.seed = 7, .purpose = 3, .step = 5, .sample = 9};

/* Of b.x and b.dy, b.count elements (of an image: whole rows of three channels). */
static void elementwise(void *out, void *context)
{
  static const double mean[] = {75, -17, 6.5}, scale[] = {0.02, 0.03, 0.04};
  static float wide[MAX];
  static double wider[MAX];
  const int what = *(const int *)context;
  const size_t rows = b.count / 30;
  if (what == FEATURES) kernel_test_fill(wide, b.count, 11, 2, 5);
  for (size_t i = 0; i < b.count; i++) wider[i] = wide[i] / 3.0;
  switch (what) {
  case RELU: lks_relu_forward(out, b.x, b.count, LKS_BF16); break;
  case RELU_BACKWARD: lks_relu_backward(out, b.dy, b.y, b.count, LKS_BF16); break;
  case LEAKY_RELU: lks_leaky_relu_forward(out, b.x, 0.1f, b.count, LKS_BF16); break;
  case LEAKY_RELU_BACKWARD: lks_leaky_relu_backward(out, b.dy, b.y, 0.1f, b.count, LKS_BF16); break;
  case SIGMOID: lks_sigmoid_forward(out, b.x, b.count, LKS_BF16); break;
  case SIGMOID_BACKWARD: lks_sigmoid_backward(out, b.dy, b.y, b.count, LKS_BF16); break;
  case ADD: lks_add_forward(out, b.x, b.dy, b.count, LKS_BF16); break;
  case DROPOUT: lks_dropout(out, b.x, 0.3, &key, b.count, LKS_BF16); break;
  case FEATURES: lks_input_features(out, wide, wider, wider, b.count, LKS_BF16); break;
  default: lks_input_image(out, (const uint8_t *)b.x, mean, scale, 1, -2, 1, rows, 10, 3, LKS_BF16); break;
  }
}

static double expected(int what, size_t i)
{
  const double x = value(b.x, i), dy = value(b.dy, i), y = value(b.y, i);
  switch (what) {
  case RELU: return x > 0 ? x : 0;
  case RELU_BACKWARD: return y > 0 ? dy : 0;
  case LEAKY_RELU: return x > 0 ? x : 0.1 * x;
  case LEAKY_RELU_BACKWARD: return y > 0 ? dy : 0.1 * dy;
  case SIGMOID: return 1 / (1 + exp(-x));
  case SIGMOID_BACKWARD: return dy * y * (1 - y);
  default: return x + dy;
  }
}

static void test_elementwise(void **state)
{
  (void)state;
  for (size_t shape = 0; shape < SHAPES; shape++) {
    batch_make(shape, 0.2, 1);
    for (int what = RELU; what < ELEMENTWISE; what++) {
      const size_t count = what == IMAGE ? b.count / 30 * 30 : b.count;
      assert_true(kernel_test_same_bits(elementwise, &what, count * sizeof(uint16_t)));
      if (what > ADD) continue;
      elementwise(b.out, &what);
      for (size_t i = 0; i < count; i++)
        assert_true(fabs(value(b.out, i) - expected(what, i)) <= rounding * fabs(expected(what, i)) + 1e-30);
    }
  }
}

/* What fp32 gives, rounded; dropped alike. */
static void test_input_and_dropout_are_those_of_fp32(void **state)
{
  (void)state;
  static const double mean[] = {75, -17, 6.5}, scale[] = {0.02, 0.03, 0.04};
  static float wide[MAX], dropped[MAX];
  batch_make(SHAPES - 1, 0.2, 1);
  int what = IMAGE;
  elementwise(b.out, &what);
  lks_input_image(wide, (const uint8_t *)b.x, mean, scale, 1, -2, 1, b.count / 30, 10, 3, LKS_FP32);
  for (size_t i = 0; i < b.count / 30 * 30; i++) assert_int_equal(b.out[i], lks_bf16_from_float(wide[i]));
  what = DROPOUT;
  elementwise(b.out, &what);
  for (size_t i = 0; i < b.count; i++) wide[i] = lks_bf16_to_float(b.x[i]);
  lks_dropout(dropped, wide, 0.3, &key, b.count, LKS_FP32);
  for (size_t i = 0; i < b.count; i++) assert_int_equal(b.out[i], lks_bf16_from_float(dropped[i]));
}

static void run_sums(void *out, void *context)
{
  (void)context;
  lks_batch_norm_sums(out, (double *)out + b.channels, b.x, b.rows, b.channels, LKS_BF16);
}

/* The variance that the sums give, against that of two passes in double; also far from 0, where bf16 itself
 * is coarse but what is stored must be summed right. */
static void test_sums(void **state)
{
  (void)state;
  static const double means[] = {0, 3, -1000}, stds[] = {1, 2, 30};
  static double out[2 * MAX_CHANNELS];
  for (size_t shape = 0; shape < SHAPES; shape++) {
    for (int k = 0; k < 3; k++) {
      batch_make(shape, means[k], stds[k]);
      assert_true(kernel_test_same_bits(run_sums, NULL, 2 * b.channels * sizeof(double)));
      run_sums(out, NULL);
      for (size_t c = 0; c < b.channels && b.rows; c++) {
        const double n = (double)b.rows, mean = out[c] / n;
        const double variance = out[b.channels + c] / n - mean * mean, first = value(b.x, c);
        const double spread = b.variance[c] + pow(b.mean[c] - first, 2); /* mean of (x - first)^2 */
        assert_true(fabs(mean - b.mean[c]) <= 21 * 0x1p-24 * sqrt(spread) + 1e-15 * fabs(mean));
        assert_true(fabs(variance - b.variance[c]) <= 63 * 0x1p-24 * spread + 1e-15 * mean * mean * n);
      }
    }
  }
}

static struct {
  bool relu, residual, dy2, y;
} with;

static void run_forward(void *out, void *context)
{
  (void)context;
  lks_batch_norm_forward(out, b.x, with.residual ? b.dy2 : NULL, &b.form, with.relu, b.rows, b.channels,
                         LKS_BF16);
}

static void check_forward(void)
{
  run_forward(b.out, NULL);
  for (size_t i = 0; i < b.count; i++) {
    const size_t c = i % b.channels;
    const double scaled = b.gamma[c] * (value(b.x, i) - b.mean[c]) / sqrt(b.variance[c] + epsilon);
    double y = scaled + b.beta[c] + (with.residual ? value(b.dy2, i) : 0);
    const double size = fabs(scaled) + fabs((double)b.beta[c]) + fabs(value(b.dy2, i));
    if (with.relu && y < 0) y = 0;
    assert_true(fabs(value(b.out, i) - y) <= rounding * fabs(y) + 8 * 0x1p-24 * size);
  }
}

static void run_backward_sums(void *out, void *context)
{
  (void)context;
  double *sum = out;
  lks_batch_norm_backward_sums(sum, sum + b.channels, sum + 2 * b.channels, b.dy, with.dy2 ? b.dy2 : NULL,
                               with.y ? b.y : NULL, b.x, &b.form, b.rows, b.channels, LKS_BF16);
}

static void check_backward_sums(void)
{
  static double out[2 * MAX_CHANNELS + MAX];
  run_backward_sums(out, NULL);
  const uint16_t *g = (const uint16_t *)(out + 2 * b.channels);
  for (size_t c = 0; c < b.channels; c++) {
    double sum = 0, dot = 0, size = 0, dot_size = 0;
    for (size_t i = c; i < b.count; i += b.channels) {
      double whole = value(b.dy, i) + (with.dy2 ? value(b.dy2, i) : 0);
      if (with.y && !(value(b.y, i) > 0)) whole = 0;
      assert_true(fabs(value(g, i) - whole) <= rounding * fabs(whole));
      const double x_hat = (value(b.x, i) - b.mean[c]) / sqrt(b.variance[c] + epsilon);
      sum += value(g, i), size += fabs(value(g, i));
      dot += value(g, i) * x_hat, dot_size += fabs(value(g, i) * x_hat);
    }
    assert_true(fabs(out[c] - sum) <= 21 * 0x1p-24 * size);
    assert_true(fabs(out[b.channels + c] - dot) <= 24 * 0x1p-24 * (dot_size + size));
  }
}

static void run_backward(void *out, void *context)
{
  (void)context;
  lks_batch_norm_backward(out, b.dy, b.x, &b.form, b.mean, b.variance, b.coefficient, b.rows, b.channels,
                          LKS_BF16);
}

/* b.mean and b.variance stand for the means of dy and dy*x_hat: any numbers will do. */
static void check_backward(void)
{
  run_backward(b.out, NULL);
  for (size_t i = 0; i < b.count; i++) {
    const size_t c = i % b.channels;
    const double rstd = 1 / sqrt(b.variance[c] + epsilon), x_hat = (value(b.x, i) - b.mean[c]) * rstd;
    const double dx = b.gamma[c] * rstd * (value(b.dy, i) - b.mean[c] - x_hat * b.variance[c]);
    const double size =
        fabs(b.gamma[c] * rstd) * (fabs(value(b.dy, i)) + fabs(b.mean[c]) + fabs(x_hat * b.variance[c]));
    assert_true(fabs(value(b.out, i) - dx) <= rounding * fabs(dx) + 8 * 0x1p-24 * size);
  }
}

static void test_batch_norm(void **state)
{
  (void)state;
  for (size_t shape = 0; shape < SHAPES; shape++) {
    batch_make(shape, 3, 2);
    const size_t sums = 2 * b.channels * sizeof(double), values = b.count * sizeof(uint16_t);
    for (int variant = 0; variant < 4; variant++) {
      with.relu = with.y = variant & 1;
      with.residual = with.dy2 = variant & 2;
      assert_true(kernel_test_same_bits(run_forward, NULL, values));
      assert_true(kernel_test_same_bits(run_backward_sums, NULL, sums + values));
      check_forward();
      check_backward_sums();
    }
    assert_true(kernel_test_same_bits(run_backward, NULL, values));
    check_backward();
  }
}

/* Subnormal numbers become 0 at every instruction set, and what is not a number stays none. */
/* One NaN, the processor's own: which of two different ones a sum keeps depends on their order in the
 * instruction, which is the compiler's choice. */
static void test_extremes(void **state)
{
  (void)state;
  static const uint16_t extremes[] = {0x0001, 0x8001, 0x007f, 0x0080, 0x7f7f, 0xff7f,
                                      0x7f80, 0xff80, 0xffc0, 0x0000, 0x8000};
  enum { EXTREMES = sizeof extremes / sizeof *extremes };
  batch_make(SHAPES - 1, 0, 1);
  for (size_t i = 0; i < b.count; i++) {
    b.x[i] = extremes[i % EXTREMES];
    b.dy[i] = extremes[i / EXTREMES % EXTREMES];
    b.y[i] = extremes[(i + 3) % EXTREMES];
  }
  for (int what = RELU; what <= DROPOUT; what++)
    assert_true(kernel_test_same_bits(elementwise, &what, b.count * sizeof(uint16_t)));
  int what = RELU;
  elementwise(b.out, &what);
  assert_true(value(b.out, 0) == 0 && value(b.out, 3) == 0x1p-126);
  assert_true(isinf(value(b.out, 6)) && isnan(value(b.out, 8)));
  what = RELU_BACKWARD; /* y is not a number: no gradient */
  elementwise(b.out, &what);
  assert_int_equal(b.out[5], 0);
  for (size_t c = 0; c < b.channels; c++) {
    b.form.mean[c] = b.form.shift[c] = 0;
    b.form.scale[c] = 1;
  }
  with.relu = with.residual = false;
  assert_true(kernel_test_same_bits(run_forward, NULL, b.count * sizeof(uint16_t)));
  run_forward(b.out, NULL);
  assert_true(value(b.out, 0) == 0 && value(b.out, 3) == 0x1p-126 && isnan(value(b.out, 8)));
}

static void run_loss(void *out, void *context)
{
  static float logits[MAX];
  static double loss[MAX_ROWS];
  static uint8_t correct[MAX_ROWS];
  static int32_t label[MAX_ROWS];
  const lks_type type = *(const lks_type *)context;
  kernel_test_fill(logits, b.count, 12, 0, 3);
  for (size_t r = 0; r < b.rows; r++) label[r] = (int32_t)(r % b.channels);
  lks_softmax_cross_entropy(loss, correct, out, NULL, logits, label, 0.1, 1.0 / 64, b.rows, b.channels, type);
}

static void test_gradient_of_the_loss_is_that_of_fp32(void **state)
{
  (void)state;
  static float wide[MAX];
  lks_type fp32 = LKS_FP32, bf16 = LKS_BF16;
  for (size_t shape = 0; shape < SHAPES; shape++) {
    batch_make(shape, 0, 1);
    assert_true(kernel_test_same_bits(run_loss, &bf16, b.count * sizeof(uint16_t)));
    run_loss(wide, &fp32);
    run_loss(b.out, &bf16);
    for (size_t i = 0; i < b.count; i++) assert_int_equal(b.out[i], lks_bf16_from_float(wide[i]));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rounding_is_to_nearest_even),
      cmocka_unit_test(test_rounding_of_arrays),
      cmocka_unit_test(test_elementwise),
      cmocka_unit_test(test_input_and_dropout_are_those_of_fp32),
      cmocka_unit_test(test_sums),
      cmocka_unit_test(test_batch_norm),
      cmocka_unit_test(test_extremes),
      cmocka_unit_test(test_gradient_of_the_loss_is_that_of_fp32),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
