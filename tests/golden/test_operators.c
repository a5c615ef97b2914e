/* Every operator, forward and backward, against PyTorch in float64. u = 2^-24 is the unit roundoff of fp32;
 * each tolerance counts the roundings of the operator and is stated where it is used. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "kernels/onednn.h"
#include "kernels/optimizer.h"
#include "support/golden.h"
#include "support/naive_conv.h"

static const double u = 0x1p-24;

static const char file[] = LKS_TEST_SOURCE_DIR "/tests/golden/operators.h5";

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    if ((call) != LKS_OK) fail_msg("%s", lks_message());                                                     \
  } while (0)

/* |got - want| <= relative * |want| + absolute, for each. */
static void check_near(const char *what, const float *got, const double *want, size_t count, double relative,
                       double absolute)
{
  for (size_t i = 0; i < count; i++)
    if (!(fabs((double)got[i] - want[i]) <= relative * fabs(want[i]) + absolute))
      fail_msg("%s[%zu] is %.9g, PyTorch has %.9g", what, i, (double)got[i], want[i]);
}

/* The naive twin agrees with PyTorch but for roundings of double, and brings the bound on those of fp32. */
static void check_sums(const char *what, const float *got, naive_sum *sum, const double *want, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    assert_true(fabs(sum[i].value - want[i]) <= (double)(sum[i].terms + 1) * 0x1p-52 * sum[i].magnitude);
    sum[i].value = want[i];
  }
  if (!naive_close(got, sum, count, LKS_FP32)) fail_msg("%s differs from PyTorch's", what);
}

static naive_sum *sums(size_t count)
{
  naive_sum *p = calloc(count, sizeof *p);
  assert_non_null(p);
  return p;
}

static lks_window window_of(const size_t x[4], const size_t y[4], size_t kernel, size_t stride, size_t pad)
{
  return (lks_window){x[0],   x[1],   x[2], x[3], y[1], y[2], y[3], kernel, kernel,
                      stride, stride, pad,  pad,  pad,  pad,  1,    0,      0};
}

/* Sums of n products: (n + 1) u times the sum of the magnitudes. */
static void check_linear(golden *g, lks_linear_kind kind, lks_window window)
{
  lks_linear *linear = NULL;
  CHECK(lks_linear_create(&linear, kind, &window, true, true, LKS_FP32, LKS_FP32, 1));
  size_t in = golden_size(g, "x", NULL), out = golden_size(g, "y", NULL), weights = golden_size(g, "w", NULL);
  size_t outputs = window.out_channels;
  float *packed = golden_room(g, lks_linear_packed_bytes(linear) / sizeof(float));
  float *gradient = golden_room(g, lks_linear_gradient_elements(linear));
  float *scratch = golden_room(g, lks_linear_scratch_bytes(linear) / sizeof(float) + 1);
  float *y = golden_room(g, out), *dx = golden_room(g, in), *dw = golden_room(g, weights),
        *db = golden_room(g, outputs), *w_here = golden_room(g, weights), *dw_here = golden_room(g, weights);
  const bool dense = kind == LKS_LINEAR_DENSE; /* whose weights are (in,out) here */
  const float *x = golden_floats(g, "x"), *w = golden_floats(g, "w"), *b = golden_floats(g, "b");
  const float *dy = golden_floats(g, "dy");
  naive_transpose(w_here, w, dense ? outputs : 1, dense ? weights / outputs : weights);
  CHECK(lks_linear_pack(packed, w_here, linear));
  CHECK(lks_linear_forward(y, x, packed, b, linear, 0, scratch));
  CHECK(lks_linear_backward_data(dx, dy, packed, linear, 0, scratch));
  CHECK(lks_linear_backward_weights(gradient, x, dy, linear, 0, scratch));
  CHECK(lks_linear_unpack_gradient(dw_here, db, gradient, linear));
  naive_transpose(dw, dw_here, dense ? weights / outputs : 1, dense ? outputs : weights);

  naive_sum *y_sum = sums(out), *dx_sum = sums(in), *dw_sum = sums(weights), *db_sum = sums(outputs);
  naive_conv_forward(y_sum, x, w, b, &window);
  naive_conv_backward(dx_sum, dw_sum, db_sum, dy, x, w, &window);
  check_sums("y", y, y_sum, golden_doubles(g, "y"), out);
  check_sums("dx", dx, dx_sum, golden_doubles(g, "dx"), in);
  check_sums("dw", dw, dw_sum, golden_doubles(g, "dw"), weights);
  check_sums("db", db, db_sum, golden_doubles(g, "db"), outputs);
  free(y_sum), free(dx_sum), free(dw_sum), free(db_sum);
  lks_linear_destroy(&linear);
}

