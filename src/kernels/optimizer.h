#ifndef LKS_KERNELS_OPTIMIZER_H
#define LKS_KERNELS_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

/* Element by element, in fp32, so the range may be split freely and every instruction set gives the same
 * bits. Local. */

/** Local. torch.optim.SGD: g += decay*w; v = momentum*v + g (v = g in the first step, first != 0); w -= lr *
 * (nesterov ? g + momentum*v : v). w, v [count] in/out, g in. With momentum 0, v is not touched and may be
 * NULL. All arithmetic in fp32. Returns whether all of w and v are finite. */
bool lks_sgd_update(float *w, float *v, const float *g, float lr, float momentum, float decay, bool nesterov,
                    bool first, size_t count);

/** Local. torch.optim.AdamW when decoupled (w *= 1 - lr*decay first), torch.optim.Adam (decay*w added to g)
 * otherwise: m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g^2; w -= lr/correction1 * m /
 * (sqrt(v)/sqrt(correction2) + epsilon). w, m, v [count] in/out, g in. correction1 = 1 - beta1^step,
 * correction2 = 1 - beta2^step, step counting from 1, best from the betas as fp32 has them, so that the
 * weights of the averages add up to 1. Returns whether all of w, m and v are finite. */
bool lks_adam_update(float *w, float *m, float *v, const float *g, float lr, float beta1, float beta2,
                     float epsilon, float decay, bool decoupled, double correction1, double correction2,
                     size_t count);

#endif
