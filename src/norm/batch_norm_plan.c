#include <string.h>

#include "base/integers.h"
#include "norm/batch_norm_parts.h"

/* How the rows of a call fall into blocks and groups, and the memory that they take. */

enum { BLOCK_BYTES = 1 << 16, BLOCK_ROWS = 64, FEW = 8 };

/* Rows that are summed in one piece: a divisor of a microbatch's, so that blocks begin at the same rows however
 * microbatches are dealt out; of a size that stays in cache, and not so small that exact sums would take time. */
static size_t block_rows(size_t microbatch_rows, size_t channels, lks_type type)
{
  const size_t most = lks_max(BLOCK_ROWS, BLOCK_BYTES / (channels * lks_type_bytes(type)));
  if (microbatch_rows <= most) return microbatch_rows;
  size_t block = most;
  while (microbatch_rows % block != 0) block--;
  return block >= most / FEW ? block : microbatch_rows;
}

static lks_status reserve_work(lks_norm_work *work, size_t channels, size_t threads)
{
  const size_t set = 2 * channels * LKS_EXACT_LIMBS;
  lks_status status = lks_arena_create(&work->arena);
  if (status) return status;
  lks_arena_reserve(work->arena, &work->segment_sums, work->segments * 2 * channels,
                    sizeof *work->segment_sums);
  lks_arena_reserve(work->arena, &work->local, work->groups * set, sizeof *work->local);
  lks_arena_reserve(work->arena, &work->message, (work->spanning + 1) * set + LKS_EXACT_LIMBS,
                    sizeof *work->message);
  lks_arena_reserve(work->arena, &work->mean, work->groups * 2 * channels, sizeof *work->mean);
  lks_arena_reserve(work->arena, &work->form_values, work->groups * 5 * channels, sizeof *work->form_values);
  lks_arena_reserve(work->arena, &work->form, work->groups, sizeof *work->form);
  lks_arena_reserve(work->arena, &work->coefficient, threads * 2 * channels, sizeof *work->coefficient);
  return lks_arena_commit(work->arena);
}

/* Makes it as large; on failure it stays as it was. */
static lks_status grow_work(lks_batch_norm *norm, size_t segments, size_t groups, size_t spanning)
{
  const lks_norm_work *old = &norm->work;
  const size_t channels = norm->channels;
  if (old->arena && segments <= old->segments && groups <= old->groups && spanning <= old->spanning)
    return LKS_OK;
  lks_norm_work made = {.segments = lks_max(segments, old->segments),
                        .groups = lks_max(groups, old->groups),
                        .spanning = lks_max(spanning, old->spanning)};
  lks_status status = reserve_work(&made, channels, (size_t)norm->options.threads);
  if (status) {
    lks_arena_destroy(&made.arena);
    return status;
  }
  for (size_t g = 0; g < made.groups; g++) {
    float *values = made.form_values + g * 5 * channels;
    made.form[g] = (lks_batch_norm_form){.mean = values,
                                         .scale = values + channels,
                                         .shift = values + 2 * channels,
                                         .rstd = values + 3 * channels,
                                         .offset = values + 4 * channels};
  }
  lks_arena_destroy(&norm->work.arena);
  norm->work = made;
  return LKS_OK;
}

lks_status lks_norm_work_create(lks_batch_norm *norm)
{
  return grow_work(norm, 1, 1, 0);
}

static bool fits(const lks_kept_plan *kept, const lks_kept_plan *wanted)
{
  return kept->plan && kept->ranks == wanted->ranks && kept->block == wanted->block &&
         kept->group == wanted->group &&
         memcmp(kept->shard_begin, wanted->shard_begin, (wanted->ranks + 1) * sizeof *wanted->shard_begin) ==
             0;
}

static void forget(lks_kept_plan *kept)
{
  lks_batch_plan_destroy(&kept->plan);
  lks_free(kept->shard_begin);
  *kept = (lks_kept_plan){0};
}

void lks_norm_plans_free(lks_batch_norm *norm)
{
  for (int i = 0; i < LKS_KEPT_PLANS; i++) forget(&norm->kept[i]);
  lks_arena_destroy(&norm->work.arena);
}

/* Everything of a kept plan but its shards. */
static lks_status make_plan(lks_batch_norm *norm, lks_kept_plan *kept)
{
  const lks_norm group = {kept->group ? LKS_NORM_SIZE : LKS_NORM_SYNC, kept->group};
  const int rank = kept->ranks > 1 ? lks_comm_rank(norm->comm) : 0;
  if (!kept->shard_begin) return LKS_ERR_RANK;
  lks_status status =
      lks_batch_plan_of_shards(&kept->plan, kept->shard_begin, kept->block, group, (int)kept->ranks, rank);
  if (!status) status = grow_work(norm, kept->plan->segments, kept->plan->local_groups, kept->plan->spanning);
  return status;
}

