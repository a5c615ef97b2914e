#ifndef LKS_KERNELS_LOSS_H
#define LKS_KERNELS_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/type.h"

/** Local. Softmax cross-entropy with label smoothing s: target = (1-s) one-hot + s/classes. loss [samples]
 * out, unscaled; correct [samples] out: 1 when the label has the largest logit (ties: the lowest class);
 * dlogits [samples,classes] out or NULL: weight * (softmax - target), weight = 1/(true samples of the
 * mini-batch); probability [samples,classes] out or NULL, fp32; logits [samples,classes], label [samples]
 * in, 0 <= label < classes. dlogits is of `type`. All in double by our own exp and log: the same bits on any
 * host. A logit that is not finite gives a loss that is not. */
void lks_softmax_cross_entropy(double *loss, uint8_t *correct, void *dlogits, float *probability,
                               const float *logits, const int32_t *label, double smoothing, double weight,
                               size_t samples, size_t classes, lks_type type);

/** Local. Log from multiplications, additions and one division, none fused: the same bits on any host, within
 * 2 ulp. log(0) = -inf, log of a negative number is NaN. */
double lks_log(double x);

#endif
