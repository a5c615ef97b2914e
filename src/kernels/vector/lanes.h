#ifndef LKS_KERNELS_VECTOR_LANES_H
#define LKS_KERNELS_VECTOR_LANES_H

#include <stdint.h>
#include <string.h>

#include "kernels/type.h"

/* Vectors of the width that the instruction set being compiled for has, and how they come from memory and go
 * back. Lanes are channels: the width never enters a sum. A wider vector than the hardware's would be lowered
 * through memory, so each level gets its own. */

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define LKS_LANES 8 /* doubles in a register; a register of floats has twice as many */
#elif defined(__AVX2__)
#define LKS_LANES 4
#else
#define LKS_LANES 2
#endif

#define LKS_INLINE static inline __attribute__((always_inline))

enum { LKS_NARROW = LKS_LANES, LKS_FULL = 2 * LKS_LANES };

typedef double lks_wide __attribute__((vector_size(8 * LKS_LANES)));
typedef float lks_narrow
    __attribute__((vector_size(4 * LKS_LANES))); /* as many floats as lks_wide has doubles */
typedef float lks_full __attribute__((vector_size(8 * LKS_LANES)));
typedef int32_t lks_narrow_mask __attribute__((vector_size(4 * LKS_LANES)));
typedef int32_t lks_full_mask __attribute__((vector_size(8 * LKS_LANES)));
typedef uint32_t lks_full_bits __attribute__((vector_size(8 * LKS_LANES)));
typedef uint8_t lks_bytes __attribute__((vector_size(2 * LKS_LANES)));
typedef uint16_t lks_full_bf16 __attribute__((vector_size(4 * LKS_LANES))); /* as many as lks_full has */

/* gcc 12 splits a conversion in two on the wider ones: half the speed; on NEON it converts lane by lane. */
LKS_INLINE lks_wide lks_widen(lks_narrow x)
{
#if defined(__AVX512F__)
  return (lks_wide)_mm512_cvtps_pd((__m256)x);
#elif defined(__AVX2__)
  return (lks_wide)_mm256_cvtps_pd((__m128)x);
#elif defined(__aarch64__)
  return (lks_wide)vcvt_f64_f32((float32x2_t)x);
#else
  return __builtin_convertvector(x, lks_wide);
#endif
}

/* To the nearest float. */
LKS_INLINE lks_narrow lks_round(lks_wide x)
{
#if defined(__AVX512F__)
  return (lks_narrow)_mm512_cvtpd_ps((__m512d)x);
#elif defined(__AVX2__)
  return (lks_narrow)_mm256_cvtpd_ps((__m256d)x);
#elif defined(__aarch64__)
  return (lks_narrow)vcvt_f32_f64((float64x2_t)x);
#else
  return __builtin_convertvector(x, lks_narrow);
#endif
}

/* Two halves, which a copy would put together in memory. */
LKS_INLINE lks_full lks_join(lks_narrow low, lks_narrow high)
{
#if defined(__AVX512F__)
  const __m512d lower = _mm512_castps_pd(_mm512_castps256_ps512((__m256)low));
  return (lks_full)_mm512_insertf64x4(lower, _mm256_castps_pd((__m256)high), 1);
#elif defined(__AVX2__)
  return (lks_full)_mm256_insertf128_ps(_mm256_castps128_ps256((__m128)low), (__m128)high, 1);
#elif defined(__aarch64__)
  return (lks_full)vcombine_f32((float32x2_t)low, (float32x2_t)high);
#else
  lks_full both;
  memcpy(&both, &low, sizeof low);
  memcpy((char *)&both + sizeof low, &high, sizeof high);
  return both;
#endif
}

/* a * b + sum for products that are exact in double, as those of two floats are: fused or not is then the
 * same. */
LKS_INLINE lks_wide lks_add_exact_product(lks_wide sum, lks_wide a, lks_wide b)
{
#if defined(__AVX512F__)
  return (lks_wide)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)sum);
#elif defined(__FMA__)
  return (lks_wide)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)sum);
#elif defined(__aarch64__)
  return (lks_wide)vfmaq_f64((float64x2_t)sum, (float64x2_t)a, (float64x2_t)b);
#else
  return sum + a * b;
#endif
}

/* 0 where v < 0; a NaN and -0 stay. maxps gives its second operand when either is a NaN or both are zeros;
 * NEON's maxima do neither. */
LKS_INLINE lks_full lks_relu(lks_full v)
{
#if defined(__AVX512F__)
  return (lks_full)_mm512_max_ps(_mm512_setzero_ps(), (__m512)v);
#elif defined(__AVX2__)
  return (lks_full)_mm256_max_ps(_mm256_setzero_ps(), (__m256)v);
#else
  lks_full_mask below = v < 0;
#if defined(__aarch64__)
  __asm__("" : "+w"(below)); /* clang 14 would make a maximum of what follows */
#endif
  return (lks_full)((lks_full_mask)v & ~below);
#endif
}

