#ifndef LKS_KERNELS_ELEMENTWISE_H
#define LKS_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/* Activations, sums and dropout over `count` fp32 elements; outputs first. In place is allowed where said. */

void lks_relu_forward(float *y, const float *x, size_t count);                        /* y may be x */
void lks_relu_backward(float *dx, const float *dy, const float *y, size_t count);     /* dx may be dy; mask y > 0 */
void lks_sigmoid_forward(float *y, const float *x, size_t count);                     /* y may be x; own exp: same bits on any host */
void lks_sigmoid_backward(float *dx, const float *dy, const float *y, size_t count);  /* dx may be dy */
void lks_add_forward(float *y, const float *a, const float *b, size_t count);         /* y may be a or b */

/** One sample's `count` elements: kept with probability 1-rate and divided by it, else 0. The mask comes from the key
 *  (which carries seed, layer, step and sample); backward is the same function of dy. y may be x. */
void lks_dropout(float *y, const float *x, double rate, const lks_random_key *key, size_t count);

/** y [height,width,channels] out, fp32: (pixel/255 - mean[c]) * inverse_std[c], as one multiply-add by a table-free form; x [height,width,channels] u8 in.
 *  The picture is moved by (shift_y, shift_x) pixels, what comes in from outside being black (pixel 0) as zero padding before
 *  the crop gives, and mirrored left to right if flip. scale [c] = 1/(255 std), offset [c] = -mean/std. */
void lks_input_image(float *y, const uint8_t *x, const float *scale, const float *offset, int shift_y, int shift_x, int flip,
                     size_t height, size_t width, size_t channels);
/** y [count] = x*scale + offset, elementwise. */
void lks_input_features(float *y, const float *x, const float *scale, const float *offset, size_t count);

#endif
