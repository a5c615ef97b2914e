#ifndef LOCKSTEP_EXACT_SUM_H
#define LOCKSTEP_EXACT_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** An exact accumulator is LKS_EXACT_LIMBS int64: six digits of 32 bits, the lowest worth 2^-112, the highest
 * ending at 2^80, and one limb that counts values which are not finite or not below 2^80 in magnitude. Each
 * digit is signed and may hold the sum of 2^31 addends, so accumulators are combined by adding limb to limb,
 * in any order and grouping, and the result is the same bits: MPI_Allreduce(MPI_INT64_T, MPI_SUM) is an exact
 * sum. Bits of an addend below 2^-112 are dropped (truncated toward zero), which depends on the addend alone.
 */
enum { LKS_EXACT_DIGITS = 6, LKS_EXACT_LIMBS = 7, LKS_EXACT_NONFINITE = 6 };

/** Local. Adds value to the accumulator limbs[LKS_EXACT_LIMBS]. */
void lks_exact_sum_add(int64_t *limbs, double value);

/** Local. Adds a*b to the accumulator, without rounding the product first. */
void lks_exact_sum_add_product(int64_t *limbs, double a, double b);

/** Local. Carries from digit to digit, which changes no sum: afterwards the accumulator counts as one addend of
 * the 2^31 that a digit may hold. For sums of more addends, every 2^30 of them and once before a reduction. */
void lks_exact_sum_carry(int64_t *limbs);

/** Local. limbs[i] += other[i] for `count` accumulators. */
void lks_exact_sum_merge(int64_t *limbs, const int64_t *other, size_t count);

/** Local. The sum rounded once, to nearest, ties to even; NaN if a non-finite value was counted. */
double lks_exact_sum_value(const int64_t *limbs);

/** Local. The sum as high + low, |low| <= ulp(high)/2, good to 106 bits; NaN if a non-finite value was counted. */
void lks_exact_sum_value_pair(double *high, double *low, const int64_t *limbs);

/** Local. Number of values among `count` accumulators that were not finite or too large. */
int64_t lks_exact_sum_nonfinite(const int64_t *limbs, size_t count);

/** Local. Mean and biased variance of n values from their exact sum and squared sum: mean = S/n, var = Q/n -
 * mean^2 evaluated in double-double, so that mean/std = 10^6 still keeps the variance; never negative.
 *  Source: DESIGN; Ioffe & Szegedy 2015, algorithm 1. */
void lks_exact_moments(double *mean, double *variance, const int64_t *sum, const int64_t *square_sum,
                       double n);

LKS_PUBLIC_END

#endif
