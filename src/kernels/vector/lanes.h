#ifndef LKS_KERNELS_VECTOR_LANES_H
#define LKS_KERNELS_VECTOR_LANES_H

/* Vectors of the width that the instruction set being compiled for has. Lanes are channels: the width never
 * enters a sum. A wider vector than the hardware's would be lowered through memory, so each level gets its
 * own. */

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LKS_LANES 8 /* doubles in a register; a register of floats has twice as many */
#define LKS_WIDEN(x) ((lks_wide)_mm512_cvtps_pd((__m256)(x)))
#elif defined(__AVX2__)
#define LKS_LANES 4
#define LKS_WIDEN(x) ((lks_wide)_mm256_cvtps_pd((__m128)(x)))
#else
#define LKS_LANES 2
#define LKS_WIDEN(x)                                                                                         \
  __builtin_convertvector(x, lks_wide) /* gcc 12 splits it in two on the wider ones: half the speed */
#endif

typedef double lks_wide __attribute__((vector_size(8 * LKS_LANES)));
typedef float lks_narrow
    __attribute__((vector_size(4 * LKS_LANES))); /* as many floats as lks_wide has doubles */
typedef float lks_full __attribute__((vector_size(8 * LKS_LANES)));
typedef int lks_narrow_mask __attribute__((vector_size(4 * LKS_LANES)));
typedef int lks_full_mask __attribute__((vector_size(8 * LKS_LANES)));

#endif
