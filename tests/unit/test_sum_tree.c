#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "sums/sum_tree.h"

enum { MOST_LEAVES = 40, MOST_RUNS = 16, ELEMENTS = 19, STRIDE = 32, CANARY = 77 };

static float leaf[MOST_LEAVES][ELEMENTS];

static int draw_leaves(void **state)
{
  (void)state;
  lks_random_key key = lks_random_key_make(8, LKS_RANDOM_GENERATE, 0, 0, 0);
  lks_random_normal(&leaf[0][0], sizeof leaf / sizeof(float), &key);
  return 0;
}

/* The definition, by recursion. */
static void node_sum(float out[ELEMENTS], int height, size_t index, size_t total)
{
  float right[ELEMENTS];
  size_t half = height > 0 ? (size_t)1 << (height - 1) : 0;
  if (height == 0) {
    memcpy(out, leaf[index], sizeof leaf[index]);
    return;
  }
  node_sum(out, height - 1, 2 * index, total);
  if ((2 * index + 1) * half >= total) return;
  node_sum(right, height - 1, 2 * index + 1, total);
  for (size_t i = 0; i < ELEMENTS; i++) out[i] += right[i];
}

static void root_sum(float out[ELEMENTS], size_t total)
{
  int height = 0;
  while ((size_t)1 << height < total) height++;
  node_sum(out, height, 0, total);
}

typedef struct guarded_stack {
  lks_tree_stack stack;
  int capacity, most;
  float *workspace; /* capacity vectors and one of canaries */
} guarded_stack;

/* Vectors of workspace that summing the leaves [first, first+count) one after another needs at most. */
static int capacity_of(size_t first, size_t count)
{
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  int capacity = 0;
  for (size_t before = 0; before < count; before++) {
    int needed = lks_tree_blocks(block, first, before) + 1;
    if (needed > capacity) capacity = needed;
  }
  return capacity;
}

static void open_stack(guarded_stack *guarded, size_t first, size_t count)
{
  guarded->capacity = capacity_of(first, count);
  guarded->most = 0;
  guarded->workspace = lks_new(((size_t)guarded->capacity + 1) * STRIDE, sizeof(float));
  assert_non_null(guarded->workspace);
  for (size_t i = 0; i < STRIDE; i++) guarded->workspace[(size_t)guarded->capacity * STRIDE + i] = CANARY;
  lks_tree_stack_begin(&guarded->stack, guarded->workspace, ELEMENTS);
  assert_int_equal(guarded->stack.stride, STRIDE);
}

static void push_leaves(guarded_stack *guarded, size_t first, size_t count)
{
  for (size_t i = first; i < first + count; i++) {
    if (guarded->stack.count + 1 > guarded->most) guarded->most = guarded->stack.count + 1;
    memcpy(lks_tree_stack_top(&guarded->stack), leaf[i], sizeof leaf[i]);
    lks_tree_stack_push(&guarded->stack, 0, i);
  }
}

static void close_stack(guarded_stack *guarded)
{
  for (size_t i = 0; i < STRIDE; i++) {
    assert_true(guarded->workspace[(size_t)guarded->capacity * STRIDE + i] == CANARY);
  }
  lks_free(guarded->workspace);
}

/* The root when the leaves [cut[r], cut[r+1]) are summed on stacks of their own and then joined. */
static void root_of_runs(float out[ELEMENTS], const size_t *cut, int runs)
{
  guarded_stack whole, part;
  open_stack(&whole, 0, cut[runs]);
  for (int r = 0; r < runs; r++) {
    open_stack(&part, cut[r], cut[r + 1] - cut[r]);
    push_leaves(&part, cut[r], cut[r + 1] - cut[r]);
    lks_tree_stack_append(&whole.stack, &part.stack);
    close_stack(&part);
  }
  lks_tree_stack_root(out, &whole.stack);
  close_stack(&whole);
}

/* runs contiguous runs at random places, some of them empty. */
static void draw_cuts(size_t cut[MOST_RUNS + 1], int runs, size_t total, uint32_t trial)
{
  lks_random_key key = lks_random_key_make(9, LKS_RANDOM_GENERATE, (uint32_t)runs, trial, (uint32_t)total);
  cut[0] = 0;
  cut[runs] = total;
  for (int r = 1; r < runs; r++) cut[r] = (size_t)lks_random_below(&key, (uint32_t)r, total + 1);
  for (int r = 1; r < runs; r++) {
    for (int s = r; s > 1 && cut[s] < cut[s - 1]; s--) {
      size_t swapped = cut[s];
      cut[s] = cut[s - 1];
      cut[s - 1] = swapped;
    }
  }
}

