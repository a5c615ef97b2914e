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

enum { NODES = 9, RANKS = 4 };

/* All nodes wait for a message that is lost. How many of them speak in the first nap in which one does, and which is the first
 * of these; at_start: as processes that do not know of each other. */
static int speak_first(int *first, bool staggered, bool at_start)
{
  int speak = 0;
  for (int naps = 0; !speak && naps < 1000; naps++) {
    for (int node = NODES - 1; node >= 0; node--) {
      const lks_silence one = {0.1 * naps, true, false};
      const lks_silence silence[RANKS] = {one, one, one, one};
      const int rank = staggered ? node * RANKS : 0;
      const double elsewhere =
          at_start ? lks_stall_patience_at_start(10, rank) : lks_stall_patience(10, rank, RANKS, false);
      size_t who;
      if (lks_stall_judge(&who, silence, at_start ? 1 : RANKS, 10, elsewhere) == LKS_STALL_NONE) continue;
      *first = node;
      speak++;
    }
  }
  return speak;
}

/* One node speaks, and the others' ranks are ended meanwhile; if nodes waited equally long, all would. */
static void test_nodes_speak_in_turn(void **state)
{
  (void)state;
  int first;
  for (int at_start = 0; at_start < 2; at_start++) {
    assert_int_equal(speak_first(&first, true, at_start), 1);
    assert_int_equal(first, 0);
    assert_int_equal(speak_first(&first, false, at_start), NODES);
  }
}

/* Behind the node that misses a rank of its own, which speaks at the limit, and all within half a minute of each other. */
static void test_patience(void **state)
{
  (void)state;
  const double first = lks_stall_patience(300, 0, 64, false);
  assert_true(first >= 303 && first <= 310);
  assert_true(lks_stall_patience(300, 64, 64, false) >= first + 0.3); /* naps of 0.1 tell them apart */
  assert_true(lks_stall_patience(300, 65, 64, false) == lks_stall_patience(300, 127, 64, false));
  assert_true(lks_stall_patience(300, 1000000, 64, false) <= first + 30);
  assert_true(lks_stall_patience(300, 0, 64, true) >= 3000);
  assert_true(lks_stall_patience_at_start(300, 0) >= 303);
  assert_true(lks_stall_patience_at_start(300, 1) >= lks_stall_patience_at_start(300, 0) + 3);
  assert_true(lks_stall_patience_at_start(300, 1000000) <= lks_stall_patience_at_start(300, 0) + 60);
  assert_true(lks_stall_patience_at_start(300, -1) == lks_stall_patience_at_start(300, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_is_missing),      cmocka_unit_test(test_nobody_waits_long),
      cmocka_unit_test(test_one_lives),           cmocka_unit_test(test_all_wait_for_others),
      cmocka_unit_test(test_nodes_speak_in_turn), cmocka_unit_test(test_patience),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
