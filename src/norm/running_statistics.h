#ifndef LKS_NORM_RUNNING_STATISTICS_H
#define LKS_NORM_RUNNING_STATISTICS_H

#include <stddef.h>

#include "kernels/batch_norm.h"

/* Running mean and variance [channels], in fp32; moments [2*channels]: means, then biased variances, of n values. The
 * variance becomes unbiased on the way. */

/** Local. running = (1 - momentum)*running + momentum*batch. */
void lks_running_statistics_update(float *mean, float *variance, const double *moments, size_t channels,
                                   double n, double momentum);

/** Local. running = batch. */
void lks_running_statistics_set(float *mean, float *variance, const double *moments, size_t channels,
                                double n);

/** Local. The form that normalizes with them; moments is work space; gamma, beta may be NULL (1, 0). */
void lks_running_statistics_form(lks_batch_norm_form *form, double *moments, const float *mean,
                                 const float *variance, const float *gamma, const float *beta, double epsilon,
                                 size_t channels);

#endif
