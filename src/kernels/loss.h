#ifndef LKS_KERNELS_LOSS_H
#define LKS_KERNELS_LOSS_H

#include <stddef.h>
#include <stdint.h>

/** Softmax cross-entropy with label smoothing s: target = (1-s) one-hot + s/classes.
 *  loss [samples] out, double, unscaled; correct [samples] out: 1 when the label has the largest logit (ties:
 * lowest class); dlogits [samples,classes] out or NULL: weight * (softmax - target), weight = 1/(true samples
 * of the mini-batch); logits [samples,classes], label [samples] in, 0 <= label < classes. exp and log are our
 * own: same bits on any host. probability [samples,classes] out or NULL. A logit that is not finite gives a
 * loss that is not finite. */
void lks_softmax_cross_entropy(double *loss, uint8_t *correct, float *dlogits, float *probability,
                               const float *logits, const int32_t *label, double smoothing, double weight,
                               size_t samples, size_t classes);

/** exp and log in double from multiplications and additions alone (no fused ones), within 2 ulp; exp(-inf)=0.
 */
double lks_exp(double x);
double lks_log(double x);

#endif
