/* gelu, silu and tanh: against long double, at every instruction set. */
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

enum { MAX = 20011, KERNELS = 6, GELU = 0, GELU_BACKWARD, SILU, SILU_BACKWARD, TANH, TANH_BACKWARD };
static float x[MAX], dy[MAX];
static uint16_t x16[MAX], dy16[MAX];

/* Numbers of every size that matters, of both signs, and zeros. */
static int fill(void **state)
{
  (void)state;
  kernel_test_fill(dy, MAX, 2, 0.1, 1);
  for (size_t i = 0; i < MAX; i++) {
    const double exponent = floor(0.5 * (double)i) / (0.5 * MAX) * 34 - 29; /* 2^-29 .. 2^5 */
    x[i] = (float)((i % 2 ? -1 : 1) * exp2(exponent));
    x16[i] = lks_bf16_from_float(x[i]);
    dy16[i] = lks_bf16_from_float(dy[i]);
  }
  x[MAX - 1] = 0, x[MAX - 2] = -0.0f;
  return 0;
}

/* out = kernel `what` of count elements; a backward kernel takes `y_or_x` for what it calls y or x. */
static void run(int what, void *out, const void *g, const void *y_or_x, size_t count, lks_type type)
{
  switch (what) {
  case GELU: lks_gelu_forward(out, y_or_x, count, type); break;
  case GELU_BACKWARD: lks_gelu_backward(out, g, y_or_x, count, type); break;
  case SILU: lks_silu_forward(out, y_or_x, count, type); break;
  case SILU_BACKWARD: lks_silu_backward(out, g, y_or_x, count, type); break;
  case TANH: lks_tanh_forward(out, y_or_x, count, type); break;
  default: lks_tanh_backward(out, g, y_or_x, count, type); break;
  }
}

static long double phi(long double v)
{
  return expl(-v * v / 2) * 0.398942280401432677939946059934381868L;
}

static long double below(long double v)
{
  return erfcl(-v * 0.707106781186547524400844362104849039L) / 2;
}

/* The twin; of tanh_backward's y. *size: of the parts that its value is the sum of, for what cancels. */
static long double twin(long double *size, int what, long double g, long double v)
{
  const long double s = 1 / (1 + expl(-v));
  long double want = 0;
  *size = 0;
  switch (what) {
  case GELU: want = v * below(v); break;
  case GELU_BACKWARD: want = g * (below(v) + v * phi(v)), *size = g * below(v); break;
  case SILU: want = v * s; break;
  case SILU_BACKWARD: want = g * s * (1 + v * (1 - s)), *size = g * s; break;
  case TANH: want = tanhl(v); break;
  default: want = g * (1 - v) * (1 + v); break;
  }
  return want;
}

typedef struct task {
  int what;
  size_t count;
  lks_type type;
} task;

static void run_task(void *out, void *context)
{
  const task *t = context;
  if (t->type == LKS_BF16)
    run(t->what, out, dy16, x16, t->count, t->type);
  else
    run(t->what, out, dy, x, t->count, t->type);
}

static void test_every_level_gives_the_same_bits(void **state)
{
  (void)state;
  static const size_t counts[] = {0, 1, 3, 16, 17, 63, 64, 65, 130, MAX};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    for (int what = 0; what < KERNELS; what++)
      for (int type = LKS_FP32; type <= LKS_BF16; type++) {
        task t = {what, counts[i], (lks_type)type};
        assert_true(kernel_test_same_bits(run_task, &t, counts[i] * lks_type_bytes(t.type)));
      }
}

/* Half an ulp is the rounding to fp32; in double 2^-36 is left of the polynomial, which grows where parts
 * cancel. The gradient of tanh is computed in fp32 of y as it is: four roundings. */
