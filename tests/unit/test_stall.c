#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/stall.h"

/* Who is missing when a node is silent: a limit of 10 seconds, and of 15 where it must be another node's rank. */

static const lks_silence working = {.seconds = 3}, silent = {.seconds = 11}, called = {3, true, false},
                         waiting = {.seconds = 11, .waits = true}, waiting_long = {16, true, false},
                         stopped_waiting = {.seconds = 11, .waits = true, .lost = true};

static lks_stall judge(size_t *who, size_t ranks, const lks_silence *silence)
{
  *who = 99;
  return lks_stall_judge(who, silence, ranks, 10, 15);
}

static void test_one_is_missing(void **state)
{
  (void)state;
  size_t who;
  assert_int_equal(judge(&who, 3, (const lks_silence[]){waiting, silent, waiting}), LKS_STALL_HERE);
  assert_int_equal(who, 1);
  assert_int_equal(judge(&who, 3, (const lks_silence[]){called, waiting, silent}), LKS_STALL_HERE);
  assert_int_equal(who, 2);
  assert_int_equal(judge(&who, 2, (const lks_silence[]){stopped_waiting, waiting}), LKS_STALL_HERE);
  assert_int_equal(who, 0);
}

static void test_nobody_waits_long(void **state)
{
  (void)state;
  size_t who;
  assert_int_equal(judge(&who, 2, (const lks_silence[]){silent, silent}), LKS_STALL_NONE);
  assert_int_equal(judge(&who, 2, (const lks_silence[]){silent, called}), LKS_STALL_NONE);
  assert_int_equal(judge(&who, 1, &silent), LKS_STALL_NONE);
}

/* While one works and shows it, the others wait with reason, however long. */
static void test_one_lives(void **state)
{
  (void)state;
  size_t who;
  assert_int_equal(judge(&who, 3, (const lks_silence[]){waiting_long, working, waiting_long}),
                   LKS_STALL_NONE);
  assert_int_equal(judge(&who, 3, (const lks_silence[]){silent, waiting_long, working}), LKS_STALL_NONE);
}

static void test_all_wait_for_others(void **state)
{
  (void)state;
  size_t who;
  assert_int_equal(judge(&who, 2, (const lks_silence[]){waiting_long, waiting}), LKS_STALL_NONE);
  assert_int_equal(judge(&who, 2, (const lks_silence[]){waiting_long, called}), LKS_STALL_NONE);
  assert_int_equal(judge(&who, 2, (const lks_silence[]){waiting_long, waiting_long}), LKS_STALL_ELSEWHERE);
  assert_int_equal(judge(&who, 1, &waiting_long), LKS_STALL_ELSEWHERE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_is_missing),
      cmocka_unit_test(test_nobody_waits_long),
      cmocka_unit_test(test_one_lives),
      cmocka_unit_test(test_all_wait_for_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
