#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "bench/bench_cost.h"
#include "statistics/statistics.h"

static void test_members_quotes_and_numbers(void **state)
{
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  lks_json json = {.out = open_memstream(&text, &bytes)};
  lks_json_open(&json, NULL, '{');
  lks_json_text(&json, "a \"b\"", "c\\d\n");
  lks_json_open(&json, "list", '[');
  lks_json_number(&json, NULL, 0.1);
  lks_json_number(&json, NULL, NAN);
  lks_json_close(&json);
  lks_json_open(&json, "empty", '{');
  lks_json_close(&json);
  lks_json_close(&json);
  fclose(json.out);
  assert_string_equal(text, "{\n \"a \\\"b\\\"\": \"c\\\\d\\u000a\",\n \"list\": [\n  0.1,\n  null],\n"
                            " \"empty\": {}}\n");
  free(text);
}

static void test_quantiles(void **state)
{
  (void)state;
  double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
  assert_true(lks_quantile(odd, 3, 0.5) == 3 && odd[0] == 1 && odd[2] == 5);
  assert_true(lks_quantile(even, 4, 0.5) == 2.5 && lks_quantile(even, 4, 0.25) == 1.75);
  assert_true(lks_quantile(even, 4, 1) == 4 && lks_quantile(odd, 1, 0.5) == 1);
  assert_true(isnan(lks_quantile(odd, 0, 0.5)));
}

/* A convolution of 8 channels on 4x4 pixels of 3, then a batch norm with its relu, counted by hand. */
static void test_costs(void **state)
{
  (void)state;
  lks_model *model;
  lks_stages *stages;
  const char *source = "conv 8 3x3\nbatchnorm\nrelu\ndense classes\n";
  assert_int_equal(lks_model_parse(&model, source, "test", (lks_shape){4, 4, 3}, 5, false), LKS_OK);
  assert_int_equal(lks_stages_create(&stages, model, 2, LKS_FP32, (lks_frozen){NULL, false}), LKS_OK);
  assert_int_equal(stages->ops, 4);
  lks_op_cost conv = lks_op_cost_of(stages, 1, LKS_WORK_WEIGHTS, 4, 1);
  assert_true(conv.flops == 2.0 * 16 * 8 * 27 && conv.bytes == 4.0 * 16 * (3 + 8));
  assert_true(lks_op_cost_of(stages, 1, LKS_WORK_BACKWARD, 4, 1).flops == 0); /* nobody wants it */
  assert_true(lks_op_cost_of(stages, 2, LKS_WORK_FORWARD, 2, 1).bytes == 2.0 * 2 * 16 * 8);
  assert_true(lks_op_cost_of(stages, 2, LKS_WORK_SUMS, 4, 1).bytes == 4.0 * 16 * 8);
  assert_true(lks_op_cost_of(stages, 2, LKS_WORK_BACKWARD, 4, 1).bytes == 4.0 * 4 * 16 * 8);
  assert_true(lks_op_cost_of(stages, 0, LKS_WORK_FORWARD, 4, 1).bytes == 5.0 * 16 * 3);
  assert_true(lks_op_cost_of(stages, 3, LKS_WORK_BACKWARD, 4, 1).flops == 2.0 * 128 * 5);
  lks_stages_destroy(&stages);
  lks_model_destroy(&model);
}

/* As above, with a pool in the batch norm: it gives a quarter, and keeps a value and a byte of each. */
static void test_costs_of_a_pool(void **state)
{
  (void)state;
  lks_model *model;
  lks_stages *stages;
  const char *source = "conv 8 1x1\nconv 8 3x3\nbatchnorm\nrelu\nmaxpool 2x2\ndense classes\n";
  const double in = 16 * 8, out = 4 * 8;
  assert_int_equal(lks_model_parse(&model, source, "test", (lks_shape){4, 4, 3}, 5, false), LKS_OK);
  assert_int_equal(lks_stages_create(&stages, model, 2, LKS_FP32, (lks_frozen){NULL, false}), LKS_OK);
  assert_int_equal(stages->ops, 5);
  assert_int_equal(stages->op[3].elements, 4 * 8);
  assert_true(lks_op_cost_of(stages, 3, LKS_WORK_FORWARD, 4, 1).bytes == 4 * (in + 2 * out) + out);
  assert_true(lks_op_cost_of(stages, 3, LKS_WORK_SUMS, 4, 1).bytes == 4 * in);
  assert_true(lks_op_cost_of(stages, 3, LKS_WORK_BACKWARD, 2, 1).bytes == 2 * 4 * out);
  assert_true(lks_op_cost_of(stages, 3, LKS_WORK_DX, 2, 1).bytes == 2 * (2 * in + out) + out);
  lks_stages_destroy(&stages);
  lks_model_destroy(&model);
}

/* Windows that overlap or hang over the edge, averages, sums in between, and inputs that others want too. */
static void test_pools_that_stay_apart(void **state)
{
  (void)state;
  static const char *const sources[] = {
      "conv 8 3x3\nbatchnorm\nmaxpool 2x2 stride=1\ndense classes\n",
      "conv 8 3x3\nbatchnorm\nmaxpool 2x2 pad=1\ndense classes\n",
      "conv 8 3x3\nbatchnorm\navgpool 2x2\ndense classes\n",
      "conv 8 3x3\nresidual a\nbatchnorm\nend\nmaxpool 2x2\ndense classes\n",
      "conv 8 3x3\nbatchnorm\nresidual a\nmaxpool 1x1\nend\ndense classes\n",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    lks_model *model;
    lks_stages *stages;
    assert_int_equal(lks_model_parse(&model, sources[i], "test", (lks_shape){4, 4, 3}, 5, false), LKS_OK);
    assert_int_equal(lks_stages_create(&stages, model, 2, LKS_FP32, (lks_frozen){NULL, false}), LKS_OK);
    assert_int_equal(stages->units[LKS_OP_POOL], 1);
    for (int o = 0; o < stages->ops; o++) assert_null(stages->op[o].pool);
    lks_stages_destroy(&stages);
    lks_model_destroy(&model);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_members_quotes_and_numbers),
      cmocka_unit_test(test_quantiles),
      cmocka_unit_test(test_costs),
      cmocka_unit_test(test_costs_of_a_pool),
      cmocka_unit_test(test_pools_that_stay_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