/* In place of the oldest one. */
static lks_status keep_plan(lks_batch_norm *norm, const lks_kept_plan *wanted)
{
  lks_kept_plan *kept = &norm->kept[norm->next_kept++ % LKS_KEPT_PLANS];
  const size_t bytes = (wanted->ranks + 1) * sizeof *wanted->shard_begin;
  forget(kept);
  *kept = *wanted;
  kept->shard_begin = lks_new(wanted->ranks + 1, sizeof *wanted->shard_begin);
  if (kept->shard_begin) memcpy(kept->shard_begin, wanted->shard_begin, bytes);
  lks_status status = make_plan(norm, kept);
  norm->plan = kept->plan;
  if (status) {
    forget(kept);
    norm->plan = NULL;
  }
  return status;
}

/* For the shards in norm->shard_begin. *made: no such plan was kept. */
static lks_status find_plan(lks_batch_norm *norm, bool *made, size_t ranks, size_t pixels, size_t group)
{
  const lks_kept_plan wanted = {
      .shard_begin = norm->shard_begin,
      .ranks = ranks,
      .block = block_rows(norm->options.microbatch * pixels, norm->channels, (lks_type)norm->options.type),
      .group = group};
  norm->plan = NULL;
  for (int i = 0; i < LKS_KEPT_PLANS && !norm->plan; i++)
    if (fits(&norm->kept[i], &wanted)) norm->plan = norm->kept[i].plan;
  *made = norm->plan == NULL;
  return norm->plan ? LKS_OK : keep_plan(norm, &wanted);
}

/* From all ranks' shards to where each begins, in rows; *pixels: of all that have samples. */
static lks_status place_shards(lks_batch_norm *norm, size_t *pixels, const lks_norm_shard *shards)
{
  const int size = lks_comm_size(norm->comm);
  *pixels = 1;
  for (int r = 0, first = -1; r < size; r++) {
    if (shards[r].samples > 0 && first < 0) first = r;
    if (first >= 0 && shards[r].samples > 0 && shards[r].pixels != shards[first].pixels)
      return lks_fail(LKS_ERR_USAGE,
                      "batch norm in groups of samples: rank %d has %lld pixels a sample, rank %d has %lld",
                      first, (long long)shards[first].pixels, r, (long long)shards[r].pixels);
    if (first == r) *pixels = (size_t)shards[r].pixels;
  }
  for (int r = 0; r < size; r++)
    norm->shard_begin[r + 1] = norm->shard_begin[r] + (size_t)shards[r].samples * *pixels;
  return LKS_OK;
}

static lks_status gather_shards_all(lks_batch_norm *norm, lks_status status, size_t samples, size_t *pixels)
{
  const lks_norm_shard mine = {status ? 0 : (int64_t)samples, (int64_t)*pixels, status != LKS_OK};
  lks_norm_shard *shards = norm->shards;
  lks_status gathered = lks_comm_gather_all(norm->comm, shards, &mine, sizeof mine);
  if (gathered) return gathered;
  for (int r = 0; r < lks_comm_size(norm->comm); r++)
    if (shards[r].failed) return lks_comm_agree_all(norm->comm, status);
  return place_shards(norm, pixels, shards);
}

static lks_status plan_groups_all(lks_batch_norm *norm, lks_status status, size_t samples, size_t pixels)
{
  bool made;
  status = gather_shards_all(norm, status, samples, &pixels);
  if (status) return status;
  const size_t size = (size_t)lks_comm_size(norm->comm);
  status = find_plan(norm, &made, size, pixels, norm->options.group_size * pixels);
  if (made) status = lks_comm_agree_all(norm->comm, status); /* that it was made is known to all */
  if (!status && lks_batch_plan_smallest_group(norm->plan) == 1)
    status = lks_fail(
        LKS_ERR_USAGE,
        "batch norm: a group of samples has one value a channel, which has no variance; make groups larger than %zu, or use lks_batch_norm_forward_running",
        norm->options.group_size);
  return status;
}

lks_status lks_norm_plan_all(lks_batch_norm *norm, bool training, lks_status status, size_t samples,
                             size_t pixels)
{
  bool made;
  norm->shard_begin[0] = 0;
  if (training && norm->options.group == LKS_BATCH_NORM_SAMPLES)
    return plan_groups_all(norm, status, samples, pixels);
  norm->shard_begin[1] = samples * pixels;
  return status ? status : find_plan(norm, &made, 1, samples > 0 ? pixels : 1, 0);
}