static void test_convolution(void **state)
{
  (void)state;
  static const char *const names[] = {"conv_3x3", "conv_3x3_stride_2", "conv_1x1", "conv_1x1_stride_2",
                                      "conv_5x5"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    golden *g = golden_open(file, names[i]);
    size_t x[4], y[4], w[4];
    golden_size(g, "x", x), golden_size(g, "y", y), golden_size(g, "w", w);
    size_t stride = (size_t)golden_number(g, "stride"), pad = (size_t)golden_number(g, "pad");
    check_linear(g, LKS_LINEAR_CONV, window_of(x, y, w[2], stride, pad));
    golden_close(&g);
  }
}

static void test_dense(void **state)
{
  (void)state;
  golden *g = golden_open(file, "dense");
  size_t w[4], y[4];
  golden_size(g, "w", w), golden_size(g, "y", y);
  check_linear(g, LKS_LINEAR_DENSE,
               window_of((size_t[]){y[0], 1, 1, w[1]}, (size_t[]){y[0], 1, 1, w[0]}, 1, 1, 0));
  golden_close(&g);
}

static void check_pool(const char *name, lks_pool_kind kind)
{
  golden *g = golden_open(file, name);
  size_t x_extent[4], y_extent[4];
  size_t in = golden_size(g, "x", x_extent), out = golden_size(g, "y", y_extent);
  lks_window window = window_of(x_extent, y_extent, (size_t)golden_number(g, "kernel"),
                                (size_t)golden_number(g, "stride"), (size_t)golden_number(g, "pad"));
  lks_pool *pool = NULL;
  CHECK(lks_pool_create(&pool, kind, &window, LKS_FP32, 1));
  float *workspace = golden_room(g, lks_pool_workspace_bytes(pool) / sizeof(float) + 1);
  float *scratch = golden_room(g, lks_pool_scratch_bytes(pool) / sizeof(float) + 1);
  float *y = golden_room(g, out), *dx = golden_room(g, in);
  const float *x = golden_floats(g, "x"), *dy = golden_floats(g, "dy");
  CHECK(lks_pool_forward(y, workspace, x, pool, 0, scratch));
  CHECK(lks_pool_backward(dx, dy, workspace, pool, 0, scratch));
  naive_sum *y_sum = sums(out), *dx_sum = sums(in);
  (kind == LKS_POOL_MAX ? naive_max_pool : naive_average_pool)(y_sum, dx_sum, x, dy, &window);
  check_sums("y", y, y_sum, golden_doubles(g, "y"), out);
  check_sums("dx", dx, dx_sum, golden_doubles(g, "dx"), in);
  free(y_sum), free(dx_sum);
  lks_pool_destroy(&pool);
  golden_close(&g);
}

static void test_pooling(void **state)
{
  (void)state;
  check_pool("max_pool", LKS_POOL_MAX);
  check_pool("max_pool_2x2", LKS_POOL_MAX);
  check_pool("average_pool", LKS_POOL_AVERAGE);
  check_pool("global_average_pool", LKS_POOL_AVERAGE);
}

static void test_relu_is_exact(void **state)
{
  (void)state;
  golden *g = golden_open(file, "relu");
  size_t count = golden_size(g, "x", NULL);
  float *y = golden_room(g, count), *dx = golden_room(g, count);
  lks_relu_forward(y, golden_floats(g, "x"), count, LKS_FP32);
  lks_relu_backward(dx, golden_floats(g, "dy"), y, count, LKS_FP32);
  check_near("y", y, golden_doubles(g, "y"), count, 0, 0);
  check_near("dx", dx, golden_doubles(g, "dx"), count, 0, 0);
  golden_close(&g);
}

/* y = 1/(1 + exp(-x)): with an exp of 2 ulp, 8 u of y. dx = dy y (1 - y): 1 - y cancels, so the error of y
 * counts in full; as |dy| y < 4 here, 8 u of that and 4 u more of dx. */
static void test_sigmoid(void **state)
{
  (void)state;
  golden *g = golden_open(file, "sigmoid");
  size_t count = golden_size(g, "x", NULL);
  float *y = golden_room(g, count), *dx = golden_room(g, count);
  lks_sigmoid_forward(y, golden_floats(g, "x"), count, LKS_FP32);
  lks_sigmoid_backward(dx, golden_floats(g, "dy"), y, count, LKS_FP32);
  check_near("y", y, golden_doubles(g, "y"), count, 8 * u, 0);
  check_near("dx", dx, golden_doubles(g, "dx"), count, 4 * u, 8 * u * 4);
  golden_close(&g);
}

/* The loss is computed in double: 2^-44 leaves room for exp and log of 2 ulp and ten additions. A gradient is
 * the same rounded once to fp32. */
