#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "sums/batch_plan.h"
#include "sums/partition.h"

enum { MOST_SAMPLES = 33, MOST_RANKS = 9, NOBODY = 1000 };

/* The naive twin: what each sample of the mini-batch belongs to. */
typedef struct twin {
  size_t samples, groups;
  bool joined; /* the last sample, to the group before it */
  size_t microbatch_of[MOST_SAMPLES], rank_of[MOST_SAMPLES], group_of[MOST_SAMPLES];
} twin;

/* Hands items out one by one: as many to each part as it is due, the first parts one more. */
static size_t part_of(size_t item, size_t items, size_t parts)
{
  for (size_t part = 0, at = 0; part < parts; part++) {
    size_t due = items / parts + (part < items % parts ? 1 : 0);
    for (size_t i = 0; i < due; i++, at++) {
      if (at == item) return part;
    }
  }
  return NOBODY;
}

static void draw_twin(twin *t, size_t samples, size_t microbatch, lks_norm norm, size_t size)
{
  size_t microbatches = 0;
  while (microbatches * microbatch < samples) microbatches++;
  *t = (twin){.samples = samples};
  for (size_t s = 0; s < samples; s++) {
    t->microbatch_of[s] = s / microbatch;
    t->rank_of[s] = part_of(s / microbatch, microbatches, size);
    switch (norm.kind) {
    case LKS_NORM_SIZE: t->group_of[s] = s / norm.size; break;
    case LKS_NORM_RANKS: t->group_of[s] = part_of(s / microbatch, microbatches, norm.size); break;
    case LKS_NORM_RANK: t->group_of[s] = t->rank_of[s]; break;
    default: t->group_of[s] = 0;
    }
    if (norm.kind != LKS_NORM_NONE) t->groups = t->group_of[s] + 1;
  }
  /* alone, behind two that are together */
  const size_t *group = t->group_of + samples;
  t->joined = samples > 2 && norm.kind != LKS_NORM_NONE && group[-1] != group[-2] && group[-2] == group[-3];
  if (t->joined) t->group_of[samples - 1] = --t->groups - 1;
}

static size_t count_spanning(const twin *t, size_t group)
{
  size_t ranks = 0;
  for (size_t s = 0, last = NOBODY; s < t->samples; s++) {
    if (t->group_of[s] != group) continue;
    ranks += t->rank_of[s] != last;
    last = t->rank_of[s];
  }
  return ranks > 1;
}

static void check_groups(const lks_batch_plan *plan, const twin *t)
{
  size_t slot = 0, smallest = t->groups > 0 ? t->samples : 0;
  assert_int_equal(plan->groups, t->groups);
  assert_int_equal(plan->joined, t->joined);
  for (size_t g = 0; g < t->groups; g++) {
    size_t begin = plan->group_begin[g], end = plan->group_begin[g + 1];
    assert_true(begin < end && end <= t->samples);
    for (size_t s = begin; s < end; s++) assert_int_equal(t->group_of[s], g);
    if (end - begin < smallest) smallest = end - begin;
    if (count_spanning(t, g) == 0) continue;
    assert_true(slot < plan->spanning);
    assert_int_equal(plan->spanning_group[slot++], g);
  }
  assert_int_equal(plan->spanning, slot);
  assert_int_equal(plan->group_begin[t->groups], t->groups > 0 ? t->samples : 0);
  assert_int_equal(lks_batch_plan_smallest_group(plan), smallest);
}

static void check_local_groups(const lks_batch_plan *plan, const twin *t, size_t rank)
{
  size_t local = 0;
  for (size_t g = 0; g < t->groups; g++) {
    size_t mine = 0;
    for (size_t s = 0; s < t->samples; s++) mine += t->rank_of[s] == rank && t->group_of[s] == g;
    if (mine == 0) continue;
    assert_true(local < plan->local_groups);
    assert_int_equal(plan->first_group + local, g);
    size_t slot = plan->local_spans[local++];
    if (count_spanning(t, g) == 0) {
      assert_true(slot == SIZE_MAX);
    } else {
      assert_true(slot < plan->spanning);
      assert_int_equal(plan->spanning_group[slot], g);
    }
  }
  assert_int_equal(plan->local_groups, local);
}