/* `lanes` elements; the lanes beyond are 0. */
LKS_INLINE lks_narrow lks_load_narrow(const float *p, size_t lanes)
{
  lks_narrow v = {0};
  memcpy(&v, p, lanes * sizeof(float));
  return v;
}

LKS_INLINE void lks_store_narrow(float *p, lks_narrow v, size_t lanes)
{
  memcpy(p, &v, lanes * sizeof(float));
}

LKS_INLINE lks_wide lks_load_wide(const double *p, size_t lanes)
{
  lks_wide v = {0};
  memcpy(&v, p, lanes * sizeof(double));
  return v;
}

LKS_INLINE void lks_store_wide(double *p, lks_wide v, size_t lanes)
{
  memcpy(p, &v, lanes * sizeof(double));
}

LKS_INLINE lks_full lks_from_bf16(lks_full_bf16 h)
{
#if defined(__AVX512F__)
  return (lks_full)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif defined(__AVX2__)
  return (lks_full)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#elif defined(__aarch64__)
  return (lks_full)vshll_n_u16((uint16x4_t)h, 16);
#else
  return (lks_full)(__builtin_convertvector(h, lks_full_bits) << 16);
#endif
}

/* As lks_bf16_from_float. */
LKS_INLINE lks_full_bf16 lks_to_bf16(lks_full v)
{
#if defined(__AVX512BF16__)
  return (lks_full_bf16)_mm512_cvtneps_pbh((__m512)v);
#else
  const lks_full_bits bits = (lks_full_bits)v, upper = bits >> 16;
  const lks_full_bits rounded = (bits + 0x7fff + (upper & 1)) >> 16, nan = (lks_full_bits)(v != v);
  const lks_full_bits half = (nan & (upper | 0x40)) | (~nan & rounded);
  const lks_full_bits subnormal = (lks_full_bits)((bits & 0x7f800000) == 0);
  const lks_full_bits stored = (subnormal & upper & 0x8000) | (~subnormal & half);
#if defined(__AVX512F__)
  return (lks_full_bf16)_mm512_cvtepi32_epi16((__m512i)stored);
#else
  return __builtin_convertvector(stored, lks_full_bf16);
#endif
#endif
}

LKS_INLINE lks_full_bf16 lks_load_bf16(const void *p, size_t at, size_t lanes)
{
  lks_full_bf16 h = {0};
  memcpy(&h, (const uint16_t *)p + at, lanes * sizeof(uint16_t));
  return h;
}

LKS_INLINE void lks_store_bf16(void *p, size_t at, lks_full_bf16 h, size_t lanes)
{
  memcpy((uint16_t *)p + at, &h, lanes * sizeof(uint16_t));
}

/* Numbers from 0 to 255, kept as bytes. On NEON four of them are half of its shortest register, which gcc 12
 * would fill and empty one by one. */
LKS_INLINE lks_full_mask lks_load_small(const uint8_t *p, size_t lanes)
{
#if defined(__AVX512F__)
  __m128i bytes = _mm_setzero_si128();
  memcpy(&bytes, p, lanes);
  return (lks_full_mask)_mm512_cvtepu8_epi32(bytes);
#elif defined(__AVX2__)
  __m128i bytes = _mm_setzero_si128();
  memcpy(&bytes, p, lanes);
  return (lks_full_mask)_mm256_cvtepu8_epi32(bytes);
#elif defined(__aarch64__)
  uint64_t bytes = 0;
  memcpy(&bytes, p, lanes);
  return (lks_full_mask)vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
#else
  lks_bytes bytes = {0};
  memcpy(&bytes, p, lanes);
  return __builtin_convertvector(bytes, lks_full_mask);
#endif
}

LKS_INLINE void lks_store_small(uint8_t *p, lks_full_mask v, size_t lanes)
{
#if defined(__AVX512F__)
  const __m128i bytes = _mm512_cvtepi32_epi8((__m512i)v);
#elif defined(__aarch64__)
  const uint16x4_t shorts = vmovn_u32((uint32x4_t)v);
  const uint8x8_t bytes = vmovn_u16(vcombine_u16(shorts, shorts));
#else
  const lks_bytes bytes = __builtin_convertvector(v, lks_bytes);
#endif
  memcpy(p, &bytes, lanes);
}

/* Bytes as floats. */
LKS_INLINE lks_full lks_load_bytes(const uint8_t *p, size_t lanes)
{
  return __builtin_convertvector(lks_load_small(p, lanes), lks_full);
}

/* Elements at .. at+lanes-1 of an array of `type`. */
LKS_INLINE lks_full lks_load(const void *p, size_t at, size_t lanes, lks_type type)
{
  if (type == LKS_BF16) return lks_from_bf16(lks_load_bf16(p, at, lanes));
  lks_full v = {0};
  memcpy(&v, (const float *)p + at, lanes * sizeof(float));
  return v;
}

LKS_INLINE void lks_store(void *p, size_t at, lks_full v, size_t lanes, lks_type type)
{
  if (type == LKS_BF16)
    lks_store_bf16(p, at, lks_to_bf16(v), lanes);
  else
    memcpy((float *)p + at, &v, lanes * sizeof(float));
}

#endif
