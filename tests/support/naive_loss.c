#include "naive_loss.h"

#include <math.h>

double naive_softmax_cross_entropy(double *softmax, const float *logits, int32_t label, double smoothing,
                                   size_t classes)
{
  long double sum = 0, loss = 0;
  for (size_t c = 0; c < classes; c++) sum += expl(logits[c]);
  for (size_t c = 0; c < classes; c++) {
    const long double target = smoothing / (double)classes + (c == (size_t)label ? 1 - smoothing : 0);
    softmax[c] = (double)(expl(logits[c]) / sum);
    loss -= target * (logits[c] - logl(sum));
  }
  return (double)loss;
}
