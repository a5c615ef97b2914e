#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dataset/window_order.h"
#include "lockstep/memory.h"
#include "support/naive_random.h"

enum { MOST = 400 };

/* Chunks with a chosen sample, in the order that chance gives, windows of them, and the samples of each in an order by chance:
 * written down again from its description, without any of the program. */
static size_t naive_order(uint32_t *order, size_t *end, const lks_window_options *o, size_t epoch)
{
  bool chosen[MOST] = {false};
  uint32_t chunk[MOST], turn[MOST];
  size_t chunks = 0, done = 0, windows = 0;
  for (size_t i = 0; i < o->count; i++) chosen[o->subset ? o->subset[i] : i] = true;
  for (size_t c = 0; c * o->chunk < MOST; c++) {
    bool any = false;
    for (size_t i = c * o->chunk; i < (c + 1) * o->chunk && i < MOST; i++) any = any || chosen[i];
    if (any) chunk[chunks++] = (uint32_t)c;
  }
  naive_random_order(turn, chunks, (naive_key){o->seed, NAIVE_WINDOW, 0, (uint32_t)epoch, 0});
  for (size_t t = 0; t < chunks;) {
    bool mine[MOST] = {false};
    uint32_t member[MOST], places[MOST];
    size_t members = 0;
    for (; t < chunks && members < o->window; t++)
      for (size_t i = chunk[turn[t]] * o->chunk; i < (chunk[turn[t]] + 1) * o->chunk && i < MOST; i++)
        if (chosen[i]) mine[i] = true, members++;
    members = 0;
    for (uint32_t i = 0; i < MOST; i++)
      if (mine[i]) member[members++] = i;
    naive_random_order(places, members,
                       (naive_key){o->seed, NAIVE_SHUFFLE, 0, (uint32_t)epoch, (uint32_t)windows});
    for (size_t i = 0; i < members; i++) order[done++] = member[places[i]];
    end[windows++] = done;
  }
  return windows;
}

static bool all_there(const uint32_t *sample, const lks_window_options *o)
{
  size_t seen[MOST] = {0};
  for (size_t i = 0; i < o->count; i++) seen[sample[i]]++;
  for (size_t i = 0; i < o->count; i++) seen[o->subset ? o->subset[i] : i]--;
  for (size_t i = 0; i < MOST; i++)
    if (seen[i] != 0) return false;
  return true;
}

static void check_against_naive(const lks_window_options *o)
{
  lks_window_planner *planner = NULL;
  assert_int_equal(lks_window_planner_create(&planner, o), LKS_OK);
  const size_t most = lks_window_planner_most(planner);
  static const size_t epochs[] = {0, 1, 7, 70000, 1};
  for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++) {
    uint32_t naive[MOST];
    size_t end[MOST];
    const long made = lks_allocations_made();
    const lks_window_order order = lks_window_planner_order(planner, epochs[e]);
    assert_int_equal(lks_allocations_made(), made);
    assert_int_equal(naive_order(naive, end, o, epochs[e]), order.windows);
    assert_memory_equal(naive, order.sample, o->count * sizeof *naive);
    assert_memory_equal(end, order.end, order.windows * sizeof *end);
    assert_true(all_there(order.sample, o));
    for (size_t w = 0; w < order.windows; w++) {
      const size_t samples = order.end[w] - (w ? order.end[w - 1] : 0);
      assert_true(samples <= most && (samples >= o->window || w + 1 == order.windows));
    }
  }
  lks_window_planner_destroy(&planner);
  assert_null(planner);
}

static size_t every(uint32_t *subset, size_t nth, size_t upto)
{
  size_t count = 0;
  for (uint32_t i = 0; i < upto; i++)
    if (i * 2654435761u % 97 < 97 / nth && i % 90 < 60) subset[count++] = i;
  return count;
}

static void test_shuffled_as_described(void **state)
{
  (void)state;
  static const size_t chunks[] = {1, 7, 32, 100, 1000}, windows[] = {1, 2, 40, 90, 250, 399, 5000, SIZE_MAX};
  for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++)
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
      uint32_t subset[MOST];
      lks_window_options o = {.count = 331 + c, .chunk = chunks[c], .window = windows[w], .shuffled = true};
      o.seed = (uint64_t)w << 40 | c;
      check_against_naive(&o);
      o.subset = subset;
      o.count = every(subset, w + 1, MOST - c);
      check_against_naive(&o);
      o.count = 1;
      check_against_naive(&o);
    }
}

