/* Room for the blocks of every step: never too little, counted where that is quick, and hardly more where it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/sum_tier.h"
#include "sums/partition.h"

enum { BLOCKS = 1 << 17, MEMBERS = 1 << 16 };

static lks_tree_block block[BLOCKS];
static int member_blocks[MEMBERS];

/* What a step of so many leaves needs, leaf by leaf: blocks of all members, and the most of one of them (rank < 0) or of rank. */
static void need(size_t *total, size_t *own, const lks_sum_tier *tier, size_t leaves)
{
  *total = *own = 0;
  for (int member = 0; member < tier->size; member++) {
    const size_t from = (size_t)tier->first + (size_t)member * (size_t)tier->span;
    size_t at = lks_partition_begin(leaves, (size_t)tier->ranks, from), count = 0;
    const size_t end = lks_partition_begin(leaves, (size_t)tier->ranks, from + (size_t)tier->span);
    for (; at < end; count++) {
      size_t size = 1;
      while (at % (2 * size) == 0 && at + 2 * size <= end) size *= 2;
      at += size;
    }
    *total += count;
    if ((tier->rank < 0 || tier->rank == member) && count > *own) *own = count;
  }
}

static void check(int rank, int size, int ranks, int first, int span, size_t max_leaves, size_t step,
                  bool exact)
{
  lks_sum_tier tier = lks_sum_tier_make(rank, size, ranks, first, span, max_leaves);
  size_t most = 0, most_own = 0;
  tier.block = block;
  tier.member_blocks = member_blocks;
  for (size_t leaves = 1; leaves <= max_leaves; leaves += step) {
    size_t total, own;
    need(&total, &own, &tier, leaves);
    if (total <= BLOCKS) {
      lks_sum_tier_begin(&tier, leaves);
      assert_int_equal(tier.blocks, total);
    }
    most = total > most ? total : most;
    most_own = own > most_own ? own : most_own;
  }
  assert_true(tier.max_blocks >= most);
  assert_true(tier.max_own_blocks >= most_own);
  if (!exact) return;
  assert_int_equal(tier.max_blocks, most);
  assert_int_equal(tier.max_own_blocks, most_own);
}

static void test_counted(void **state)
{
  (void)state;
  for (int ranks = 1; ranks <= 12; ranks++)
    for (size_t leaves = 1; leaves <= 70; leaves += 3) {
      check(-1, ranks, ranks, 0, 1, leaves, 1, true);
      check(ranks - 1, ranks, ranks, 0, 1, leaves, 1, true);
    }
  check(1, 3, 12, 4, 1, 100, 1, true); /* the second node of three ranks, where there are four */
  check(-1, 4, 12, 0, 3, 100, 1, true);
}

/* As on machines that nobody has here: 65,536 ranks are bounded at once. */
static void test_bounded(void **state)
{
  (void)state;
  check(-1, 65536, 65536, 0, 1, 65536, 4001, false);
  check(-1, 65536, 65536, 0, 1, 100000, 9973, false);
  check(-1, 1024, 65536, 0, 64, 131072, 7919, false);
  check(5, 3, 3, 0, 1, 3000000, 399989, false);
  const lks_sum_tier tier = lks_sum_tier_make(-1, 65536, 65536, 0, 1, 65536);
  assert_int_equal(tier.max_own_blocks, 1);
  assert_int_equal(tier.max_blocks, 65536);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {cmocka_unit_test(test_counted), cmocka_unit_test(test_bounded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
