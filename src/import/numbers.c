#include "import/numbers.h"

#include <math.h>
#include <string.h>

/* The bits of the i-th number, in this machine's order, in the low bytes. */
static uint64_t bits_at(const void *numbers, size_t i, lks_number_type type)
{
  const unsigned char *at = (const unsigned char *)numbers + i * type.bytes;
  uint64_t bits = 0;
  const bool from_low = (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) != type.swapped;
  for (size_t b = 0; b < type.bytes; b++) bits |= (uint64_t)at[b] << 8 * (from_low ? b : type.bytes - 1 - b);
  return bits;
}

static int64_t with_sign(uint64_t bits, size_t bytes)
{
  switch (bytes) {
  case 1: return (int8_t)bits;
  case 2: return (int16_t)bits;
  case 4: return (int32_t)bits;
  default: return (int64_t)bits;
  }
}

/* IEEE 754, binary16. */
static double half(uint64_t bits)
{
  const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 0    ? ldexp(fraction, -24)
                 : exponent == 31 ? (fraction ? NAN : INFINITY)
                                  : ldexp(1024 + fraction, (int)exponent - 25);
  return bits >> 15 ? -value : value;
}

static double floating(uint64_t bits, size_t bytes)
{
  double value;
  if (bytes == 2) return half(bits);
  if (bytes == 4) {
    const uint32_t low = (uint32_t)bits;
    float single;
    memcpy(&single, &low, sizeof single);
    return (double)single;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}

double lks_number_at(const void *numbers, size_t i, lks_number_type type)
{
  const uint64_t bits = bits_at(numbers, i, type);
  if (type.kind == 'f') return floating(bits, type.bytes);
  return type.kind == 'i' ? (double)with_sign(bits, type.bytes) : (double)bits;
}

/* Straight from the whole number, since the way over a double would round twice. */
static bool whole_to_float(float *out, uint64_t bits, lks_number_type type)
{
  if (type.kind == 'i') {
    const int64_t value = with_sign(bits, type.bytes);
    *out = (float)value;
    return (long double)*out == (long double)value;
  }
  *out = (float)bits;
  return (long double)*out == (long double)bits;
}

bool lks_numbers_to_float(float *out, const void *numbers, size_t count, lks_number_type type)
{
  bool exact = true;
  if (type.kind == 'f' && type.bytes == 4 && !type.swapped) {
    memcpy(out, numbers, count * sizeof *out);
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    const uint64_t bits = bits_at(numbers, i, type);
    if (type.kind == 'f') {
      const double value = floating(bits, type.bytes);
      out[i] = (float)value;
      exact = exact && ((double)out[i] == value || isnan(value));
    } else {
      exact = whole_to_float(&out[i], bits, type) && exact;
    }
  }
  return exact;
}
