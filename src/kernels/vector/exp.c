#include "kernels/vector/lanes.h"
#include "kernels/vector/table.h"

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2)/2: no table and no branch, so lanes can do it.
 * Source: Cody & Waite 1980, chapter 6, with the Taylor polynomial, whose remainder is below 2^-57 at
 * degree 13. */

#define ROUNDER 0x1.8p52         /* adding it rounds to an integer, which then sits in the low bits */
#define LN2_HIGH 0x1.62e42feep-1 /* 33 bits: n * LN2_HIGH is exact */
#define LN2_LOW 0x1.a39ef35793c76p-33

/* 2^n from n + ROUNDER, -1022 <= n <= 1023 */
static inline double power_of_two(double n_rounder)
{
  uint64_t bits;
  memcpy(&bits, &n_rounder, sizeof bits);
  bits = (bits + 1023) << 52;
  memcpy(&n_rounder, &bits, sizeof bits);
  return n_rounder;
}

static inline double exp_reduced(double r)
{
  const double r2 = r * r;
  const double q6 = 1.0 / 479001600 + r * (1.0 / 6227020800);
  const double q5 = 1.0 / 3628800 + r * (1.0 / 39916800) + r2 * q6;
  const double q4 = 1.0 / 40320 + r * (1.0 / 362880) + r2 * q5;
  const double q3 = 1.0 / 720 + r * (1.0 / 5040) + r2 * q4;
  const double q2 = 1.0 / 24 + r * (1.0 / 120) + r2 * q3;
  const double q1 = 1.0 / 2 + r * (1.0 / 6) + r2 * q2;
  return 1.0 + (r + r2 * q1);
}

static void exp_forward(double *y, const double *x, size_t count)
{
#pragma omp simd
  for (size_t i = 0; i < count; i++) {
    double z = x[i] < -750.0 ? -750.0 : x[i]; /* a NaN passes both */
    z = z > 710.0 ? 710.0 : z;
    const double n = (z * 0x1.71547652b82fep0 + ROUNDER) - ROUNDER;
    const double r = (z - n * LN2_HIGH) - n * LN2_LOW;
    /* two factors, since n runs past the exponents of normal numbers; the second one rounds once */
    const double half = n * 0.5 + ROUNDER;
    const double rest = n - (half - ROUNDER) + ROUNDER;
    y[i] = exp_reduced(r) * power_of_two(half) * power_of_two(rest);
  }
}

LKS_INLINE void sigmoid_of_type(void *y, const void *x, size_t count, lks_type type)
{
  enum { BLOCK = 64 };
  double e[BLOCK];
  for (size_t begin = 0; begin < count; begin += BLOCK) {
    const size_t n = count - begin < BLOCK ? count - begin : BLOCK;
    for (size_t i = 0; i < n; i++) e[i] = -(double)lks_type_load(x, begin + i, type);
    exp_forward(e, e, n);
    for (size_t i = 0; i < n; i++) lks_type_store(y, begin + i, (float)(1.0 / (1.0 + e[i])), type);
  }
}

static void sigmoid_forward(void *y, const void *x, size_t count, lks_type type)
{
  if (type == LKS_BF16)
    sigmoid_of_type(y, x, count, LKS_BF16);
  else
    sigmoid_of_type(y, x, count, LKS_FP32);
}

const lks_exp_kernels LKS_OF_ISA(exp) = {exp_forward, sigmoid_forward};
