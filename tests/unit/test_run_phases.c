/* How many ranks each run gets, from how long steps take: against schedules that are worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compare/ranks_per_run.h"
#include "lockstep/status.h"

static void test_makespan(void **state)
{
  (void)state;
  const double cost[] = {5, 4, 3, 3, 1};
  assert_true(lks_makespan(cost, 5, 1) == 16);
  assert_true(lks_makespan(cost, 5, 2) == 8); /* 5, 3 and 4, 3, 1 */
  assert_true(lks_makespan(cost, 5, 3) == 6); /* 5; 4, 1; 3, 3: the last one goes to the first that is free */
  assert_true(lks_makespan(cost, 5, 9) == 5);
  assert_true(lks_makespan(cost, 0, 2) == 0);
}

static void expect(const lks_run_phases *got, size_t phases, int teams, size_t count, int then, size_t rest)
{
  assert_int_equal(got->phases, phases);
  assert_int_equal(got->phase[0].teams, teams);
  assert_int_equal(got->phase[0].count, count);
  if (phases < 2) return;
  assert_int_equal(got->phase[1].teams, then);
  assert_int_equal(got->phase[1].count, rest);
}

static void test_plan(void **state)
{
  (void)state;
  double equal[17];
  for (int i = 0; i < 17; i++) equal[i] = 10;
  /* Eight ranks: a step takes 1.6 by all of them and 8 by one, instead of 12.8. */
  const lks_split_speed speed[] = {{1, 1.6}, {8, 8}, {4, 4.4}, {2, 2.6}};
  lks_run_phases plan = lks_run_phases_plan(equal, 16, speed, 4);
  expect(&plan, 1, 8, 16, 0, 0);
  /* One run more: not by one rank, while seven have nothing to do. */
  plan = lks_run_phases_plan(equal, 17, speed, 4);
  expect(&plan, 2, 8, 16, 1, 1);
  plan = lks_run_phases_plan(equal, 10, speed, 4);
  expect(&plan, 2, 8, 8, 2, 2);
  plan = lks_run_phases_plan(equal, 1, speed, 4);
  expect(&plan, 1, 1, 1, 0, 0);
  /* Nothing was measured, or nothing is faster: as ever. */
  plan = lks_run_phases_plan(equal, 16, speed, 1);
  expect(&plan, 1, 1, 16, 0, 0);
  const lks_split_speed slow[] = {{1, 1}, {8, 9}};
  plan = lks_run_phases_plan(equal, 16, slow, 2);
  expect(&plan, 1, 1, 16, 0, 0);
}

/* One long run among short ones decides. */
static void test_uneven(void **state)
{
  (void)state;
  const double work[] = {100, 1, 1, 1, 1};
  const lks_split_speed speed[] = {{1, 1}, {4, 3}};
  lks_run_phases plan = lks_run_phases_plan(work, 5, speed, 2);
  expect(&plan, 1, 1, 5, 0, 0); /* 104, not 300 */
}

static void test_parsed(void **state)
{
  (void)state;
  static const char *const bad[] = {"", "0", "-1", "two", "2x", "9", " 1", "1.5", "99999999999999999999"};
  size_t ranks = 7;
  assert_int_equal(lks_ranks_per_run_parse(&ranks, "auto", 8), LKS_OK);
  assert_int_equal(ranks, 0);
  assert_int_equal(lks_ranks_per_run_parse(&ranks, "8", 8), LKS_OK);
  assert_int_equal(ranks, 8);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(lks_ranks_per_run_parse(&ranks, bad[i], 8), LKS_ERR_USAGE);
    assert_non_null(strstr(lks_message(), "--ranks-per-run"));
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_makespan), cmocka_unit_test(test_plan),
                                            cmocka_unit_test(test_uneven), cmocka_unit_test(test_parsed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
