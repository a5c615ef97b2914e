#include "lockstep/exact_sum.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
  FRACTION_BITS = 52,
  LIMIT_EXPONENT = 1023 + 80,                        /* biased: of 2^80 */
  LAST_BIT = 112,                                    /* of a sum is worth 2^-LAST_BIT */
  LOWEST_EXPONENT = 1023 + FRACTION_BITS - LAST_BIT, /* biased: of doubles whose last bit is worth as much */
  WORDS = LKS_EXACT_DIGITS / 2 + 1 /* of 64 bits; a sum of accumulators may be as large as 2^111 */
};

__extension__ typedef __int128 wide_integer;

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

/* Of a normal number; the leading one is not among the bits. */
static inline uint64_t significand_of(uint64_t bits)
{
  return (bits & ((UINT64_C(1) << FRACTION_BITS) - 1)) | UINT64_C(1) << FRACTION_BITS;
}

/* Adds a double to the two or three digits that its bits touch. Zeros and subnormals need no case of their
 * own: they are shifted out. Below 2^80 the third digit is zero where it would fall on the limb that
 * counts non-finite values. */
static inline void spread(int64_t *digits, uint64_t bits)
{
  uint64_t significand = significand_of(bits);
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
    limbs[LKS_EXACT_NONFINITE]++;
    return;
  }
  spread(limbs, bits);
}

/* The second part is what rounding the product lost, which is a double itself. */
void lks_exact_sum_add_product(int64_t *limbs, double a, double b)
{
  const double product = a * b;
  lks_exact_sum_add(limbs, product);
  if (exponent_of(bits_of(product)) < LIMIT_EXPONENT) lks_exact_sum_add(limbs, fma(a, b, -product));
}

void lks_exact_sum_carry(int64_t *limbs)
{
  for (int i = 0; i + 1 < LKS_EXACT_DIGITS; i++) {
    const int64_t carried = limbs[i] >> 32; /* downwards */
    limbs[i] -= carried * (INT64_C(1) << 32);
    limbs[i + 1] += carried;
  }
}

void lks_exact_sum_merge(int64_t *limbs, const int64_t *other, size_t count)
{
  for (size_t i = 0; i < count * LKS_EXACT_LIMBS; i++) limbs[i] += other[i];
}

int64_t lks_exact_sum_nonfinite(const int64_t *limbs, size_t count)
{
  int64_t nonfinite = 0;
  for (size_t c = 0; c < count; c++) nonfinite += limbs[c * LKS_EXACT_LIMBS + LKS_EXACT_NONFINITE];
  return nonfinite;
}

/* The sum in units of 2^-112, in two's complement. A limb holds at most 2^31 addends of at most 2^32 - 1, so
 * there is room for the carry from below, and for a sum of 2^111. */
static void carry(uint64_t word[WORDS], const int64_t *limbs)
{
  wide_integer carried = 0;
  for (int i = 0; i < LKS_EXACT_DIGITS / 2; i++) {
    carried += limbs[2 * i] + (wide_integer)limbs[2 * i + 1] * ((wide_integer)1 << 32);
    word[i] = (uint64_t)carried;
    carried >>= 64;
  }
  word[WORDS - 1] = (uint64_t)carried;
}

/* Leaves the magnitude; returns whether the sum is negative. */
static bool take_sign(uint64_t word[WORDS])
{
  bool negative = word[WORDS - 1] >> 63, more = negative;
  for (int i = 0; i < WORDS && negative; i++) {
    word[i] = ~word[i] + more;
    more = more && word[i] == 0;
  }
  return negative;
}

static double power_of_two(int exponent)
{
  uint64_t bits = (uint64_t)(1023 + exponent) << FRACTION_BITS;
  double power;
  memcpy(&power, &bits, sizeof power);
  return power;
}

/* Rounded to nearest, ties to even: 64 bits, the last one sticky, whose conversion to 53 rounds all of them
 * correctly. */
static double round_to_double(const uint64_t word[WORDS])
{
  int top = WORDS - 1;
  while (top >= 0 && word[top] == 0) top--;
  if (top < 0) return 0;
  const int lead = __builtin_clzll(word[top]);
  const uint64_t next = top > 0 ? word[top - 1] : 0;
  const uint64_t head = word[top] << lead | (lead ? next >> (64 - lead) : 0);
  bool rest = next << lead != 0;
  for (int i = 0; i < top - 1; i++) rest = rest || word[i] != 0;
  return (double)(head | rest) * power_of_two(64 * top - lead - LAST_BIT);
}

/* Takes the bits of a positive double away; those below the last bit are zeros then. */
static void subtract(uint64_t word[WORDS], double value)
{
  const uint64_t bits = bits_of(value), significand = significand_of(bits);
  const int shift = (int)exponent_of(bits) - LOWEST_EXPONENT;
  if (shift < 0) {
    word[0] -= significand >> -shift;
    return;
  }
  const int at = shift / 64, low = shift % 64;
  const uint64_t parts[2] = {significand << low, low ? significand >> (64 - low) : 0};
  uint64_t borrow = 0;
  for (int i = at; i < WORDS; i++) {
    const uint64_t part = i < at + 2 ? parts[i - at] : 0, before = word[i];
    word[i] = before - part - borrow;
    borrow = before < part || (before == part && borrow);
  }
}

double lks_exact_sum_value(const int64_t *limbs)
{
  uint64_t word[WORDS];
  if (limbs[LKS_EXACT_NONFINITE] != 0) return NAN;
  carry(word, limbs);
  const bool negative = take_sign(word);
  const double rounded = round_to_double(word);
  return negative ? -rounded : rounded;
}

void lks_exact_sum_value_pair(double *high, double *low, const int64_t *limbs)
{
  uint64_t word[WORDS];
  *high = *low = NAN;
  if (limbs[LKS_EXACT_NONFINITE] != 0) return;
  carry(word, limbs);
  const bool negative = take_sign(word);
  const double rounded = round_to_double(word);
  if (rounded > 0) subtract(word, rounded);
  const bool rounded_up = take_sign(word);
  const double rest = round_to_double(word);
  *high = negative ? -rounded : rounded;
  *low = negative != rounded_up && rest > 0 ? -rest : rest;
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
