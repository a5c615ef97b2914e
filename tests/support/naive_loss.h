#ifndef LKS_TESTS_SUPPORT_NAIVE_LOSS_H
#define LKS_TESTS_SUPPORT_NAIVE_LOSS_H

#include <stddef.h>
#include <stdint.h>

/** One sample's softmax [classes] out, and its cross-entropy against (1-s) one-hot + s/classes, by libm. */
double naive_softmax_cross_entropy(double *softmax, const float *logits, int32_t label, double smoothing,
                                   size_t classes);

#endif
