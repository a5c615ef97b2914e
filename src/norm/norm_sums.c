#include "norm/norm_sums.h"

int64_t *lks_norm_sums_of(const lks_norm_sums *sums, size_t local_group)
{
  const size_t slot = sums->plan->local_spans[local_group];
  if (slot == SIZE_MAX) return lks_norm_sums_at(sums->local, local_group, sums->channels);
  return lks_norm_sums_at(sums->spanning, slot, sums->channels);
}

/* Channels are independent of each other, so threads may take any of them. */
void lks_norm_sums_add(const lks_norm_sums *sums, int64_t *pooled, const double *segment_sums, int threads)
{
  const lks_batch_plan *plan = sums->plan;
  const size_t columns = 2 * sums->channels;
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (size_t c = 0; c < columns; c++) {
    for (size_t s = 0; s < plan->segments; s++) {
      const size_t local_group = plan->segment[s].group - plan->first_group;
      const double value = segment_sums[s * columns + c];
      lks_exact_sum_add(lks_norm_sums_of(sums, local_group) + c * LKS_EXACT_LIMBS, value);
      if (pooled) lks_exact_sum_add(pooled + c * LKS_EXACT_LIMBS, value);
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