static void check_cross_entropy(const char *name)
{
  golden *g = golden_open(file, name);
  size_t extent[4];
  size_t count = golden_size(g, "logits", extent), samples = extent[0];
  const float *logits = golden_floats(g, "logits");
  const int32_t *label = golden_ints(g, "label");
  const double *want = golden_doubles(g, "loss");
  float *dlogits = golden_room(g, count), *probability = golden_room(g, count);
  double loss[16];
  uint8_t correct[16];
  assert_true(samples <= 16);
  lks_softmax_cross_entropy(loss, correct, dlogits, probability, logits, label, golden_number(g, "smoothing"),
                            1.0 / (double)samples, samples, extent[1], LKS_FP32);
  check_near("dlogits", dlogits, golden_doubles(g, "dlogits"), count, u, 0x1p-44);
  for (size_t i = 0; i < samples; i++) {
    assert_true(fabs(loss[i] - want[i]) <= 0x1p-44 * want[i]);
    double sum = 0;
    for (size_t c = 0; c < extent[1]; c++) sum += (double)probability[i * extent[1] + c];
    assert_true(fabs(sum - 1) <= u * (double)extent[1]);
  }
  golden_close(&g);
}

static void test_cross_entropy(void **state)
{
  (void)state;
  check_cross_entropy("cross_entropy");
  check_cross_entropy("cross_entropy_smoothing");
}

static double largest(const float *p, size_t count)
{
  double most = 0;
  for (size_t i = 0; i < count; i++)
    if (fabs((double)p[i]) > most) most = fabs((double)p[i]);
  return most;
}

/* A step rounds some ten times, relative to w and to lr v, where v stays below 1/(1 - momentum) of the
 * largest gradient; an error of v lives on as long. */
static void check_sgd(const char *name, bool nesterov)
{
  golden *g = golden_open(file, name);
  size_t extent[4];
  golden_size(g, "gradient", extent);
  size_t steps = extent[0], count = extent[1];
  float *w = golden_floats(g, "w"), *v = golden_room(g, count);
  const float *gradient = golden_floats(g, "gradient");
  const double *after = golden_doubles(g, "after");
  double lr = golden_number(g, "lr"), momentum = golden_number(g, "momentum");
  double reach = largest(w, count) + lr * largest(gradient, steps * count) / (1 - momentum);
  for (size_t s = 0; s < steps; s++) {
    lks_sgd_update(w, momentum > 0 ? v : NULL, gradient + s * count, (float)lr, (float)momentum,
                   (float)golden_number(g, "weight_decay"), nesterov, s == 0, count);
    check_near(name, w, after + s * count, count, 0, 10 * (double)(s + 1) * u * reach);
  }
  golden_close(&g);
}

static void test_sgd(void **state)
{
  (void)state;
  check_sgd("sgd", false);
  check_sgd("sgd_momentum", false);
  check_sgd("sgd_nesterov", true);
}

/* A step is at most lr times 1/sqrt(1 - beta2) = 32; here it stays below 4 lr, and the rounding of its ten
 * operations is 20 u of that. */
static void check_adam(const char *name, bool decoupled)
{
  golden *g = golden_open(file, name);
  size_t extent[4];
  golden_size(g, "gradient", extent);
  size_t steps = extent[0], count = extent[1];
  float *w = golden_floats(g, "w"), *m = golden_room(g, count), *v = golden_room(g, count);
  memset(m, 0, count * sizeof *m), memset(v, 0, count * sizeof *v);
  const float *gradient = golden_floats(g, "gradient");
  const double *after = golden_doubles(g, "after");
  double lr = golden_number(g, "lr"), beta1 = 0.9, beta2 = 0.999, power1 = 1, power2 = 1;
  double reach = 4 * largest(w, count) + 20 * 4 * lr;
  for (size_t s = 0; s < steps; s++) {
    power1 *= beta1, power2 *= beta2;
    lks_adam_update(w, m, v, gradient + s * count, (float)lr, (float)beta1, (float)beta2,
                    (float)golden_number(g, "eps"), (float)golden_number(g, "weight_decay"), decoupled,
                    1 - power1, 1 - power2, count);
    check_near(name, w, after + s * count, count, 0, (double)(s + 1) * u * reach);
  }
  golden_close(&g);
}

static void test_adam(void **state)
{
  (void)state;
  check_adam("adam", false);
  check_adam("adamw", true);
}

static int all_is_freed(void **state)
{
  (void)state;
  return lks_allocations_open() == 0 ? 0 : -1;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_convolution), cmocka_unit_test(test_dense),
      cmocka_unit_test(test_pooling),     cmocka_unit_test(test_relu_is_exact),
      cmocka_unit_test(test_sigmoid),     cmocka_unit_test(test_cross_entropy),
      cmocka_unit_test(test_sgd),         cmocka_unit_test(test_adam),
  };
  return cmocka_run_group_tests(tests, NULL, all_is_freed);
}
