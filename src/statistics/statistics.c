#include "statistics/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/integers.h"
#include "statistics/student_t.h"

double lks_median_of_last_five(const double *values, size_t count)
{
  enum { LAST = 5 };
  double sorted[LAST];
  size_t used = count < LAST ? count : LAST;
  if (used == 0) return NAN;
  for (size_t i = 0; i < used; i++) {
    double value = values[count - used + i];
    if (isnan(value)) return NAN;
    size_t place = i;
    for (; place > 0 && sorted[place - 1] > value; place--) sorted[place] = sorted[place - 1];
    sorted[place] = value;
  }
  double upper = sorted[used / 2];
  return used % 2 ? upper : (sorted[used / 2 - 1] + upper) / 2;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double lks_quantile(double *values, size_t count, double share)
{
  if (count == 0) return NAN;
  qsort(values, count, sizeof *values, ascending);
  double place = share * (double)(count - 1);
  size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
  return values[below] + (place - (double)below) * (values[above] - values[below]);
}

/* Difference i, or value i where there is no reference. */
static double difference(const double *arm, const double *reference, size_t i)
{
  return reference ? arm[i] - reference[i] : arm[i];
}

static double mean(const double *arm, const double *reference, size_t count)
{
  double sum = 0, rest = 0;
  for (size_t i = 0; i < count; i++) sum += difference(arm, reference, i);
  double first = sum / (double)count;
  for (size_t i = 0; i < count; i++) rest += difference(arm, reference, i) - first;
  return first + rest / (double)count; /* the second pass takes the rounding of the first one out */
}

static double standard_deviation(const double *arm, const double *reference, size_t count)
{
  if (count < 2) return NAN;
  double centre = mean(arm, reference, count), squares = 0;
  for (size_t i = 0; i < count; i++) {
    double deviation = difference(arm, reference, i) - centre;
    squares += deviation * deviation;
  }
  return sqrt(squares / (double)(count - 1));
}

double lks_mean(const double *values, size_t count)
{
  return mean(values, NULL, count);
}

double lks_standard_deviation(const double *values, size_t count)
{
  return standard_deviation(values, NULL, count);
}

static bool all_finite(const double *arm, const double *reference, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(difference(arm, reference, i))) return false;
  }
  return count > 0;
}

/* How far apart two differences may be and still be the same: 1e-12 of the average value that they come
 * from. */
static double resolution(const double *arm, const double *reference, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += fabs(arm[i]) / 2 + fabs(reference[i]) / 2;
  return 1e-12 * sum / (double)count;
}

static bool all_zero(const double *arm, const double *reference, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (difference(arm, reference, i) != 0) return false;
  }
  return true;
}

static lks_evidence evidence_of(const double *arm, const double *reference, size_t count)
{
  if (!all_finite(arm, reference, count)) return LKS_EVIDENCE_NONE;
  if (count == 1) return LKS_EVIDENCE_ONE_SEED;
  if (all_zero(arm, reference, count)) return LKS_EVIDENCE_IDENTICAL;
  bool spread = standard_deviation(arm, reference, count) > resolution(arm, reference, count);
  return spread ? LKS_EVIDENCE_INTERVAL : LKS_EVIDENCE_NO_SPREAD;
}

/* Half of the width of a two-sided interval of a mean, from its standard error; NaN for a single value. */
static double half_width(double standard_error, size_t count, double outside)
{
  return lks_student_t_quantile(1 - outside / 2, (double)count - 1) * standard_error;
}

static void add_t_test(lks_paired *pair)
{
  pair->standard_error = pair->standard_deviation / sqrt((double)pair->count);
  double half = half_width(pair->standard_error, pair->count, LKS_SIGNIFICANCE);
  pair->low = pair->mean - half;
  pair->high = pair->mean + half;
  pair->t = pair->mean / pair->standard_error;
  pair->p = 2 * lks_student_t_cdf(-fabs(pair->t), (double)pair->count - 1);
}

lks_paired lks_paired_compare(const double *arm, const double *reference, size_t count)
{
  lks_paired pair = {evidence_of(arm, reference, count), count, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  if (pair.evidence == LKS_EVIDENCE_NONE) return pair;
  pair.mean = mean(arm, reference, count);
  if (pair.evidence == LKS_EVIDENCE_IDENTICAL)
    return (lks_paired){.evidence = pair.evidence, .count = count, .p = 1};
  if (pair.evidence == LKS_EVIDENCE_INTERVAL) {
    pair.standard_deviation = standard_deviation(arm, reference, count);
    add_t_test(&pair);
  }
  return pair;
}

/* The sum of the differences with the signs of one flip: its own bits, or those drawn under a key. */
static double flipped_sum(const double *arm, const double *reference, size_t count, uint32_t flip,
                          const lks_random_key *key)
{
  enum { WORD = 32, BLOCK = 4 * WORD };
  uint32_t words[4] = {flip}, blocks = (uint32_t)lks_divide_up(count, BLOCK);
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (key && i % BLOCK == 0) lks_random_words(words, key, flip * blocks + (uint32_t)(i / BLOCK));
    bool negative = words[i % BLOCK / WORD] >> (i % WORD) & 1;
    sum += negative ? -difference(arm, reference, i) : difference(arm, reference, i);
  }
  return sum;
}

double lks_sign_flip_p(const double *arm, const double *reference, size_t count, const lks_random_key *key)
{
  if (!all_finite(arm, reference, count)) return NAN;
  bool exact = count <= LKS_SIGN_FLIP_EXACT;
  uint32_t hits = 0,
           flips = exact ? 1u << (count - 1) : LKS_SIGN_FLIP_DRAWS; /* of two opposite ones, one will do */
  double as_far = fabs(flipped_sum(arm, reference, count, 0, NULL));
  as_far -= (double)count * resolution(arm, reference, count);
  for (uint32_t flip = 0; flip < flips; flip++)
    hits += fabs(flipped_sum(arm, reference, count, flip, exact ? NULL : key)) >= as_far;
  return exact ? (double)hits / flips : (hits + 1.0) / (flips + 1.0);
}

/* How many p-values are at least this one: the factor of Holm's step. */
static size_t count_at_least(const double *p, size_t count, double least)
{
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += p[i] >= least;
  return found;
}

void lks_holm_adjust(double *restrict adjusted, const double *restrict p, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    adjusted[i] = isnan(p[i]) ? NAN : 0;
    for (size_t j = 0; j < count; j++) {
      if (p[j] <= p[i])
        adjusted[i] = fmax(adjusted[i], fmin(1, (double)count_at_least(p, count, p[j]) * p[j]));
    }
  }
}

lks_equivalence lks_equivalence_test(const lks_paired *pair, double margin)
{
  double df = (double)pair->count - 1,
         half = half_width(pair->standard_error, pair->count, 2 * LKS_SIGNIFICANCE);
  double above = lks_student_t_cdf(-(pair->mean + margin) / pair->standard_error, df);
  double below = lks_student_t_cdf((pair->mean - margin) / pair->standard_error, df);
  double p = fmax(above, below);
  return (lks_equivalence){p, pair->mean - half, pair->mean + half, p < LKS_SIGNIFICANCE};
}

size_t lks_seeds_needed(double standard_deviation, double delta)
{
  size_t too_few = 1, enough = LKS_SEEDS_MOST;
  while (enough - too_few > 1) { /* the width falls as seeds are added */
    size_t seeds = (too_few + enough) / 2;
    if (half_width(standard_deviation / sqrt((double)seeds), seeds, LKS_SIGNIFICANCE) <= delta)
      enough = seeds;
    else
      too_few = seeds;
  }
  return enough;
}
