#include "lockstep/batch_norm.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/integers.h"
#include "base/life.h"
#include "comm/communicator.h"
#include "comm/same.h"
#include "norm/batch_norm_parts.h"
#include "norm/running_statistics.h"

/* A batch norm as an object: its options, its running statistics, its end. */

void lks_batch_norm_options_default(lks_batch_norm_options *options)
{
  *options = (lks_batch_norm_options){.epsilon = 1e-5,
                                      .momentum = 0.1,
                                      .group = LKS_BATCH_NORM_SYNC,
                                      .type = LKS_FP32,
                                      .microbatch = 1,
                                      .threads = 1};
}

static bool sized(const lks_batch_norm_options *options)
{
  return options->group == LKS_BATCH_NORM_SAMPLES || options->group == LKS_BATCH_NORM_RANKS;
}

static lks_status check_numbers(const lks_batch_norm_options *o, size_t channels)
{
  if (channels < 1 || channels > INT_MAX / (4 * LKS_EXACT_LIMBS))
    return lks_fail(LKS_ERR_USAGE, "batch norm: %zu channels; 1 to %d are possible", channels,
                    INT_MAX / (4 * LKS_EXACT_LIMBS));
  if (!(o->epsilon >= 0 && isfinite(o->epsilon)))
    return lks_fail(LKS_ERR_USAGE,
                    "batch norm: epsilon is %g; it is added to a variance and must be 0 or more", o->epsilon);
  if (!(o->momentum >= 0 && o->momentum <= 1))
    return lks_fail(LKS_ERR_USAGE, "batch norm: momentum is %g, which must be from 0 to 1", o->momentum);
  if (o->microbatch < 1 || o->microbatch > INT_MAX)
    return lks_fail(LKS_ERR_USAGE, "batch norm: microbatches of %zu samples; 1 to %d are possible",
                    o->microbatch, INT_MAX);
  if (o->threads < 0) return lks_fail(LKS_ERR_USAGE, "batch norm: %d threads", o->threads);
  return LKS_OK;
}

static lks_status check_choices(const lks_batch_norm_options *o)
{
  if (o->group < LKS_BATCH_NORM_SYNC || o->group > LKS_BATCH_NORM_NONE)
    return lks_fail(LKS_ERR_USAGE, "batch norm: group is %d, which is none of LKS_BATCH_NORM_SYNC to _NONE",
                    o->group);
  if (sized(o) ? o->group_size < 1 || o->group_size > INT_MAX : o->group_size != 0)
    return lks_fail(LKS_ERR_USAGE,
                    "batch norm: group_size is %zu; groups of samples or of ranks need 1 to %d, others 0",
                    o->group_size, INT_MAX);
  if (o->type != LKS_FP32 && o->type != LKS_BF16)
    return lks_fail(LKS_ERR_USAGE, "batch norm: type is %d, which is neither LKS_FP32 nor LKS_BF16", o->type);
  return LKS_OK;
}

static lks_status same_all(lks_comm *comm, const lks_batch_norm_options *o, size_t channels)
{
  char text[LKS_FACT_TEXT];
  lks_facts facts = {.count = 0};
  snprintf(text, sizeof text, "%zu channels", channels);
  lks_facts_add(&facts, "the channels of a batch norm", text);
  snprintf(text, sizeof text, "group %d of size %zu, microbatch %zu", o->group, o->group_size, o->microbatch);
  lks_facts_add(&facts, "the groups of a batch norm", text);
  snprintf(text, sizeof text, "epsilon %.9g, momentum %.9g, type %d, relu %d, own_gradients %d", o->epsilon,
           o->momentum, o->type, o->relu != 0, o->own_gradients != 0);
  lks_facts_add(&facts, "the options of a batch norm", text);
  return lks_comm_same_all(comm, &facts, "create it with the same arguments on every rank");
}

static lks_status allocate(lks_batch_norm *norm)
{
  const size_t channels = norm->channels, ranks = (size_t)lks_comm_size(norm->comm);
  const size_t set = 2 * channels * LKS_EXACT_LIMBS, message = set + LKS_EXACT_LIMBS;
  lks_status status = lks_arena_create(&norm->arena);
  if (status) return status;
  lks_arena *arena = norm->arena;
  lks_arena_reserve(arena, &norm->running_mean, channels, sizeof *norm->running_mean);
  lks_arena_reserve(arena, &norm->running_variance, channels, sizeof *norm->running_variance);
  lks_arena_reserve(arena, &norm->moments, 2 * channels, sizeof *norm->moments);
  lks_arena_reserve(arena, &norm->group_moments, 2 * channels, sizeof *norm->group_moments);
  lks_arena_reserve(arena, &norm->precise, set, sizeof *norm->precise);
  lks_arena_reserve(arena, &norm->group_message, message, sizeof *norm->group_message);
  lks_arena_reserve(arena, &norm->own, set, sizeof *norm->own);
  lks_arena_reserve(arena, &norm->shard_begin, ranks + 1, sizeof *norm->shard_begin);
  lks_arena_reserve(arena, &norm->shards, ranks, sizeof *norm->shards);
  status = lks_arena_commit(arena);
  for (size_t c = 0; c < channels && !status; c++) norm->running_variance[c] = 1;
  return status ? status : lks_norm_work_create(norm);
}

