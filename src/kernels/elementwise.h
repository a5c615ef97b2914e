#ifndef LKS_KERNELS_ELEMENTWISE_H
#define LKS_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "kernels/type.h"

/* Activations, sums and dropout over `count` elements of `type`; outputs first. All are local, give the same
 * bits at every instruction set, and work in place where said. */

/** Local. y = max(0, x); a NaN stays a NaN. y may be x. */
void lks_relu_forward(void *y, const void *x, size_t count, lks_type type);
/** Local. dx = dy where y > 0, else 0. dx may be dy. */
void lks_relu_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type);
/** Local. y = x where x > 0, else slope*x; a NaN stays a NaN. 0 <= slope < 1. y may be x. */
void lks_leaky_relu_forward(void *y, const void *x, float slope, size_t count, lks_type type);
/** Local. dx = dy where y > 0, else slope*dy. dx may be dy. */
void lks_leaky_relu_backward(void *dx, const void *dy, const void *y, float slope, size_t count,
                             lks_type type);
/** Local. y = 1/(1 + exp(-x)), in double by our own exp, rounded to fp32 and then to `type`. y may be x. */
void lks_sigmoid_forward(void *y, const void *x, size_t count, lks_type type);
/** Local. dx = dy * (y * (1 - y)). dx may be dy. */
void lks_sigmoid_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type);
/** Local. y = x Phi(x), Phi being the normal distribution; in double, rounded to fp32 and then to `type`: within
 * 0.51 ulp of it. y may be x. Source: Hendrycks & Gimpel 2016; erfc, not its approximation by tanh. */
void lks_gelu_forward(void *y, const void *x, size_t count, lks_type type);
/** Local. dx = dy (Phi(x) + x phi(x)), computed alike. dx may be dy. */
void lks_gelu_backward(void *dx, const void *dy, const void *x, size_t count, lks_type type);
/** Local. y = x/(1 + exp(-x)), computed alike. y may be x. Source: Elfwing et al. 2017. */
void lks_silu_forward(void *y, const void *x, size_t count, lks_type type);
/** Local. dx = dy s (1 + x (1 - s)), s = 1/(1 + exp(-x)). dx may be dy. */
void lks_silu_backward(void *dx, const void *dy, const void *x, size_t count, lks_type type);
/** Local. y = tanh(x), computed alike. y may be x. */
void lks_tanh_forward(void *y, const void *x, size_t count, lks_type type);
/** Local. dx = dy (1 - y)(1 + y), of y as stored. dx may be dy. */
void lks_tanh_backward(void *dx, const void *dy, const void *y, size_t count, lks_type type);
/** Local. y = a + b. y may be a or b. */
void lks_add_forward(void *y, const void *a, const void *b, size_t count, lks_type type);

/** Local. One sample's `count` elements: kept with probability 1-rate and divided by it, else 0; 0 <= rate <
 * 1. The key carries seed, layer, step and sample: element e is dropped when word e%4 of its block e/4
 * (lks_random_words) is below rate * 2^32. Backward is the same function of dy. y may be x. */
void lks_dropout(void *y, const void *x, double rate, const lks_random_key *key, size_t count, lks_type type);

/** Local. y [height,width,channels] out: (pixel - mean[c]) * scale[c] in double, rounded once to fp32 and
 * then to `type`; x [height,width,channels] u8 in. With the mean of pixels and scale = 1/std it is off by half of an ulp of
 * fp32, and 2^-51 of its size, however large mean/std is. The picture is moved down by
 * shift_y and right by shift_x, then mirrored left to right if flip: y(row, column) is pixel (row - shift_y,
 * (flip ? width-1-column : column) - shift_x), and 0 (black) where that lies outside, as a crop from a
 * picture padded with zeros has it. Any shift will do. */
void lks_input_image(void *y, const uint8_t *x, const double *mean, const double *scale, int shift_y,
                     int shift_x, int flip, size_t height, size_t width, size_t channels, lks_type type);
/** Local. The same of pixels that are numbers; what lies outside is 0 as well. */
void lks_input_float_image(void *y, const float *x, const double *mean, const double *scale, int shift_y,
                           int shift_x, int flip, size_t height, size_t width, size_t channels,
                           lks_type type);
/** Local. y [count] = (x - mean) * scale, elementwise and as lks_input_image does it. y may be x in fp32. */
void lks_input_features(void *y, const float *x, const double *mean, const double *scale, size_t count,
                        lks_type type);

/** Local. y [count] = x, rounded as lks_bf16_from_float does. */
void lks_bf16_of(uint16_t *y, const float *x, size_t count);
/** Local. y [count]: a rounded to bf16 in the lower half, b in the upper one, so that in memory they stand in
 * turns. b may be NULL: zeros. */
void lks_bf16_pairs(uint32_t *y, const float *a, const float *b, size_t count);

#endif
