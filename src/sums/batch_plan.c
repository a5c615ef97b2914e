#include "sums/batch_plan.h"

#include <stdint.h>

#include "base/arena.h"
#include "base/integers.h"
#include "sums/partition.h"

typedef struct owned_plan {
  lks_batch_plan plan; /* first: callers hold a pointer to it */
  lks_arena *arena;
  const size_t *shards; /* [size+1] where they begin, while the plan is being made; NULL: dealt out evenly */
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

static size_t shard_begin(const owned_plan *owned, size_t rank, size_t size)
{
  const lks_batch_plan *plan = &owned->plan;
  return owned->shards ? owned->shards[rank]
                       : sample_begin(plan, lks_partition_begin(plan->microbatches, size, rank));
}

/* Shards are contiguous: a group spans ranks when one of them begins inside of it. */
static void list_spanning(owned_plan *owned, size_t size)
{
  lks_batch_plan *plan = &owned->plan;
  for (size_t g = 0, rank = 0; g < plan->groups; g++) {
    const size_t begin = plan->group_begin[g], end = plan->group_begin[g + 1];
    while (rank < size && shard_begin(owned, rank, size) <= begin) rank++;
    if (rank < size && shard_begin(owned, rank, size) < end) plan->spanning_group[plan->spanning++] = g;
  }
}

static void list_local(lks_batch_plan *plan)
{
  const size_t begin = plan->begin, end = plan->end;
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
    const size_t begin = plan->begin + i * plan->microbatch,
                 end = lks_min(begin + plan->microbatch, plan->end);
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

static lks_status begin_plan(owned_plan **owned, size_t samples, size_t microbatch, lks_norm norm)
{
  *owned = NULL;
  if (microbatch == 0 || (norm.kind != LKS_NORM_NONE && norm.size == 0))
    return lks_fail(LKS_ERR_USAGE, "a microbatch and a normalization batch need at least one sample");
  *owned = lks_new(1, sizeof **owned);
  if (!*owned) return LKS_ERR_RANK;
  (*owned)->plan.samples = samples;
  (*owned)->plan.microbatch = microbatch;
  return LKS_OK;
}

/* The lists, of a plan that knows its shard. */
static lks_status end_plan(owned_plan *owned, lks_norm norm, size_t size)
{
  lks_batch_plan *plan = &owned->plan;
  plan->groups = count_groups(plan, norm);
  lks_status status = reserve_lists(owned);
  if (status) return status;
  place_groups(plan, norm);
  join_lone_sample(plan);
  list_spanning(owned, size);
  list_local(plan);
  cut_segments(plan);
  owned->shards = NULL;
  return LKS_OK;
}

lks_status lks_batch_plan_create(lks_batch_plan **plan, size_t samples, size_t microbatch, lks_norm norm,
                                 int size, int rank)
{
  owned_plan *owned;
  norm = reduced(norm, (size_t)size);
  lks_status status = begin_plan(&owned, samples, microbatch, norm);
  *plan = owned ? &owned->plan : NULL;
  if (status || !owned) return status;
  lks_batch_plan *made = &owned->plan;
  made->microbatches = lks_divide_up(samples, microbatch);
  made->first = lks_partition_begin(made->microbatches, (size_t)size, (size_t)rank);
  made->count = lks_partition_begin(made->microbatches, (size_t)size, (size_t)rank + 1) - made->first;
  made->begin = sample_begin(made, made->first);
  made->end = sample_begin(made, made->first + made->count);
  status = end_plan(owned, norm, (size_t)size);
  if (status) lks_batch_plan_destroy(plan);
  return status;
}

lks_status lks_batch_plan_of_shards(lks_batch_plan **plan, const size_t *shard_begin, size_t microbatch,
                                    lks_norm norm, int size, int rank)
{
  owned_plan *owned;
  norm = reduced(norm, (size_t)size);
  lks_status status = begin_plan(&owned, shard_begin[size], microbatch, norm);
  *plan = owned ? &owned->plan : NULL;
  if (status || !owned) return status;
  lks_batch_plan *made = &owned->plan;
  owned->shards = shard_begin;
  for (int r = 0; r < size; r++) {
    const size_t count = lks_divide_up(shard_begin[r + 1] - shard_begin[r], microbatch);
    if (r < rank) made->first += count;
    if (r == rank) made->count = count;
    made->microbatches += count;
  }
  made->begin = shard_begin[rank];
  made->end = shard_begin[rank + 1];
  status = end_plan(owned, norm, (size_t)size);
  if (status) lks_batch_plan_destroy(plan);
  return status;
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
  return lks_min(plan->microbatch, plan->end - plan->begin - i * plan->microbatch);
}

size_t lks_batch_plan_smallest_group(const lks_batch_plan *plan)
{
  size_t smallest = plan->groups > 0 ? plan->samples : 0;
  for (size_t g = 0; g < plan->groups; g++) {
    smallest = lks_min(smallest, plan->group_begin[g + 1] - plan->group_begin[g]);
  }
  return smallest;
}
