#include "wide_integer.h"

#include <math.h>

/* Adds or subtracts one bit, rippling as far as it must. */
static void flip_up(wide_integer *wide, int position)
{
  while (position < WIDE_BITS && wide->bit[position] == 1) wide->bit[position++] = 0;
  if (position < WIDE_BITS) wide->bit[position] = 1;
}

static void flip_down(wide_integer *wide, int position)
{
  while (position < WIDE_BITS && wide->bit[position] == 0) wide->bit[position++] = 1;
  if (position < WIDE_BITS) wide->bit[position] = 0;
}

void wide_add_double(wide_integer *wide, double value)
{
  int exponent;
  double fraction = frexp(fabs(value), &exponent); /* 0.1bbb in binary */
  for (int position = exponent - 1 - WIDE_UNIT; position >= 0 && fraction > 0; position--) {
    fraction *= 2;
    if (fraction < 1) continue;
    fraction -= 1;
    if (value > 0) flip_up(wide, position);
    if (value < 0) flip_down(wide, position);
  }
}

void wide_add_shifted(wide_integer *wide, int64_t value, int position)
{
  uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
  for (int i = 0; i < 64; i++) {
    if ((magnitude >> i & 1) == 0) continue;
    if (value > 0) flip_up(wide, position + i);
    if (value < 0) flip_down(wide, position + i);
  }
}

double wide_round(const wide_integer *wide)
{
  wide_integer positive = *wide;
  int negative = wide->bit[WIDE_BITS - 1];
  if (negative) {
    for (int i = 0; i < WIDE_BITS; i++) positive.bit[i] = !positive.bit[i];
    flip_up(&positive, 0);
  }
  int top = WIDE_BITS - 1;
  while (top >= 0 && positive.bit[top] == 0) top--;
  int last = top - 52; /* of the 53 bits that stay */
  if (last > 0 && positive.bit[last - 1] == 1) {
    int more_than_half = 0;
    for (int i = 0; i < last - 1; i++) more_than_half |= positive.bit[i];
    if (more_than_half || positive.bit[last] == 1) flip_up(&positive, last);
  }
  double rounded = 0;
  for (int i = last > 0 ? last : 0; i < WIDE_BITS; i++) {
    if (positive.bit[i] == 1) rounded += ldexp(1, i + WIDE_UNIT);
  }
  return negative ? -rounded : rounded;
}
