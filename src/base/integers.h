#ifndef LKS_BASE_INTEGERS_H
#define LKS_BASE_INTEGERS_H

#include <stddef.h>

static inline size_t lks_min(size_t a, size_t b)
{
  return a < b ? a : b;
}

static inline size_t lks_max(size_t a, size_t b)
{
  return a > b ? a : b;
}

/** How many parts of `part` hold n. */
static inline size_t lks_divide_up(size_t n, size_t part)
{
  return n / part + (n % part != 0);
}

/** The multiple of `unit` at or above n. */
static inline size_t lks_round_up(size_t n, size_t unit)
{
  return lks_divide_up(n, unit) * unit;
}

#endif
