#ifndef LKS_NORM_NORM_SUMS_H
#define LKS_NORM_NORM_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/exact_sum.h"
#include "sums/batch_plan.h"

/* From the sums of segments to those of normalization batches, and from these to what batch norm needs. A set
 * is 2*channels accumulators: of x and x^2 forward, of dy and dy*x_hat backward. */

/** Where the sets of a plan's groups are. */
typedef struct lks_norm_sums {
  const lks_batch_plan *plan;
  size_t channels;
  int64_t *local;    /* [local_groups] sets; unused for groups that span ranks */
  int64_t *spanning; /* [spanning] sets, of groups that lie on several ranks: a message */
} lks_norm_sums;

/** Local. The set after `sets` others. */
static inline int64_t *lks_norm_sums_at(int64_t *first, size_t sets, size_t channels)
{
  return first + sets * 2 * channels * LKS_EXACT_LIMBS;
}

/** Local. The set of a local group. */
int64_t *lks_norm_sums_of(const lks_norm_sums *sums, size_t local_group);

/** Local. Adds segment_sums [segments, 2*channels] to the sets of their groups, and to `pooled`, the set of the
 * whole mini-batch, unless it is NULL. */
void lks_norm_sums_add(const lks_norm_sums *sums, int64_t *pooled, const double *segment_sums, int threads);

/** Local. moments [2*channels] out: means, then biased variances, of n values. */
void lks_norm_sums_moments(double *moments, const int64_t *set, size_t channels, double n);

/** Local. mean [2*channels] out: the sums divided by n. */
void lks_norm_sums_means(double *mean, const int64_t *set, size_t channels, double n);

/** Local. The gradients of beta and gamma, which are the sums of dy and of dy*x_hat. */
void lks_norm_sums_gradients(float *dgamma, float *dbeta, const int64_t *set, size_t channels);

#endif
