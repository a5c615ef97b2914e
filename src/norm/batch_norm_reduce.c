#include <string.h>

#include "norm/batch_norm_parts.h"

/* The reductions of a batch norm. The sums of a normalization batch are needed at once; those of the mini-batch, for
 * the running statistics and for the gradients of gamma and beta, travel with them, or, with groups of ranks, after
 * them, while y or dx is computed. */

static bool in_samples(const lks_batch_norm *norm)
{
  return norm->pass == LKS_NORM_TRAINING && norm->options.group == LKS_BATCH_NORM_SAMPLES;
}

/* Constant statistics, and gradients that are this rank's affair. */
static bool nothing_to_reduce(const lks_batch_norm *norm)
{
  return norm->pass == LKS_NORM_RUNNING && norm->options.own_gradients;
}

bool lks_norm_pooled_late(const lks_batch_norm *norm)
{
  return norm->pass == LKS_NORM_TRAINING && norm->options.group == LKS_BATCH_NORM_RANKS;
}

static size_t spanning(const lks_batch_norm *norm)
{
  return in_samples(norm) ? norm->plan->spanning : 0;
}

/* What is sent first. */
static int64_t *first_message(const lks_batch_norm *norm)
{
  return lks_norm_pooled_late(norm) ? norm->group_message : norm->work.message;
}

static lks_norm_sums sums_of(const lks_batch_norm *norm)
{
  return (lks_norm_sums){.plan = norm->plan,
                         .channels = norm->channels,
                         .local = in_samples(norm) ? norm->work.local : first_message(norm),
                         .spanning = lks_norm_facts(norm, norm->work.message) + LKS_EXACT_LIMBS};
}

int64_t *lks_norm_group_set(const lks_batch_norm *norm, size_t local_group)
{
  const lks_norm_sums sums = sums_of(norm);
  return lks_norm_sums_of(&sums, local_group);
}

double lks_norm_group_values(const lks_batch_norm *norm, size_t local_group)
{
  if (!in_samples(norm)) return (double)lks_norm_facts(norm, first_message(norm))[LKS_NORM_ROWS];
  const size_t *begin = norm->plan->group_begin + norm->plan->first_group + local_group;
  return (double)(begin[1] - begin[0]);
}

static size_t set_bytes(const lks_batch_norm *norm)
{
  return 2 * norm->channels * LKS_EXACT_LIMBS * sizeof(int64_t);
}

static void fill_message(lks_batch_norm *norm, lks_status status)
{
  int64_t *message = first_message(norm);
  int64_t *facts = lks_norm_facts(norm, message);
  memset(message, 0, (1 + spanning(norm)) * set_bytes(norm) + LKS_EXACT_LIMBS * sizeof *message);
  facts[LKS_NORM_FAULTS] = status != LKS_OK;
  if (status == LKS_OK) {
    const lks_norm_sums sums = sums_of(norm);
    facts[LKS_NORM_ROWS] = (int64_t)(norm->plan->end - norm->plan->begin);
    if (in_samples(norm)) memset(norm->work.local, 0, norm->plan->local_groups * set_bytes(norm));
    lks_norm_sums_add(&sums, in_samples(norm) ? message : NULL, norm->work.segment_sums,
                      norm->options.threads);
  }
  if (norm->options.own_gradients) memcpy(norm->own, message, set_bytes(norm));
}

lks_status lks_norm_reduce_all(lks_batch_norm *norm, lks_status status)
{
  const size_t accumulators = 2 * norm->channels + 1;
  int64_t *message = norm->work.message;
  fill_message(norm, status);
  if (nothing_to_reduce(norm)) return LKS_OK;
  if (!lks_norm_pooled_late(norm))
    return lks_comm_exact_sum_all(norm->comm, message, accumulators + spanning(norm) * 2 * norm->channels,
                                  LKS_TRAFFIC_NORM);
  memcpy(message, norm->group_message, set_bytes(norm) + LKS_EXACT_LIMBS * sizeof *message);
  lks_status reduced =
      lks_comm_exact_sum_all(norm->group, norm->group_message, accumulators, LKS_TRAFFIC_NORM);
  /* a group of one value is known to its ranks alone, until the next message */
  if (!reduced && lks_norm_group_values(norm, 0) == 1) lks_norm_facts(norm, message)[LKS_NORM_FAULTS] = 1;
  const lks_status started =
      lks_comm_exact_sum_start_all(norm->comm, message, accumulators, LKS_TRAFFIC_NORM);
  return lks_status_worse(reduced, started);
}

static lks_status lone(const lks_batch_norm *norm, double values)
{
  if (values != 1) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "batch norm: %s has one value a channel, which has no variance; give it more samples, or use lks_batch_norm_forward_running",
      norm->options.group == LKS_BATCH_NORM_RANKS ? "a group of ranks" : "the mini-batch");
}

/* Of the groups, as this rank knows it; groups of samples were looked at before. */
static lks_status check_groups(const lks_batch_norm *norm, lks_status status)
{
  const int group = norm->options.group;
  if (status || norm->pass != LKS_NORM_TRAINING || group == LKS_BATCH_NORM_NONE || in_samples(norm))
    return status;
  return lone(norm, lks_norm_group_values(norm, 0));
}

static lks_status check_finite(const lks_batch_norm *norm)
{
  const int64_t *limbs = norm->work.message;
  for (size_t c = 0; c < norm->channels; c++)
    if (lks_exact_sum_nonfinite(limbs + c * LKS_EXACT_LIMBS, 1) ||
        lks_exact_sum_nonfinite(limbs + (norm->channels + c) * LKS_EXACT_LIMBS, 1))
      return lks_fail(LKS_ERR_DIVERGED,
                      "batch norm: channel %zu has values that are not finite, or too large to be summed", c);
  return LKS_OK;
}

lks_status lks_norm_reduce_end_all(lks_batch_norm *norm, lks_status status)
{
  if (lks_norm_pooled_late(norm)) {
    const lks_status waited = lks_comm_wait_all(norm->comm, LKS_TRAFFIC_NORM);
    if (waited) return waited;
  }
  status = check_groups(norm, status);
  const bool failed = lks_norm_facts(norm, norm->work.message)[LKS_NORM_FAULTS] != 0;
  if (failed && !nothing_to_reduce(norm)) return lks_comm_agree_all(norm->comm, status);
  return status ? status : check_finite(norm);
}