/* The communicator of the ranks that are normalized together. */
static lks_status join_group_all(lks_batch_norm *norm)
{
  const size_t size = lks_min(norm->options.group_size, (size_t)lks_comm_size(norm->comm));
  const int rank = lks_comm_rank(norm->comm);
  MPI_Comm group = MPI_COMM_NULL;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  const int code = MPI_Comm_split(lks_comm_handle(norm->comm), rank / (int)size, rank, &group);
  lks_life_go();
  lks_status status = lks_mpi_status(code, "MPI_Comm_split");
  if (status) return status;
  status = lks_comm_create_all(&norm->group, group);
  MPI_Comm_free(&group);
  return lks_comm_agree_all(norm->comm, status);
}

static lks_status prepare(lks_batch_norm *norm, lks_comm *comm, size_t channels,
                          const lks_batch_norm_options *options)
{
  if (!norm) return LKS_ERR_RANK;
  norm->comm = comm;
  norm->channels = channels;
  norm->options = *options;
  return allocate(norm);
}

lks_status lks_batch_norm_create_all(lks_batch_norm **norm, lks_comm *comm, size_t channels,
                                     const lks_batch_norm_options *options)
{
  lks_batch_norm_options used;
  lks_batch_norm_options_default(&used);
  if (options) used = *options;
  if (used.threads == 0) used.threads = omp_get_max_threads();
  *norm = NULL;
  lks_status status = same_all(comm, &used, channels);
  if (!status) status = check_numbers(&used, channels);
  if (!status) status = check_choices(&used);
  status = lks_comm_agree_all(comm, status);
  if (status) return status;
  lks_batch_norm *made = lks_new(1, sizeof *made);
  status = lks_comm_agree_all(comm, prepare(made, comm, channels, &used));
  if (!status && made && used.group == LKS_BATCH_NORM_RANKS) status = join_group_all(made);
  *norm = made;
  if (status) lks_batch_norm_destroy_all(norm);
  return status;
}

void lks_batch_norm_destroy_all(lks_batch_norm **norm)
{
  if (!*norm) return;
  lks_comm_destroy_all(&(*norm)->group);
  lks_norm_plans_free(*norm);
  lks_arena_destroy(&(*norm)->arena);
  lks_free(*norm);
  *norm = NULL;
}

void lks_batch_norm_get_running(const lks_batch_norm *norm, float *mean, float *variance, uint64_t *updates)
{
  const size_t bytes = norm->channels * sizeof *mean;
  if (mean) memcpy(mean, norm->running_mean, bytes);
  if (variance) memcpy(variance, norm->running_variance, bytes);
  if (updates) *updates = norm->updates;
}

void lks_batch_norm_set_running(lks_batch_norm *norm, const float *mean, const float *variance,
                                uint64_t updates)
{
  const size_t bytes = norm->channels * sizeof *mean;
  if (mean) memcpy(norm->running_mean, mean, bytes);
  if (variance) memcpy(norm->running_variance, variance, bytes);
  norm->updates = updates;
}

void lks_batch_norm_set_momentum(lks_batch_norm *norm, double momentum)
{
  norm->options.momentum = momentum;
}

void lks_batch_norm_get_moments(const lks_batch_norm *norm, double *mean, double *variance, double *n)
{
  const size_t bytes = norm->channels * sizeof *mean;
  if (mean) memcpy(mean, norm->moments, bytes);
  if (variance) memcpy(variance, norm->moments + norm->channels, bytes);
  if (n) *n = norm->values;
}

void lks_batch_norm_precise_begin(lks_batch_norm *norm)
{
  memset(norm->precise, 0, 2 * norm->channels * LKS_EXACT_LIMBS * sizeof *norm->precise);
  norm->precise_values = 0;
  norm->precise_on = true;
}

lks_status lks_batch_norm_precise_end(lks_batch_norm *norm)
{
  norm->precise_on = false;
  if (norm->precise_values < 1)
    return lks_fail(LKS_ERR_USAGE, "batch norm: there were no values to recompute the statistics from");
  lks_norm_sums_moments(norm->group_moments, norm->precise, norm->channels, norm->precise_values);
  lks_running_statistics_set(norm->running_mean, norm->running_variance, norm->group_moments, norm->channels,
                             norm->precise_values);
  return LKS_OK;
}
