#ifndef LKS_KERNELS_OPTIMIZER_H
#define LKS_KERNELS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

/** torch.optim.SGD: g += decay*w; v = momentum*v + g (v = g in the first step, first != 0); w -= lr * (nesterov ? g + momentum*v : v).
 *  w, v [count] in/out, g in. With momentum 0, v is not touched and may be NULL. All arithmetic in fp32. */
void lks_sgd_update(float *w, float *v, const float *g, float lr, float momentum, float decay, bool nesterov, bool first,
                    size_t count);

/** torch.optim.AdamW when decoupled, torch.optim.Adam (decay added to g) otherwise; step counts from 1.
 *  w, m, v [count] in/out. bias corrections are computed in double by repeated multiplication-free powers of the caller:
 *  correction1 = 1 - beta1^step, correction2 = 1 - beta2^step. */
void lks_adam_update(float *w, float *m, float *v, const float *g, float lr, float beta1, float beta2, float epsilon,
                     float decay, bool decoupled, double correction1, double correction2, size_t count);

#endif