static void test_root_is_the_same_for_any_split(void **state)
{
  (void)state;
  for (size_t total = 1; total <= MOST_LEAVES; total++) {
    float expected[ELEMENTS], root[ELEMENTS];
    root_sum(expected, total);
    for (size_t middle = 0; middle <= total; middle++) {
      root_of_runs(root, (size_t[]){0, middle, total}, 2);
      assert_memory_equal(root, expected, sizeof root);
    }
    for (int runs = 1; runs <= MOST_RUNS; runs++) {
      for (uint32_t trial = 0; trial < 20; trial++) {
        size_t cut[MOST_RUNS + 1];
        draw_cuts(cut, runs, total, trial);
        root_of_runs(root, cut, runs);
        assert_memory_equal(root, expected, sizeof root);
      }
    }
  }
}

/* Threads' stacks joined to a rank's, ranks' stacks joined to the whole. */
static void test_stacks_join_into_higher_blocks(void **state)
{
  (void)state;
  const size_t total = 37, cut[] = {0, 5, 6, 17, 17, 18, 30, 37}; /* two ranks: 4 and 3 threads */
  const int rank_begin[] = {0, 4, 7};
  guarded_stack whole, rank, thread;
  open_stack(&whole, 0, total);
  for (int r = 0; r < 2; r++) {
    size_t first = cut[rank_begin[r]], end = cut[rank_begin[r + 1]];
    open_stack(&rank, first, end - first);
    for (int t = rank_begin[r]; t < rank_begin[r + 1]; t++) {
      open_stack(&thread, cut[t], cut[t + 1] - cut[t]);
      push_leaves(&thread, cut[t], cut[t + 1] - cut[t]);
      lks_tree_stack_append(&rank.stack, &thread.stack);
      close_stack(&thread);
    }
    lks_tree_stack_append(&whole.stack, &rank.stack);
    close_stack(&rank);
  }
  float expected[ELEMENTS], root[ELEMENTS];
  root_sum(expected, total);
  lks_tree_stack_root(root, &whole.stack);
  assert_memory_equal(root, expected, sizeof root);
  close_stack(&whole);
}

/* Negative control: summing from left to right gives other bits. */
static void test_left_to_right_differs(void **state)
{
  (void)state;
  int differing = 0;
  for (size_t total = 4; total <= MOST_LEAVES; total++) {
    float expected[ELEMENTS], plain[ELEMENTS] = {0};
    root_sum(expected, total);
    for (size_t i = 0; i < total; i++) {
      for (size_t e = 0; e < ELEMENTS; e++) plain[e] += leaf[i][e];
    }
    differing += memcmp(plain, expected, sizeof plain) != 0;
  }
  assert_int_equal(differing, MOST_LEAVES - 3);
}

static void test_no_leaf_gives_zeros(void **state)
{
  (void)state;
  lks_tree_stack stack;
  float root[ELEMENTS + 1];
  memset(root, 1, sizeof root);
  root[ELEMENTS] = CANARY;
  lks_tree_stack_begin(&stack, NULL, ELEMENTS);
  lks_tree_stack_root(root, &stack);
  for (size_t i = 0; i < ELEMENTS; i++) assert_true(root[i] == 0);
  assert_true(root[ELEMENTS] == CANARY);
}

static bool inside(int height, size_t index, size_t first, size_t end)
{
  return index << height >= first && (index + 1) << height <= end;
}

/* Blocks against their definition: inside the run, their parents not; and equal to those of a stack. */
static void test_blocks_are_maximal_and_fit_the_capacity(void **state)
{
  (void)state;
  for (size_t first = 0; first <= MOST_LEAVES; first++) {
    for (size_t count = 0; first + count <= MOST_LEAVES; count++) {
      lks_tree_block block[LKS_TREE_MAX_BLOCKS], expected[LKS_TREE_MAX_BLOCKS] = {{0}};
      int expected_blocks = 0;
      for (size_t at = first; at < first + count; at++) {
        for (int height = 0; height < 7; height++) {
          if (at % ((size_t)1 << height) != 0) continue;
          if (!inside(height, at >> height, first, first + count)) continue;
          if (inside(height + 1, at >> (height + 1), first, first + count)) continue;
          expected[expected_blocks++] = (lks_tree_block){height, at >> height};
        }
      }
      guarded_stack guarded;
      open_stack(&guarded, first, count);
      push_leaves(&guarded, first, count);
      assert_int_equal(lks_tree_blocks(block, first, count), expected_blocks);
      assert_int_equal(guarded.stack.count, expected_blocks);
      for (int b = 0; b < expected_blocks; b++) {
        assert_true(block[b].height == expected[b].height && block[b].index == expected[b].index);
        assert_true(guarded.stack.block[b].height == block[b].height &&
                    guarded.stack.block[b].index == block[b].index);
      }
      assert_int_equal(guarded.most, guarded.capacity); /* enough, and no vector too many */
      close_stack(&guarded);
    }
  }
}

static void test_nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_root_is_the_same_for_any_split),
      cmocka_unit_test(test_stacks_join_into_higher_blocks),
      cmocka_unit_test(test_left_to_right_differs),
      cmocka_unit_test(test_no_leaf_gives_zeros),
      cmocka_unit_test(test_blocks_are_maximal_and_fit_the_capacity),
      cmocka_unit_test(test_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, draw_leaves, NULL);
}
