#ifndef LKS_TESTS_NAIVE_CONV_H
#define LKS_TESTS_NAIVE_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/onednn.h"

/** A sum in double, with what bounds the rounding of the same sum in fp32. */
typedef struct naive_sum {
  double value;
  double magnitude; /* sum of the magnitudes of its terms */
  size_t terms;
} naive_sum;

/** Whether fp32 sums agree with those in double: n products and n-1 additions in any order, fused or not, err
 * by at most (n + 1) 2^-24 times the sum of magnitudes, to first order; rounding to bf16 adds 2^-8 of the sum
 * itself at most. Source: Higham 2002, section 3.1. */
bool naive_close(const float *got, const naive_sum *want, size_t count, lks_type type);

/** y = conv(x, w) + b; b may be NULL. A dense layer is a 1 x 1 convolution of a 1 x 1 image. Activations
 * NHWC, w OIHW. */
void naive_conv_forward(naive_sum *y, const float *x, const float *w, const float *b,
                        const lks_window *window);
void naive_conv_backward(naive_sum *dx, naive_sum *dw, naive_sum *db, const float *dy, const float *x,
                         const float *w, const lks_window *window);

/** Swaps the axes of weights: out [columns,rows], in [rows,columns]. */
void naive_transpose(float *out, const float *in, size_t rows, size_t columns);

/** y and dx; the first of equal values takes the gradient of a maximum, and padding never counts. */
void naive_max_pool(naive_sum *y, naive_sum *dx, const float *x, const float *dy, const lks_window *window);
void naive_average_pool(naive_sum *y, naive_sum *dx, const float *x, const float *dy,
                        const lks_window *window);

#endif
