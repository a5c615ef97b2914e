#ifndef LKS_KERNELS_TYPE_H
#define LKS_KERNELS_TYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lockstep/settings.h"

/** Bytes of an element. Local. */
static inline size_t lks_type_bytes(lks_type type)
{
  return type == LKS_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/** bf16 is the upper half of a float. Local. */
static inline float lks_bf16_to_float(uint16_t bf16)
{
  const uint32_t bits = (uint32_t)bf16 << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/** To the nearest, ties to even; a NaN stays one and becomes quiet, a subnormal number becomes 0, as
 * processors convert them. In integers: the same bits on any host. Local.
 * Source: Intel SDM, volume 2, VCVTNEPS2BF16. */
static inline uint16_t lks_bf16_from_float(float value)
{
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t upper = bits >> 16;
  if ((bits & 0x7f800000) == 0) return (uint16_t)(upper & 0x8000);
  return (uint16_t)(value != value ? upper | 0x40 : (bits + 0x7fff + (upper & 1)) >> 16);
}

/** Element i of an array of `type`. Local. */
static inline float lks_type_load(const void *x, size_t i, lks_type type)
{
  return type == LKS_BF16 ? lks_bf16_to_float(((const uint16_t *)x)[i]) : ((const float *)x)[i];
}

/** Local. Rounds the value to `type` as element i. */
static inline void lks_type_store(void *x, size_t i, float value, lks_type type)
{
  if (type == LKS_BF16)
    ((uint16_t *)x)[i] = lks_bf16_from_float(value);
  else
    ((float *)x)[i] = value;
}

#endif
