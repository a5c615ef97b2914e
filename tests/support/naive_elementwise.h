#ifndef LKS_TESTS_SUPPORT_NAIVE_ELEMENTWISE_H
#define LKS_TESTS_SUPPORT_NAIVE_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"

/** One element of what lks_dropout gives, by the words of its definition. */
double naive_dropout(const float *x, double rate, const lks_random_key *key, size_t element);

/** A picture of height x width x channels as lks_input_image and lks_input_float_image take it. */
typedef struct naive_picture {
  const uint8_t *bytes; /* NULL: it consists of floats */
  const float *floats;
  const double *mean, *std;
  size_t height, width, channels;
} naive_picture;

/** One pixel of what they give, normalized in long double: the picture is laid on a large black canvas, cut out and
 * mirrored. */
long double naive_input_image(const naive_picture *picture, int shift_y, int shift_x, int flip, size_t row,
                              size_t column, size_t channel);

#endif
