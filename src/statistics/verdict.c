#include "statistics/verdict.h"

#include <math.h>
#include <stdio.h>

lks_question lks_question_accuracy(double margin)
{
  return (lks_question){.more = "better", .less = "worse", .unit = " points", .digits = 2, .margin = margin};
}

lks_question lks_question_loss(void)
{
  return (lks_question){.more = "higher", .less = "lower", .unit = "", .digits = 4, .less_is_better = true};
}

static bool equivalent(const lks_question *question, const lks_paired *pair)
{
  return question->margin > 0 && lks_equivalence_test(pair, question->margin).equivalent;
}

static lks_verdict decide(const lks_question *question, const lks_paired *pair, double adjusted_p,
                          bool same_computation)
{
  if (same_computation && pair->mean == 0) return LKS_VERDICT_SAME;
  if (pair->evidence != LKS_EVIDENCE_INTERVAL) return LKS_VERDICT_NONE;
  if (adjusted_p < LKS_SIGNIFICANCE)
    return (pair->mean > 0) != question->less_is_better ? LKS_VERDICT_BETTER : LKS_VERDICT_WORSE;
  return equivalent(question, pair) ? LKS_VERDICT_EQUIVALENT : LKS_VERDICT_UNDECIDED;
}

bool lks_verdict_of_interval_alone(const lks_paired *pair, double adjusted_p)
{
  return pair->p < LKS_SIGNIFICANCE && !(adjusted_p < LKS_SIGNIFICANCE);
}

/* Digits after the point: the fewest, or as many as keep the bound nearest to 0 from looking like 0. */
static int digits_for(double low, int fewest)
{
  enum { MOST = 6 };
  int digits = fewest;
  for (double unit = pow(10, -fewest); digits < MOST && low < unit / 2; digits++) unit /= 10;
  return digits;
}

static void write_difference(char *text, size_t size, const lks_question *question, const lks_paired *pair)
{
  bool more = pair->mean > 0;
  double low = more ? pair->low : -pair->high, high = more ? pair->high : -pair->low;
  int digits = digits_for(low, question->digits);
  int length = snprintf(text, size, "%s by %.*f%s [%.*f, %.*f]", more ? question->more : question->less,
                        digits, fabs(pair->mean), question->unit, digits, low, digits, high);
  if (length > 0 && (size_t)length < size && equivalent(question, pair))
    snprintf(text + length, size - (size_t)length, ", less than the margin of %.3g", question->margin);
}

void lks_difference_write(char *text, size_t size, const lks_question *question, const lks_paired *pair)
{
  const int digits = question->digits;
  if (!isfinite(pair->mean))
    snprintf(text, size, "no figure");
  else if (!isfinite(pair->low) || !isfinite(pair->high))
    snprintf(text, size, "%+.*f%s", digits, pair->mean, question->unit);
  else
    snprintf(text, size, "%+.*f%s [%+.*f, %+.*f]", digits, pair->mean, question->unit, digits, pair->low,
             digits, pair->high);
}

/* More seeds are counted for the margin, or for the difference that was seen if the margin is already
 * resolved. */
static void write_undecided(char *text, size_t size, const lks_question *question, const lks_paired *pair,
                            double adjusted_p, size_t comparisons)
{
  const double half = pair->high - pair->mean,
               delta = question->margin > 0 && half > question->margin ? question->margin : fabs(pair->mean);
  const size_t seeds = lks_seeds_needed(pair->standard_deviation, delta);
  char difference[96];
  lks_difference_write(difference, sizeof difference, question, pair);
  if (lks_verdict_of_interval_alone(pair, adjusted_p))
    snprintf(
        text, size,
        "undecided: %s: the interval alone leaves out 0, but corrected for %zu comparisons it does not stand (p = %.2f)",
        difference, comparisons, adjusted_p);
  else if (seeds <= pair->count || !(question->margin > 0))
    snprintf(text, size, "undecided: %s", difference);
  else
    snprintf(text, size, "undecided: %s%zu seeds would resolve %.3g%s",
             seeds == LKS_SEEDS_MOST ? "no fewer than " : "", seeds, delta, question->unit);
}

static void write_equivalent(char *text, size_t size, const lks_question *question, const lks_paired *pair,
                             double adjusted_p, size_t comparisons)
{
  const int length =
      snprintf(text, size, "no difference larger than %.3g%s", question->margin, question->unit);
  if (length > 0 && (size_t)length < size && lks_verdict_of_interval_alone(pair, adjusted_p))
    snprintf(
        text + length, size - (size_t)length,
        " (the interval alone leaves out 0, but corrected for %zu comparisons that does not stand: p = %.2f)",
        comparisons, adjusted_p);
}

static void write_no_verdict(char *text, size_t size, const lks_question *question, const lks_paired *pair)
{
  switch (pair->evidence) {
  case LKS_EVIDENCE_ONE_SEED: snprintf(text, size, "one seed says nothing about chance"); break;
  case LKS_EVIDENCE_IDENTICAL:
    snprintf(text, size,
             "the same result for each of %zu seeds: without spread they say nothing about chance",
             pair->count);
    break;
  case LKS_EVIDENCE_NO_SPREAD:
    snprintf(text, size, "%+.*f%s for each of %zu seeds: without spread they say nothing about chance",
             question->digits, pair->mean, question->unit, pair->count);
    break;
  default: snprintf(text, size, "no verdict: a result is missing or not finite"); break;
  }
}

lks_verdict lks_verdict_write(char *text, size_t size, const lks_question *question, const lks_paired *pair,
                              double adjusted_p, size_t comparisons, bool same_computation)
{
  lks_verdict verdict = decide(question, pair, adjusted_p, same_computation);
  switch (verdict) {
  case LKS_VERDICT_SAME: snprintf(text, size, "the same computation: the difference is exactly 0"); break;
  case LKS_VERDICT_BETTER:
  case LKS_VERDICT_WORSE: write_difference(text, size, question, pair); break;
  case LKS_VERDICT_EQUIVALENT: write_equivalent(text, size, question, pair, adjusted_p, comparisons); break;
  case LKS_VERDICT_UNDECIDED: write_undecided(text, size, question, pair, adjusted_p, comparisons); break;
  case LKS_VERDICT_NONE: write_no_verdict(text, size, question, pair); break;
  }
  return verdict;
}