/* A window that holds all is no window: the shuffle that there is without. */
static void test_one_window_is_the_whole_shuffle(void **state)
{
  (void)state;
  uint32_t subset[MOST], naive[MOST];
  const size_t count = every(subset, 3, MOST);
  for (size_t window = count; window < count + 3; window++) {
    lks_window_planner *planner = NULL;
    const lks_window_options o = {
        .count = count, .subset = subset, .chunk = 16, .window = window, .shuffled = true, .seed = 11};
    assert_int_equal(lks_window_planner_create(&planner, &o), LKS_OK);
    const lks_window_order order = lks_window_planner_order(planner, 5);
    naive_random_order(naive, count, (naive_key){11, NAIVE_SHUFFLE, 0, 5, 0});
    assert_int_equal(order.windows, 1);
    for (size_t i = 0; i < count; i++) assert_int_equal(order.sample[i], subset[naive[i]]);
    lks_window_planner_destroy(&planner);
  }
}

static bool differs(const lks_window_options *a, const lks_window_options *b, size_t epoch)
{
  lks_window_planner *one = NULL, *other = NULL;
  assert_int_equal(lks_window_planner_create(&one, a), LKS_OK);
  assert_int_equal(lks_window_planner_create(&other, b), LKS_OK);
  const uint32_t *x = lks_window_planner_order(one, 0).sample,
                 *y = lks_window_planner_order(other, epoch).sample;
  const bool is = memcmp(x, y, a->count * sizeof *x) != 0;
  lks_window_planner_destroy(&one);
  lks_window_planner_destroy(&other);
  return is;
}

static void test_every_part_matters(void **state)
{
  (void)state;
  const lks_window_options o = {.count = 300, .chunk = 16, .window = 64, .shuffled = true, .seed = 3};
  lks_window_options seed = o, chunk = o, window = o;
  seed.seed = 4;
  chunk.chunk = 15;
  window.window = 80;
  assert_false(differs(&o, &o, 0));
  assert_true(differs(&o, &o, 1));
  assert_true(differs(&o, &seed, 0));
  assert_true(differs(&o, &chunk, 0));
  assert_true(differs(&o, &window, 0));
}

static void check_cut(const lks_window_options *o, bool ascending)
{
  lks_window_planner *planner = NULL;
  assert_int_equal(lks_window_planner_create(&planner, o), LKS_OK);
  const lks_window_order order = lks_window_planner_order(planner, 2);
  assert_int_equal(order.end[order.windows - 1], o->count);
  for (size_t i = 0; i < o->count; i++) assert_int_equal(order.sample[i], o->subset ? o->subset[i] : i);
  for (size_t w = 0, begin = 0; w < order.windows; begin = order.end[w++]) {
    const size_t end = order.end[w], samples = end - begin;
    assert_true(samples >= 1 && samples <= o->most && samples <= lks_window_planner_most(planner));
    if (w + 1 == order.windows || samples == o->most) continue;
    assert_true(ascending && samples >= o->portion && samples < o->portion + o->chunk);
    assert_int_not_equal(order.sample[end - 1] / o->chunk, order.sample[end] / o->chunk);
  }
  lks_window_planner_destroy(&planner);
}

/* In the order given, cut at the ends of chunks where it is ascending, and never larger than there is room for. */
static void test_stored_order_is_cut(void **state)
{
  (void)state;
  uint32_t subset[MOST];
  const size_t count = every(subset, 2, MOST);
  static const size_t chunks[] = {1, 16, 500}, portions[] = {1, 20, 100};
  for (size_t c = 0; c < 3; c++)
    for (size_t p = 0; p < 3; p++) {
      lks_window_options o = {.count = 317, .chunk = chunks[c], .portion = portions[p], .most = 119};
      check_cut(&o, true);
      o.subset = subset, o.count = count;
      check_cut(&o, true);
      uint32_t mixed[MOST];
      for (size_t i = 0; i < MOST; i++) mixed[i] = (uint32_t)(i * 37 % 101);
      o.subset = mixed, o.count = MOST;
      check_cut(&o, false);
    }
}

static void test_refuses_to_shuffle_what_is_not_ascending(void **state)
{
  (void)state;
  static const uint32_t twice[] = {1, 2, 2}, back[] = {2, 1, 3};
  lks_window_planner *planner = NULL;
  lks_window_options o = {.count = 3, .subset = twice, .chunk = 2, .window = 2, .shuffled = true};
  assert_int_equal(lks_window_planner_create(&planner, &o), LKS_ERR_USAGE);
  assert_null(planner);
  o.subset = back;
  assert_int_equal(lks_window_planner_create(&planner, &o), LKS_ERR_USAGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shuffled_as_described),
      cmocka_unit_test(test_one_window_is_the_whole_shuffle),
      cmocka_unit_test(test_every_part_matters),
      cmocka_unit_test(test_stored_order_is_cut),
      cmocka_unit_test(test_refuses_to_shuffle_what_is_not_ascending),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
