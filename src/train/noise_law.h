#ifndef LKS_TRAIN_NOISE_LAW_H
#define LKS_TRAIN_NOISE_LAW_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** What one batch norm gets to normalize, over a population of samples. Arrays are [channels] or [samples, channels]. z is a
 * value in units of its channel's deviation from the channel's mean. */
typedef struct lks_noise_law {
  size_t samples, channels;
  const double *variance;     /* of the values, biased; a channel of hardly any is left out */
  double epsilon;             /* of batch norm */
  const float *mean, *square; /* [samples, channels]: of z and of z^2 over the pixels of a sample */
  const double *probe_mean, *probe_square; /* the same over all values of the probe samples */
} lks_noise_law;

/** Local. Which sample of a population of `samples` the i-th of a drawn mini-batch of m is: with replacement. */
size_t lks_noise_draw(uint64_t seed, size_t m, size_t draw, size_t i, size_t samples);

/** Local. How many mini-batches of m are drawn: enough for `drawn` samples, and at least 300. */
size_t lks_noise_draws(size_t drawn, size_t m);

/** Local. Whether the channel varies, so that epsilon is next to nothing beside its variance. */
static inline int lks_noise_varies(double variance, double epsilon)
{
  return variance > 100 * epsilon;
}

/** Local. *noise: variance over the draws of a probe's normalized value (x - mean)/sqrt(var + epsilon), mean and variance being
 * those of the drawn mini-batch; averaged over probes and channels, NaN if none varies. The same bits at any number of
 * threads. */
lks_status lks_noise_isolated(double *noise, const lks_noise_law *law, uint64_t seed, size_t m, size_t draws,
                              int threads);

/** Local. The same to first order in 1/m: (Var(mean) + z^2 Var(square)/4 + z Cov(mean, square))/m, variances over the samples; for
 * one value a sample that is (1 + z^2 (kurtosis - 1)/4 + z skewness)/m. */
double lks_noise_theory(const lks_noise_law *law, size_t m);

#endif
