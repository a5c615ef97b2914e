/* Which primitives are refused, and that the layers then run on others; and that the sweep over shapes would
 * see what it looks for. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "kernels/isa.h"
#include "kernels/onednn_refused.h"
#include "support/guarded.h"
#include "support/shape.h"

static bool refused(lks_task_kind kind, lks_type type, const char *implementation, const lks_window *w)
{
  const lks_task task = {.kind = kind, .window = w, .type = type};
  return lks_onednn_refuses(&task, implementation);
}

static void test_copies_of_few_channels_are_refused(void **state)
{
  (void)state;
  const lks_task_kind dw = LKS_TASK_CONV_BACKWARD_WEIGHTS;
  lks_window w = {4, 8, 8, 15, 4, 4, 16, 1, 1, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  assert_true(refused(dw, LKS_FP32, "jit_1x1:avx2", &w));
  assert_true(refused(dw, LKS_FP32, "jit_1x1:avx512_core", &w));
  assert_true(refused(dw, LKS_BF16, "jit_bf16_1x1:avx512_core_bf16", &w));
  assert_false(refused(dw, LKS_FP32, "jit:avx2", &w));
  assert_false(refused(dw, LKS_BF16, "jit_bf16:avx512_core_bf16", &w));
  assert_false(refused(LKS_TASK_CONV_FORWARD, LKS_FP32, "jit_1x1:avx2", &w));
  assert_false(refused(LKS_TASK_CONV_BACKWARD_DATA, LKS_FP32, "jit_1x1:avx2", &w));
  w.stride_height = 1;
  assert_true(refused(dw, LKS_FP32, "jit_1x1:avx2", &w));
  w.stride_width = 1, w.stride_height = 3;
  assert_true(refused(dw, LKS_FP32, "jit_1x1:avx2", &w));
  w.stride_height = 1;
  assert_false(refused(dw, LKS_FP32, "jit_1x1:avx2", &w));
  w.stride_height = w.stride_width = 2, w.in_channels = 16;
  assert_false(refused(dw, LKS_FP32, "jit_1x1:avx512_core", &w));
}

static void test_strides_over_the_image_are_refused(void **state)
{
  (void)state;
  const lks_task_kind dw = LKS_TASK_CONV_BACKWARD_WEIGHTS;
  lks_window w = {4, 9, 2, 33, 5, 1, 16, 3, 3, 2, 3, 1, 1, 1, 1, 1, 0, 0};
  assert_true(refused(dw, LKS_BF16, "jit_bf16:avx512_core_bf16", &w));
  assert_true(refused(dw, LKS_BF16, "brgconv_bwd_w:avx10_1_512_amx", &w));
  assert_false(refused(dw, LKS_BF16, "x64:gemm:jit", &w));
  assert_false(refused(dw, LKS_FP32, "jit:avx512_core", &w));
  w.in_width = 4;
  assert_false(refused(dw, LKS_BF16, "jit_bf16:avx512_core_bf16", &w));
  w.in_width = 1, w.stride_width = 1;
  assert_false(refused(dw, LKS_BF16, "jit_bf16:avx512_core_bf16", &w));
}

static void test_one_column_is_refused(void **state)
{
  (void)state;
  const lks_task_kind y = LKS_TASK_CONV_FORWARD;
  lks_window w = {5, 6, 3, 1, 6, 1, 35, 1, 5, 1, 3, 0, 2, 0, 2, 1, 0, 0};
  assert_true(refused(y, LKS_FP32, "brg_conv_fwd:avx512_core", &w));
  assert_true(refused(y, LKS_BF16, "brg_conv_fwd:avx512_core_bf16", &w));
  assert_false(refused(y, LKS_FP32, "jit:avx512_core", &w));
  w.out_width = 2;
  assert_false(refused(y, LKS_FP32, "brg_conv_fwd:avx512_core", &w));
}

static void test_strides_over_rows_are_refused(void **state)
{
  (void)state;
  const lks_task_kind y = LKS_TASK_CONV_FORWARD;
  const char *amx = "brgconv:avx512_core_amx_bf16";
  lks_window w = {1, 31, 16, 26, 11, 8, 37, 1, 3, 3, 2, 0, 1, 0, 1, 1, 0, 0};
  assert_true(refused(y, LKS_BF16, amx, &w));
  assert_true(refused(LKS_TASK_CONV_BACKWARD_WEIGHTS, LKS_BF16, "brgconv_bwd_w:avx10_1_512_amx", &w));
  assert_false(refused(y, LKS_BF16, "brgconv:avx512_core_bf16", &w));
  assert_false(refused(y, LKS_BF16, "brgconv_1x1:avx512_core_amx_bf16", &w));
  assert_false(refused(y, LKS_BF16, "jit:avx512_core_amx_bf16", &w));
  assert_false(refused(LKS_TASK_CONV_BACKWARD_DATA, LKS_BF16, amx, &w));
  w.kernel_height = 3;
  assert_false(refused(y, LKS_BF16, amx, &w));
}

static void test_sums_of_odd_channels_are_refused(void **state)
{
  (void)state;
  const lks_task_kind y = LKS_TASK_CONV_FORWARD, dx = LKS_TASK_CONV_BACKWARD_DATA;
  const char *name = "jit_bf16_1x1:avx512_core_bf16";
  lks_window w = {13, 12, 10, 34, 6, 5, 21, 1, 1, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  assert_true(refused(dx, LKS_BF16, name, &w));
  assert_false(refused(y, LKS_BF16, name, &w));
  assert_false(refused(dx, LKS_BF16, "jit_bf16:avx512_core_bf16", &w));
  assert_false(refused(dx, LKS_FP32, "jit_1x1:avx512_core", &w));
  w.in_channels = 33, w.out_channels = 22;
  assert_false(refused(dx, LKS_BF16, name, &w));
  assert_true(refused(y, LKS_BF16, name, &w));
}

static void test_a_layer_runs_on_another_implementation(void **state)
{
  (void)state;
  lks_window w = {4, 8, 8, 4, 4, 4, 16, 1, 1, 2, 2, 0, 0, 0, 0, 1, 0, 0};
  for (int trust = 0; trust <= 1; trust++) {
    lks_linear *linear = NULL;
    lks_onednn_trust(trust);
    assert_int_equal(lks_linear_create(&linear, LKS_LINEAR_CONV, &w, true, false, LKS_FP32, LKS_FP32, 1),
                     LKS_OK);
    const char *implementation = lks_linear_implementation(linear, LKS_LINEAR_WEIGHTS);
    assert_true(strlen(implementation) > 0);
    if (lks_isa_used() >= LKS_ISA_AVX2) assert_int_equal(strncmp(implementation, "jit_1x1", 7) == 0, trust);
    assert_string_equal(lks_linear_implementation(linear, LKS_LINEAR_DATA), "");
    lks_linear_destroy(&linear);
  }
  lks_onednn_trust(false);
  assert_int_equal(lks_allocations_open(), 0);
}

static const shape small = {.kind = SHAPE_CONV,
                            .window = {3, 5, 5, 3, 5, 5, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0, 0}};

static void test_a_right_layer_has_no_faults(void **state)
{
  (void)state;
  shape_twin twin;
  shape_result result;
  assert_true(shape_twin_make(&twin, &small, 1));
  shape_try(&result, &small, &twin);
  assert_true(result.done);
  for (int pass = 0; pass < SHAPE_PASSES; pass++) assert_int_equal(result.faults[pass], 0);
  shape_twin_free(&twin);
}

static void test_a_wrong_value_is_a_fault_of_its_pass(void **state)
{
  (void)state;
  shape_twin twin;
  shape_result result;
  for (int wrong = 0; wrong < SHAPE_PASSES; wrong++) {
    assert_true(shape_twin_make(&twin, &small, 1));
    naive_sum *last[] = {&twin.y[twin.out - 1], &twin.dx[twin.in - 1], &twin.dw[twin.weights - 1]};
    last[wrong]->value += 0x1p-12 * last[wrong]->magnitude;
    shape_try(&result, &small, &twin);
    for (int pass = 0; pass < SHAPE_PASSES; pass++)
      assert_int_equal(result.faults[pass], pass == wrong ? SHAPE_VALUES : 0);
    shape_twin_free(&twin);
  }
}

/* Writes a byte at a distance from an array's begin or end; true if the child that does so dies of it. */
static bool kills(const guarded *g, ptrdiff_t at)
{
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL); /* cmocka would carry on */
    ((volatile char *)g->array)[at] = 0;
    _exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void test_guards_see_the_bytes_around_an_array(void **state)
{
  (void)state;
  guarded g = {0};
  assert_true(guarded_map(&g, 100000));
  for (int at_end = 0; at_end < 2; at_end++) {
    char *array = guarded_place(&g, 100, at_end, 7);
    assert_non_null(array);
    assert_int_equal((uintptr_t)array % 64, 0);
    assert_int_equal(array[0] + array[99], 14);
    assert_true(guarded_intact(&g));
    array[99] = array[0] = 0;
    assert_true(guarded_intact(&g));
    array[100]++;
    assert_false(guarded_intact(&g));
    array[100]--;
    if (at_end) {
      array[-1]++;
      assert_false(guarded_intact(&g));
      array[-1]--;
    }
    assert_true(guarded_intact(&g));
    assert_true(kills(&g, at_end ? 128 : -1));
    assert_false(kills(&g, 99));
    guarded_lock(&g);
    assert_true(kills(&g, 99));
  }
  assert_null(guarded_place(&g, 1000000, false, 0));
  guarded_unmap(&g);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_copies_of_few_channels_are_refused),
      cmocka_unit_test(test_strides_over_the_image_are_refused),
      cmocka_unit_test(test_one_column_is_refused),
      cmocka_unit_test(test_strides_over_rows_are_refused),
      cmocka_unit_test(test_sums_of_odd_channels_are_refused),
      cmocka_unit_test(test_a_layer_runs_on_another_implementation),
      cmocka_unit_test(test_a_right_layer_has_no_faults),
      cmocka_unit_test(test_a_wrong_value_is_a_fault_of_its_pass),
      cmocka_unit_test(test_guards_see_the_bytes_around_an_array),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
