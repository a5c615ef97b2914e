#ifndef LKS_TESTS_SUPPORT_KERNEL_TEST_H
#define LKS_TESTS_SUPPORT_KERNEL_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** x[count]: mean + std * a number in [-sqrt(3), sqrt(3)), the same for the same seed. */
void kernel_test_fill(float *x, size_t count, uint32_t seed, double mean, double std);

/** The distance of two floats that are next to each other at x. */
double kernel_test_ulp(double x);

/** Calls run(out, context) with out [bytes] at every instruction set that this processor has, the best one
 * last: are the bits the same? What run leaves unwritten counts as the same. Prints the first level that
 * differs. */
bool kernel_test_same_bits(void (*run)(void *out, void *context), void *context, size_t bytes);

#endif