/* Each sample of this rank in exactly one segment, in order; and no two segments that could be one. */
static size_t check_segments(const lks_batch_plan *plan, const twin *t, size_t rank)
{
  size_t first = 0, seen = 0;
  while (first < t->samples && t->rank_of[first] != rank) first++;
  for (size_t i = 0; i < plan->count; i++) {
    size_t held = 0;
    assert_true(plan->segment_begin[i] < plan->segment_begin[i + 1]);
    for (size_t k = plan->segment_begin[i]; k < plan->segment_begin[i + 1]; k++) {
      const lks_segment *segment = &plan->segment[k];
      assert_int_equal(segment->microbatch, i);
      assert_int_equal(segment->offset, held);
      assert_true(segment->samples > 0);
      assert_true(k == plan->segment_begin[i] || segment[-1].group != segment->group);
      for (size_t s = 0; s < segment->samples; s++, seen++, held++) {
        assert_int_equal(t->rank_of[first + seen], rank);
        assert_int_equal(t->microbatch_of[first + seen], plan->first + i);
        assert_int_equal(t->group_of[first + seen], segment->group);
      }
    }
    assert_int_equal(lks_batch_plan_samples(plan, i), held);
  }
  assert_int_equal(plan->segment_begin[plan->count], plan->segments);
  return seen;
}

static void check(size_t samples, size_t microbatch, lks_norm norm, size_t size)
{
  twin t;
  size_t seen = 0;
  draw_twin(&t, samples, microbatch, norm, size);
  for (size_t rank = 0; rank < size; rank++) {
    lks_batch_plan *plan = NULL;
    assert_int_equal(lks_batch_plan_create(&plan, samples, microbatch, norm, (int)size, (int)rank), LKS_OK);
    assert_int_equal(plan->samples, samples);
    assert_int_equal(plan->microbatch, microbatch);
    check_groups(plan, &t);
    check_local_groups(plan, &t, rank);
    seen += check_segments(plan, &t, rank);
    lks_batch_plan_destroy(&plan);
    assert_null(plan);
  }
  assert_int_equal(seen, samples);
}

static void test_plan_equals_its_twin(void **state)
{
  (void)state;
  static const size_t microbatches[] = {1, 2, 3, 4, 5, 8, 40};
  for (size_t samples = 0; samples <= MOST_SAMPLES; samples += samples < 9 ? 1 : 4) {
    for (size_t m = 0; m < sizeof microbatches / sizeof microbatches[0]; m++) {
      for (size_t size = 1; size <= 7; size++) {
        check(samples, microbatches[m], (lks_norm){LKS_NORM_SYNC, 0}, size);
        check(samples, microbatches[m], (lks_norm){LKS_NORM_RANK, 0}, size);
        check(samples, microbatches[m], (lks_norm){LKS_NORM_NONE, 0}, size);
        for (size_t k = 1; k <= 9; k++) {
          check(samples, microbatches[m], (lks_norm){LKS_NORM_SIZE, k}, size);
          check(samples, microbatches[m], (lks_norm){LKS_NORM_RANKS, k}, size);
        }
      }
    }
  }
}

/* Shards of any size: every one of a few ranks has from none to all of what is left. */
static void draw_shards(size_t shard_begin[MOST_RANKS + 1], size_t samples, size_t size, size_t number)
{
  shard_begin[0] = 0;
  for (size_t r = 1; r < size; r++, number /= 5) {
    const size_t left = samples - shard_begin[r - 1];
    shard_begin[r] = shard_begin[r - 1] + left * (number % 5) / 4;
  }
  shard_begin[size] = samples;
}

static void draw_twin_of_shards(twin *t, const size_t *shard_begin, size_t microbatch, lks_norm norm,
                                size_t size)
{
  size_t begun = 0; /* microbatches of the ranks before */
  draw_twin(t, shard_begin[size], microbatch, norm, 1);
  for (size_t r = 0; r < size; r++) {
    for (size_t s = shard_begin[r]; s < shard_begin[r + 1]; s++) {
      t->rank_of[s] = r;
      t->microbatch_of[s] = begun + (s - shard_begin[r]) / microbatch;
    }
    if (shard_begin[r + 1] > shard_begin[r]) begun = t->microbatch_of[shard_begin[r + 1] - 1] + 1;
  }
}

static void check_shards(const size_t *shard_begin, size_t microbatch, lks_norm norm, size_t size)
{
  twin t;
  size_t seen = 0;
  draw_twin_of_shards(&t, shard_begin, microbatch, norm, size);
  for (size_t rank = 0; rank < size; rank++) {
    lks_batch_plan *plan = NULL;
    assert_int_equal(lks_batch_plan_of_shards(&plan, shard_begin, microbatch, norm, (int)size, (int)rank),
                     LKS_OK);
    check_groups(plan, &t);
    check_local_groups(plan, &t, rank);
    seen += check_segments(plan, &t, rank);
    assert_int_equal(plan->begin, shard_begin[rank]);
    assert_int_equal(plan->end, shard_begin[rank + 1]);
    lks_batch_plan_destroy(&plan);
  }
  assert_int_equal(seen, shard_begin[size]);
}

