#include "statistics/verdict.h"

#include <math.h>
#include <stdio.h>

static lks_verdict decide(const lks_paired *pair, double adjusted_p, double margin, bool same_computation)
{
  if (same_computation && pair->mean == 0) return LKS_VERDICT_SAME;
  if (pair->evidence != LKS_EVIDENCE_INTERVAL) return LKS_VERDICT_NONE;
  if (adjusted_p < LKS_SIGNIFICANCE) return pair->mean > 0 ? LKS_VERDICT_BETTER : LKS_VERDICT_WORSE;
  return lks_equivalence_test(pair, margin).equivalent ? LKS_VERDICT_EQUIVALENT : LKS_VERDICT_UNDECIDED;
}

/* Digits after the point: two, or as many as keep the bound nearest to 0 from looking like 0. */
static int digits_for(double low)
{
  enum { FEWEST = 2, MOST = 6 };
  int digits = FEWEST;
  for (double unit = 0.01; digits < MOST && low < unit / 2; digits++) unit /= 10;
  return digits;
}

static void write_difference(char *text, size_t size, const lks_paired *pair, double margin)
{
  bool better = pair->mean > 0;
  double low = better ? pair->low : -pair->high, high = better ? pair->high : -pair->low;
  int digits = digits_for(low);
  int length = snprintf(text, size, "%s by %.*f points [%.*f, %.*f]", better ? "better" : "worse", digits,
                        fabs(pair->mean), digits, low, digits, high);
  if (length > 0 && (size_t)length < size && lks_equivalence_test(pair, margin).equivalent)
    snprintf(text + length, size - (size_t)length, ", less than the margin of %.3g", margin);
}

/* More seeds are counted for the margin, or for the difference that was seen if the margin is already
 * resolved. */
static void write_undecided(char *text, size_t size, const lks_paired *pair, double adjusted_p, double margin)
{
  double half = pair->high - pair->mean, delta = half > margin ? margin : fabs(pair->mean);
  size_t seeds = lks_seeds_needed(pair->standard_deviation, delta);
  if (seeds <= pair->count)
    snprintf(text, size, "undecided: %+.2f points [%+.2f, %+.2f] may be chance among so many arms (p = %.2f)",
             pair->mean, pair->low, pair->high, adjusted_p);
  else
    snprintf(text, size, "undecided: %s%zu seeds would resolve %.3g points",
             seeds == LKS_SEEDS_MOST ? "no fewer than " : "", seeds, delta);
}

static void write_no_verdict(char *text, size_t size, const lks_paired *pair)
{
  switch (pair->evidence) {
  case LKS_EVIDENCE_ONE_SEED: snprintf(text, size, "one seed says nothing about chance"); break;
  case LKS_EVIDENCE_IDENTICAL:
    snprintf(text, size,
             "the same result for each of %zu seeds: without spread they say nothing about chance",
             pair->count);
    break;
  case LKS_EVIDENCE_NO_SPREAD:
    snprintf(text, size, "%+.2f points for each of %zu seeds: without spread they say nothing about chance",
             pair->mean, pair->count);
    break;
  default: snprintf(text, size, "no verdict: a result is missing or not finite"); break;
  }
}

lks_verdict lks_verdict_write(char *text, size_t size, const lks_paired *pair, double adjusted_p,
                              double margin, bool same_computation)
{
  lks_verdict verdict = decide(pair, adjusted_p, margin, same_computation);
  switch (verdict) {
  case LKS_VERDICT_SAME: snprintf(text, size, "the same computation: the difference is exactly 0"); break;
  case LKS_VERDICT_BETTER:
  case LKS_VERDICT_WORSE: write_difference(text, size, pair, margin); break;
  case LKS_VERDICT_EQUIVALENT: snprintf(text, size, "no difference larger than %.3g points", margin); break;
  case LKS_VERDICT_UNDECIDED: write_undecided(text, size, pair, adjusted_p, margin); break;
  case LKS_VERDICT_NONE: write_no_verdict(text, size, pair); break;
  }
  return verdict;
}
