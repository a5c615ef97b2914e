#include "sums/batch_plan.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/integers.h"
#include "sums/partition.h"

typedef struct owned_plan {
  lks_batch_plan plan; /* first: callers hold a pointer to it */
  lks_arena *arena;
} owned_plan;

/* The first sample of a microbatch; of the one behind the last: the end. */
static size_t sample_begin(const lks_batch_plan *plan, size_t microbatch)
{
  return microbatch < plan->microbatches ? microbatch * plan->microbatch : plan->samples;
}

/* The whole mini-batch is the shard of one rank, and a run's own shards are those of as many ranks as it has:
 * SIZE, RANKS and NONE are left. */
static lks_norm reduced(lks_norm norm, size_t size)
{
  if (norm.kind == LKS_NORM_SYNC) return (lks_norm){LKS_NORM_RANKS, 1};
  if (norm.kind == LKS_NORM_RANK) return (lks_norm){LKS_NORM_RANKS, size};
  return norm;
}

static size_t count_groups(const lks_batch_plan *plan, lks_norm norm)
{
  if (norm.kind == LKS_NORM_NONE) return 0;
  if (norm.kind == LKS_NORM_SIZE) return lks_divide_up(plan->samples, norm.size);
  return lks_min(norm.size, plan->microbatches); /* larger shards come first, empty ones last */
}

static void place_groups(lks_batch_plan *plan, lks_norm norm)
{
  for (size_t g = 0; g < plan->groups; g++) {
    plan->group_begin[g] = norm.kind == LKS_NORM_SIZE
                               ? g * norm.size
                               : sample_begin(plan, lks_partition_begin(plan->microbatches, norm.size, g));
  }
  plan->group_begin[plan->groups] = plan->groups > 0 ? plan->samples : 0;
}

/* One sample would be normalized to a constant. Groups that are all of one sample are meant to be, and stay. */
static void join_lone_sample(lks_batch_plan *plan)
{
  const size_t g = plan->groups, *begin = plan->group_begin;
  if (g < 2 || begin[g] - begin[g - 1] > 1 || begin[g - 1] - begin[g - 2] == 1) return;
  plan->group_begin[--plan->groups] = plan->samples;
  plan->joined = true;
}

static size_t rank_of_sample(const lks_batch_plan *plan, size_t sample, size_t size)
{
  return lks_partition_owner(plan->microbatches, size, sample / plan->microbatch);
}

/* Shards are contiguous: a group spans ranks when its first and last sample lie on different ones. */
static void list_spanning(lks_batch_plan *plan, size_t size)
{
  for (size_t g = 0; g < plan->groups; g++) {
    size_t first = plan->group_begin[g], last = plan->group_begin[g + 1] - 1;
    if (rank_of_sample(plan, first, size) != rank_of_sample(plan, last, size)) {
      plan->spanning_group[plan->spanning++] = g;
    }
  }
}

static void list_local(lks_batch_plan *plan)
{
  size_t begin = sample_begin(plan, plan->first), end = sample_begin(plan, plan->first + plan->count);
  if (begin == end || plan->groups == 0) return;
  while (plan->group_begin[plan->first_group + 1] <= begin) plan->first_group++;
  for (size_t g = plan->first_group, slot = 0; g < plan->groups && plan->group_begin[g] < end; g++) {
    while (slot < plan->spanning && plan->spanning_group[slot] < g) slot++;
    bool spans = slot < plan->spanning && plan->spanning_group[slot] == g;
    plan->local_spans[plan->local_groups++] = spans ? slot : SIZE_MAX;
  }
}

static void cut_segments(lks_batch_plan *plan)
{
  size_t group = plan->first_group;
  for (size_t i = 0; i < plan->count; i++) {
    size_t begin = sample_begin(plan, plan->first + i), end = sample_begin(plan, plan->first + i + 1);
    plan->segment_begin[i] = plan->segments;
    for (size_t at = begin, stop; at < end; at = stop) {
      if (plan->groups > 0 && plan->group_begin[group + 1] == at) group++;
      stop = plan->groups > 0 ? lks_min(end, plan->group_begin[group + 1]) : end;
      plan->segment[plan->segments++] = (lks_segment){i, at - begin, stop - at, group};
    }
  }
  plan->segment_begin[plan->count] = plan->segments;
}

/* Reserves at most what is used: a segment begins with a microbatch or with a group. */
static lks_status reserve_lists(owned_plan *owned)
{
  lks_batch_plan *plan = &owned->plan;
  lks_status status = lks_arena_create(&owned->arena);
  if (status) return status;
  lks_arena_reserve(owned->arena, &plan->group_begin, plan->groups + 1, sizeof *plan->group_begin);
  lks_arena_reserve(owned->arena, &plan->spanning_group, plan->groups, sizeof *plan->spanning_group);
  lks_arena_reserve(owned->arena, &plan->local_spans, plan->groups, sizeof *plan->local_spans);
  lks_arena_reserve(owned->arena, &plan->segment, plan->count + plan->groups, sizeof *plan->segment);
  lks_arena_reserve(owned->arena, &plan->segment_begin, plan->count + 1, sizeof *plan->segment_begin);
  return lks_arena_commit(owned->arena);
}

lks_status lks_batch_plan_create(lks_batch_plan **plan, size_t samples, size_t microbatch, lks_norm norm,
                                 int size, int rank)
{
  *plan = NULL;
  norm = reduced(norm, (size_t)size);
  if (microbatch == 0 || (norm.kind != LKS_NORM_NONE && norm.size == 0)) {
    return lks_fail(LKS_ERR_USAGE, "a microbatch and a normalization batch need at least one sample");
  }
  owned_plan *owned = lks_new(1, sizeof *owned);
  if (!owned) return LKS_ERR_RANK;
  lks_batch_plan *made = &owned->plan;
  made->samples = samples;
  made->microbatch = microbatch;
  made->microbatches = lks_divide_up(samples, microbatch);
  made->first = lks_partition_begin(made->microbatches, (size_t)size, (size_t)rank);
  made->count = lks_partition_begin(made->microbatches, (size_t)size, (size_t)rank + 1) - made->first;
  made->groups = count_groups(made, norm);
  *plan = made;
  lks_status status = reserve_lists(owned);
  if (status) {
    lks_batch_plan_destroy(plan);
    return status;
  }
  place_groups(made, norm);
  join_lone_sample(made);
  list_spanning(made, (size_t)size);
  list_local(made);
  cut_segments(made);
  return LKS_OK;
}

void lks_batch_plan_destroy(lks_batch_plan **plan)
{
  if (!*plan) return;
  owned_plan *owned = (owned_plan *)*plan;
  lks_arena_destroy(&owned->arena);
  lks_free(owned);
  *plan = NULL;
}

size_t lks_batch_plan_samples(const lks_batch_plan *plan, size_t i)
{
  return sample_begin(plan, plan->first + i + 1) - sample_begin(plan, plan->first + i);
}

size_t lks_batch_plan_smallest_group(const lks_batch_plan *plan)
{
  size_t smallest = plan->groups > 0 ? plan->samples : 0;
  for (size_t g = 0; g < plan->groups; g++) {
    smallest = lks_min(smallest, plan->group_begin[g + 1] - plan->group_begin[g]);
  }
  return smallest;
}
