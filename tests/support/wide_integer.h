#ifndef LKS_TEST_WIDE_INTEGER_H
#define LKS_TEST_WIDE_INTEGER_H

#include <stdint.h>

/* A 320-bit two's complement integer in units of 2^-112, worked on bit by bit: the slow and simple twin of
 * the exact accumulators. */
enum { WIDE_BITS = 320, WIDE_UNIT = -112 };

typedef struct wide_integer {
  uint8_t bit[WIDE_BITS]; /* lowest first */
} wide_integer;

/* Adds value, without its bits below 2^-112. */
void wide_add_double(wide_integer *wide, double value);

/* Adds value * 2^(position - 112). */
void wide_add_shifted(wide_integer *wide, int64_t value, int position);

/* The nearest double, ties to even. */
double wide_round(const wide_integer *wide);

#endif
