#include "kernels/optimizer.h"

#include <math.h>

#include "kernels/vector/table.h"

bool lks_sgd_update(float *w, float *v, const float *g, float lr, float momentum, float decay, bool nesterov,
                    bool first, size_t count)
{
  return lks_vector()->optimizer->sgd_update(w, v, g, lr, momentum, decay, nesterov, first, count);
}

bool lks_adam_update(float *w, float *m, float *v, const float *g, float lr, float beta1, float beta2,
                     float epsilon, float decay, bool decoupled, double correction1, double correction2,
                     size_t count)
{
  const float step = (float)(lr / correction1);
  const float root = (float)sqrt(correction2);
  const float shrink = decoupled ? (float)(1.0 - (double)lr * decay) : 1.0f;
  return lks_vector()->optimizer->adam_update(w, m, v, g, step, root, beta1, beta2, epsilon,
                                              decoupled ? 0 : decay, shrink, count);
}
