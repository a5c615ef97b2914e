#ifndef LKS_KERNELS_GROUP_NORM_H
#define LKS_KERNELS_GROUP_NORM_H

#include "kernels/batch_norm.h"

/** Group norm: each sample by itself, over its pixels and the channels of a group; with one group it is layer norm
 * over all of a sample. y = gamma (x - mean)/sqrt(var + epsilon) + beta, gamma and beta by channel, var biased.
 * Sums are those of batch norm, of one sample, and then of the channels in order, in double: the bits depend on the
 * sample alone, and not on the instruction set. Sources: Wu & He 2018; Ba, Kiros & Hinton 2016. */
typedef struct lks_group_norm_shape {
  size_t pixels, channels, groups; /* groups divides channels */
  double epsilon;
  lks_type type;
} lks_group_norm_shape;

/** Room to work in, of one thread: form and coefficient by channel, coefficient [2*channels]; sums [4*channels]. */
typedef struct lks_group_norm_work {
  lks_batch_norm_form form;
  float *coefficient;
  double *sums;
} lks_group_norm_work;

/** Local. y [samples,pixels,channels] out, may be x; moments [samples,2*groups] out: mean and biased variance of each
 * group; x in; gamma, beta [channels] in. */
void lks_group_norm_forward(void *y, double *moments, const void *x, const float *gamma, const float *beta,
                            const lks_group_norm_shape *shape, size_t samples, lks_group_norm_work *work);

/** Local. dx [samples,pixels,channels] out, may be dy, or NULL; sums [2*channels] in/out, to which the sums over pixels
 * and samples of dy and then of dy x_hat are added; dy, x in; moments as the forward pass left them. */
void lks_group_norm_backward(void *dx, double *sums, const void *dy, const void *x, const double *moments,
                             const float *gamma, const lks_group_norm_shape *shape, size_t samples,
                             lks_group_norm_work *work);

#endif
