#include <math.h>

#include "kernels/vector/table.h"

/* x - x is 0 where x is finite and NaN elsewhere: the sum of these tells, in any order. */

static bool sgd_update(float *w, float *v, const float *g, float lr, float momentum, float decay,
                       bool nesterov, bool first, size_t count)
{
  float doubt = 0;
  if (momentum == 0) {
#pragma omp simd reduction(+ : doubt)
    for (size_t i = 0; i < count; i++) {
      w[i] -= lr * (g[i] + decay * w[i]);
      doubt += w[i] - w[i];
    }
    return doubt == 0;
  }
#pragma omp simd reduction(+ : doubt)
  for (size_t i = 0; i < count; i++) {
    const float slope = g[i] + decay * w[i];
    const float old = momentum * v[i];
    const float velocity = first ? slope : old + slope;
    const float ahead = slope + momentum * velocity;
    v[i] = velocity;
    w[i] -= lr * (nesterov ? ahead : velocity);
    doubt += (v[i] - v[i]) + (w[i] - w[i]);
  }
  return doubt == 0;
}

static bool adam_update(float *w, float *m, float *v, const float *g, float step, float root, float beta1,
                        float beta2, float epsilon, float decay, float shrink, size_t count)
{
  float doubt = 0;
#pragma omp simd reduction(+ : doubt)
  for (size_t i = 0; i < count; i++) {
    const float slope = g[i] + decay * w[i];
    m[i] = beta1 * m[i] + (1.0f - beta1) * slope;
    v[i] = beta2 * v[i] + (1.0f - beta2) * slope * slope;
    w[i] = shrink * w[i] - step * (m[i] / (sqrtf(v[i]) / root + epsilon));
    doubt += (m[i] - m[i]) + (v[i] - v[i]) + (w[i] - w[i]);
  }
  return doubt == 0;
}

const lks_optimizer_kernels LKS_OF_ISA(optimizer) = {sgd_update, adam_update};