static void test_plan_of_shards_equals_its_twin(void **state)
{
  (void)state;
  size_t shard_begin[MOST_RANKS + 1];
  for (size_t samples = 0; samples <= MOST_SAMPLES; samples += samples < 9 ? 1 : 4) {
    for (size_t number = 0; number < 5 * 5 * 5; number++) {
      for (size_t size = 1; size <= 4; size++) {
        draw_shards(shard_begin, samples, size, number);
        check_shards(shard_begin, 1 + number % 6, (lks_norm){LKS_NORM_SYNC, 0}, size);
        for (size_t k = 1; k <= 9; k += 2)
          check_shards(shard_begin, 1 + number % 6, (lks_norm){LKS_NORM_SIZE, k}, size);
      }
    }
  }
}

/* Groups may not depend on the rank count, but with `rank` they do: the negative control. */
static void test_only_rank_depends_on_the_rank_count(void **state)
{
  (void)state;
  static const lks_norm norms[] = {
      {LKS_NORM_SYNC, 0}, {LKS_NORM_SIZE, 5}, {LKS_NORM_RANKS, 3}, {LKS_NORM_RANK, 0}};
  for (size_t i = 0; i < sizeof norms / sizeof norms[0]; i++) {
    lks_batch_plan *one, *four;
    assert_int_equal(lks_batch_plan_create(&one, 32, 4, norms[i], 1, 0), LKS_OK);
    assert_int_equal(lks_batch_plan_create(&four, 32, 4, norms[i], 4, 2), LKS_OK);
    if (norms[i].kind == LKS_NORM_RANK) {
      assert_int_not_equal(one->groups, four->groups);
    } else {
      assert_int_equal(one->groups, four->groups);
      assert_memory_equal(one->group_begin, four->group_begin, (one->groups + 1) * sizeof(size_t));
    }
    lks_batch_plan_destroy(&one);
    lks_batch_plan_destroy(&four);
  }
}

/* In every mode; not where each group is of one sample by intention. */
static void test_a_lone_last_sample_joins(void **state)
{
  (void)state;
  static const struct {
    lks_norm norm;
    int ranks;
    size_t groups;
  } cases[] = {{{LKS_NORM_SIZE, 4}, 1, 7}, {{LKS_NORM_SIZE, 28}, 3, 1}, {{LKS_NORM_RANKS, 4}, 2, 3},
               {{LKS_NORM_RANK, 0}, 4, 3}, {{LKS_NORM_SYNC, 0}, 4, 1},  {{LKS_NORM_SIZE, 1}, 2, 29},
               {{LKS_NORM_SIZE, 5}, 2, 6}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lks_batch_plan *plan;
    const size_t microbatch = cases[i].norm.kind == LKS_NORM_SIZE ? 8 : 7; /* 3 of 7 and one of 1 sample */
    assert_int_equal(
        lks_batch_plan_create(&plan, microbatch == 7 ? 22 : 29, microbatch, cases[i].norm, cases[i].ranks, 0),
        LKS_OK);
    assert_int_equal(plan->groups, cases[i].groups);
    lks_batch_plan_destroy(&plan);
  }
}

static void test_partition(void **state)
{
  (void)state;
  for (size_t items = 0; items <= MOST_SAMPLES; items++) {
    for (size_t parts = 1; parts <= MOST_RANKS; parts++) {
      assert_int_equal(lks_partition_begin(items, parts, 0), 0);
      assert_int_equal(lks_partition_begin(items, parts, parts), items);
      for (size_t item = 0; item < items; item++) {
        size_t part = part_of(item, items, parts);
        assert_int_equal(lks_partition_owner(items, parts, item), part);
        assert_true(lks_partition_begin(items, parts, part) <= item);
        assert_true(item < lks_partition_begin(items, parts, part + 1));
      }
    }
  }
}

static void test_bad_sizes_are_refused(void **state)
{
  (void)state;
  lks_batch_plan *plan;
  assert_int_equal(lks_batch_plan_create(&plan, 8, 0, (lks_norm){LKS_NORM_SYNC, 0}, 1, 0), LKS_ERR_USAGE);
  assert_null(plan);
  assert_int_equal(lks_batch_plan_create(&plan, 8, 2, (lks_norm){LKS_NORM_SIZE, 0}, 1, 0), LKS_ERR_USAGE);
  assert_null(plan);
  lks_batch_plan_destroy(&plan);
}

static void test_nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_plan_equals_its_twin),
      cmocka_unit_test(test_plan_of_shards_equals_its_twin),
      cmocka_unit_test(test_only_rank_depends_on_the_rank_count),
      cmocka_unit_test(test_a_lone_last_sample_joins),
      cmocka_unit_test(test_partition),
      cmocka_unit_test(test_bad_sizes_are_refused),
      cmocka_unit_test(test_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