static void test_values(void **state)
{
  (void)state;
  static float y[MAX];
  for (int what = 0; what < KERNELS; what++) {
    const bool of_y = what == TANH_BACKWARD;
    static float given[MAX];
    for (size_t i = 0; i < MAX; i++) given[i] = of_y ? (float)tanh((double)x[i]) : x[i];
    run(what, y, dy, given, MAX, LKS_FP32);
    for (size_t i = 0; i < MAX; i++) {
      long double size;
      const long double want = twin(&size, what, (long double)dy[i], (long double)given[i]);
      double most = 0.5001 * kernel_test_ulp((double)want) + 0x1p-36 * fabs((double)size);
      if (of_y) most = 4.001 * 0x1p-24 * fabs((double)want);
      if (!(fabsl((long double)y[i] - want) <= (long double)most))
        fail_msg("kernel %d of %a: %a, not %La", what, (double)given[i], (double)y[i], want);
    }
  }
}

/* The control: the usual approximation of gelu is told from gelu by far. */
static void test_the_bound_finds_another_function(void **state)
{
  (void)state;
  size_t told = 0;
  for (size_t i = 0; i < MAX; i++) {
    long double size;
    const long double v = (long double)x[i], want = twin(&size, GELU, 0, v);
    const long double near =
        v / 2 * (1 + tanhl(0.797884560802865355879892119868763737L * (v + 0.044715L * v * v * v)));
    told += fabsl(near - want) > 0.5001L * (long double)kernel_test_ulp((double)want);
  }
  assert_true(told > MAX / 10);
}

static void test_in_place_is_out_of_place(void **state)
{
  (void)state;
  static float out[MAX], in[MAX];
  for (int what = 0; what < KERNELS; what++) {
    const bool backward = what % 2 == 1;
    run(what, out, dy, x, MAX, LKS_FP32);
    memcpy(in, backward ? dy : x, sizeof in);
    run(what, in, in, backward ? x : in, MAX, LKS_FP32);
    assert_memory_equal(in, out, sizeof out);
  }
}

/* bf16: what fp32 gives for the stored numbers, rounded. */
static void test_bf16_is_fp32_rounded(void **state)
{
  (void)state;
  static float stored_x[MAX], stored_dy[MAX], wide[MAX];
  static uint16_t out[MAX];
  for (size_t i = 0; i < MAX; i++) {
    stored_x[i] = lks_bf16_to_float(x16[i]);
    stored_dy[i] = lks_bf16_to_float(dy16[i]);
  }
  for (int what = 0; what < KERNELS; what++) {
    run(what, wide, stored_dy, stored_x, MAX, LKS_FP32);
    run(what, out, dy16, x16, MAX, LKS_BF16);
    for (size_t i = 0; i < MAX; i++) assert_int_equal(out[i], lks_bf16_from_float(wide[i]));
  }
}

/* Far out a curve is what it tends to; what is not a number stays none. */
static void test_edges(void **state)
{
  (void)state;
  const float far[] = {NAN, 3e38f, -3e38f, 100, -100, -0.0f, INFINITY, 1e-40f},
              one[] = {1, 1, 1, 1, 1, 1, 1, 1};
  float y[8];
  for (int what = 0; what < KERNELS; what++) {
    if (what == TANH_BACKWARD) continue;
    run(what, y, one, far, 8, LKS_FP32);
    const bool backward = what % 2 == 1, tangent = what == TANH;
    assert_true(isnan(y[0]));
    assert_true(y[1] == (backward || tangent ? 1 : far[1]) && y[3] == (backward || tangent ? 1 : 100));
    assert_true(tangent ? y[2] == -1 && y[4] == -1 : fabsf(y[2]) == 0 && fabsf(y[4]) < 1e-40f);
    assert_true(backward ? y[5] == 0.5f : y[5] == 0 && signbit(y[5]));
    assert_true(backward || y[6] == (tangent ? 1 : INFINITY));
    assert_true(fabsf(y[7] - (backward ? 0.5f : tangent ? 1e-40f : 0.5e-40f)) <= 0x1p-149f);
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
      cmocka_unit_test(test_the_bound_finds_another_function),
      cmocka_unit_test(test_in_place_is_out_of_place),
      cmocka_unit_test(test_bf16_is_fp32_rounded),
      cmocka_unit_test(test_edges),
      cmocka_unit_test(test_nothing_was_allocated),
  };
  return cmocka_run_group_tests(tests, fill, NULL);
}
