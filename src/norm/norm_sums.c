#include "norm/norm_sums.h"

#include "base/integers.h"

int64_t *lks_norm_sums_of(const lks_norm_sums *sums, size_t local_group)
{
  const size_t slot = sums->plan->local_spans[local_group];
  if (slot == SIZE_MAX) return lks_norm_sums_at(sums->local, local_group, sums->channels);
  return lks_norm_sums_at(sums->spanning, slot, sums->channels);
}

enum { LINE = 8 }; /* doubles of a cache line */

/* Sums are exact, so the order is free: columns of one cache line together, all segments one after the other. */
void lks_norm_sums_add(const lks_norm_sums *sums, int64_t *pooled, const double *segment_sums, int threads)
{
  const lks_batch_plan *plan = sums->plan;
  const size_t columns = 2 * sums->channels;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (size_t first = 0; first < columns; first += LINE) {
    const size_t end = lks_min(first + LINE, columns);
    for (size_t s = 0; s < plan->segments; s++) {
      int64_t *set = lks_norm_sums_of(sums, plan->segment[s].group - plan->first_group);
      for (size_t c = first; c < end; c++) {
        lks_exact_sum_add(set + c * LKS_EXACT_LIMBS, segment_sums[s * columns + c]);
        if (pooled) lks_exact_sum_add(pooled + c * LKS_EXACT_LIMBS, segment_sums[s * columns + c]);
      }
    }
  }
}

void lks_norm_sums_moments(double *moments, const int64_t *set, size_t channels, double n)
{
  for (size_t c = 0; c < channels; c++)
    lks_exact_moments(&moments[c], &moments[channels + c], set + c * LKS_EXACT_LIMBS,
                      set + (channels + c) * LKS_EXACT_LIMBS, n);
}

void lks_norm_sums_means(double *mean, const int64_t *set, size_t channels, double n)
{
  for (size_t c = 0; c < 2 * channels; c++) mean[c] = lks_exact_sum_value(set + c * LKS_EXACT_LIMBS) / n;
}

void lks_norm_sums_gradients(float *dgamma, float *dbeta, const int64_t *set, size_t channels)
{
  for (size_t c = 0; c < channels; c++) {
    dbeta[c] = (float)lks_exact_sum_value(set + c * LKS_EXACT_LIMBS);
    dgamma[c] = (float)lks_exact_sum_value(set + (channels + c) * LKS_EXACT_LIMBS);
  }
}
