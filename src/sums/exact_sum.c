#include "lockstep/exact_sum.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
  FRACTION_BITS = 52,
  LIMIT_EXPONENT = 1023 + 80,                  /* biased: of 2^80 */
  LOWEST_EXPONENT = 1023 + FRACTION_BITS - 112 /* biased: of doubles whose last bit is worth 2^-112 */
};

/* A sum of accumulators may be as large as 2^111: two digits more, the last for nothing but the sign. */
enum { WIDE = LKS_EXACT_DIGITS + 2 };

static inline uint64_t bits_of(double value)
{
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline unsigned exponent_of(uint64_t bits)
{
  return bits >> FRACTION_BITS & 0x7ff;
}

/* Adds a double to the two or three digits that its bits touch. Zeros and subnormals need no case of their
 * own: they are shifted out. Below 2^80 the third digit is zero where it would fall on the flaw limb. */
static inline void spread(int64_t *digits, uint64_t bits)
{
  uint64_t significand = (bits & ((UINT64_C(1) << FRACTION_BITS) - 1)) | UINT64_C(1) << FRACTION_BITS;
  int shift = (int)exponent_of(bits) - LOWEST_EXPONENT;
  if (shift < 0) {
    significand = shift > -64 ? significand >> -shift : 0;
    shift = 0;
  }
  unsigned low = (unsigned)shift & 31;
  int64_t *digit = digits + (shift >> 5);
  int64_t sign = (int64_t)bits < 0 ? -1 : 0;
  digit[0] += ((int64_t)(uint32_t)(significand << low) ^ sign) - sign;
  digit[1] += ((int64_t)(uint32_t)(significand >> (32 - low)) ^ sign) - sign;
  digit[2] += ((int64_t)(significand >> 32 >> (32 - low)) ^ sign) - sign;
}

void lks_exact_sum_add(int64_t *limbs, double value)
{
  uint64_t bits = bits_of(value);
  if (exponent_of(bits) >= LIMIT_EXPONENT) {
    limbs[LKS_EXACT_FLAW]++;
    return;
  }
  spread(limbs, bits);
}

void lks_exact_sum_add_each(int64_t *limbs, const double *values, size_t count)
{
  for (size_t c = 0; c < count; c++) lks_exact_sum_add(limbs + c * LKS_EXACT_LIMBS, values[c]);
}

void lks_exact_sum_merge(int64_t *limbs, const int64_t *other, size_t count)
{
  for (size_t i = 0; i < count * LKS_EXACT_LIMBS; i++) limbs[i] += other[i];
}

int64_t lks_exact_sum_flaws(const int64_t *limbs, size_t count)
{
  int64_t flaws = 0;
  for (size_t c = 0; c < count; c++) flaws += limbs[c * LKS_EXACT_LIMBS + LKS_EXACT_FLAW];
  return flaws;
}

/* magnitude[0..1] are zero, so that three digits can be read below any leading one; returns whether the sum
 * is negative. A limb holds at most 2^31 addends of at most 2^32 - 1, so there is just room for the carry
 * from below. */
static bool carry(uint32_t magnitude[2 + WIDE], const int64_t digits[WIDE])
{
  magnitude[0] = magnitude[1] = 0;
  int64_t carried = 0;
  for (int i = 0; i < WIDE; i++) {
    int64_t total = digits[i] + carried;
    magnitude[2 + i] = (uint32_t)total;
    carried = total >> 32;
  }
  if (carried >= 0) return false;
  uint64_t complement = 1;
  for (int i = 0; i < WIDE; i++) {
    complement += (uint32_t)~magnitude[2 + i];
    magnitude[2 + i] = (uint32_t)complement;
    complement >>= 32;
  }
  return true;
}

static double round_to_double(const int64_t digits[WIDE])
{
  uint32_t magnitude[2 + WIDE];
  bool negative = carry(magnitude, digits);
  int top = 1 + WIDE;
  while (top > 1 && magnitude[top] == 0) top--;
  if (top == 1) return 0;
  int lead = __builtin_clz(magnitude[top]);
  uint64_t head = (uint64_t)magnitude[top] << 32 | magnitude[top - 1], next = magnitude[top - 2];
  head = head << lead | next >> (32 - lead);
  bool rest = (uint32_t)(next << lead) != 0;
  for (int i = 0; i < top - 2; i++) rest = rest || magnitude[i] != 0;
  /* 64 bits, the last one sticky: the conversion to 53 rounds the whole sum correctly. */
  double rounded = ldexp((double)(head | rest), 32 * (top - 2 - 1) - lead - 112);
  return negative ? -rounded : rounded;
}

double lks_exact_sum_value(const int64_t *limbs)
{
  if (limbs[LKS_EXACT_FLAW] != 0) return NAN;
  int64_t digits[WIDE] = {0};
  memcpy(digits, limbs, LKS_EXACT_DIGITS * sizeof digits[0]);
  return round_to_double(digits);
}

void lks_exact_sum_value_pair(double *high, double *low, const int64_t *limbs)
{
  *high = *low = lks_exact_sum_value(limbs);
  if (isnan(*high)) return;
  uint32_t magnitude[2 + WIDE];
  int64_t digits[WIDE] = {0};
  memcpy(digits, limbs, LKS_EXACT_DIGITS * sizeof digits[0]);
  bool negative = carry(magnitude, digits);
  /* Carried digits leave room for one more addend, however full the limbs were. */
  for (int i = 0; i < WIDE; i++) digits[i] = negative ? -(int64_t)magnitude[2 + i] : magnitude[2 + i];
  spread(digits, bits_of(-*high));
  *low = round_to_double(digits);
}

/* A number as high + low. Products are split rather than fused: the baseline instruction set has no fma.
 * Source: Dekker 1971, "A floating-point technique for extending the available precision". */
typedef struct pair {
  double high, low;
} pair;

static pair sum_of(double a, double b)
{
  double sum = a + b, b_part = sum - a;
  return (pair){sum, (a - (sum - b_part)) + (b - b_part)};
}

static pair split(double a)
{
  double scaled = a * 0x8000001p0; /* 2^27 + 1: halves of 26 bits */
  double high = scaled - (scaled - a);
  return (pair){high, a - high};
}

static pair product_of(double a, double b)
{
  double product = a * b;
  pair x = split(a), y = split(b);
  return (pair){product, ((x.high * y.high - product) + x.high * y.low + x.low * y.high) + x.low * y.low};
}

void lks_exact_moments(double *mean, double *variance, const int64_t *sum, const int64_t *square_sum,
                       double n)
{
  pair s, q;
  lks_exact_sum_value_pair(&s.high, &s.low, sum);
  lks_exact_sum_value_pair(&q.high, &q.low, square_sum);
  *mean = s.high / n;
  /* n^2 var = n Q - S^2: no division before the cancellation. */
  pair minuend = product_of(n, q.high), subtrahend = product_of(s.high, s.high);
  minuend.low += n * q.low;
  subtrahend.low += 2 * s.high * s.low;
  pair difference = sum_of(minuend.high, -subtrahend.high);
  double scaled = difference.high + (difference.low + (minuend.low - subtrahend.low));
  *variance = scaled < 0 ? 0 : scaled / n / n; /* a NaN stays */
}
