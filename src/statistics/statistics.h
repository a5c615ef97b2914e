#ifndef LKS_STATISTICS_STATISTICS_H
#define LKS_STATISTICS_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/random.h"

/* The arithmetic of a comparison, from plain numbers: nothing here knows what was trained. What cannot be
 * computed is NaN. */

/** The significance level of every test, and of one minus every interval. */
#define LKS_SIGNIFICANCE 0.05

/** Local. Median of the last five of count values, or of all if there are fewer: the result of a run from its
 * epochs. NaN if there are none, or one of them is NaN. */
double lks_median_of_last_five(const double *values, size_t count);

/** Local. Mean (NaN of none) and unbiased standard deviation (divided by count - 1; NaN of fewer than two). */
double lks_mean(const double *values, size_t count);
double lks_standard_deviation(const double *values, size_t count);

/** Local. Sorts the values and returns the share-quantile (0.5: the median), between two values the weighted
 * mean; NaN of none. */
double lks_quantile(double *values, size_t count, double share);

/** What the paired differences allow to be said. */
typedef enum lks_evidence {
  LKS_EVIDENCE_NONE,      /* no pair, or a value that is not finite: all numbers are NaN */
  LKS_EVIDENCE_ONE_SEED,  /* a difference, but neither spread nor interval nor p (NaN) */
  LKS_EVIDENCE_IDENTICAL, /* every difference is exactly 0: the interval is [0, 0] and p = 1 */
  LKS_EVIDENCE_NO_SPREAD, /* every difference is the same, not 0, but for rounding: no interval, no p */
  LKS_EVIDENCE_INTERVAL   /* the usual case */
} lks_evidence;

/** An arm against the reference. In the unit of its values. */
typedef struct lks_paired {
  lks_evidence evidence;
  size_t count;                              /* pairs, that is seeds */
  double mean;                               /* of arm - reference */
  double standard_deviation, standard_error; /* of the differences; of their mean */
  double low, high;                          /* 95% interval of the mean */
  double t, p;                               /* paired t test, two-sided */
} lks_paired;

/** Local. Paired t test of arm[count] against reference[count], value i of both from seed i. Differences that
 * are all alike have no measurable spread: coarse accuracies of two or three seeds often agree, and
 * Student's formula would then give an interval of width 0. Source: Student 1908, "The probable error of a
 * mean". */
lks_paired lks_paired_compare(const double *arm, const double *reference, size_t count);

enum { LKS_SIGN_FLIP_EXACT = 20, LKS_SIGN_FLIP_DRAWS = 100000 };

/** Local. Two-sided p of the mean difference, when each difference might as well have had the other sign. All
 * 2^count signs up to LKS_SIGN_FLIP_EXACT pairs (the key may then be NULL); above, LKS_SIGN_FLIP_DRAWS of
 * them drawn under the key, and (hits + 1) / (draws + 1). A hit is a mean at least as far from 0 as the
 * observed one; means nearer than 1e-12 of the values are equal, for a difference carries the rounding of
 * its two values. An exact p is never below 2^(1 - count). NaN of no pairs, or of values that are not
 * finite. Sources: Fisher 1935, "The design of experiments", section 21; Phipson & Smyth 2010 for the added
 * one. */
double lks_sign_flip_p(const double *arm, const double *reference, size_t count, const lks_random_key *key);

/** Local. p-values corrected for being `count` tests: rejecting those below LKS_SIGNIFICANCE is wrong about any of
 * them in at most that share of families. adjusted[count] out; p[count] in; no aliasing. NaN stays NaN and
 * does not count as a test. Source: Holm 1979, "A simple sequentially rejective multiple test procedure". */
void lks_holm_adjust(double *restrict adjusted, const double *restrict p, size_t count);

typedef struct lks_equivalence {
  double p;         /* the larger one of the two tests' */
  double low, high; /* 90% interval: inside of the margin exactly when p < LKS_SIGNIFICANCE */
  bool equivalent;  /* p < LKS_SIGNIFICANCE */
} lks_equivalence;

/** Local. Two one-sided t tests: is the mean difference inside of (-margin, margin)? margin > 0, in
 * the unit of the values. NaN and false where there is no interval. Source: Schuirmann 1987, "A comparison
 * of the two one-sided tests procedure and the power approach". */
lks_equivalence lks_equivalence_test(const lks_paired *pair, double margin);

enum { LKS_SEEDS_MOST = 100000 };

/** Local. The fewest seeds whose 95% interval reaches no farther than delta to either side, at this standard
 * deviation of the differences: t(0.975, n-1) s / sqrt(n) <= delta. At least 2. LKS_SEEDS_MOST stands for
 * that many or more, and is the answer to arguments that make no sense. Only the width of the interval is
 * asked for: a true difference of just delta is then found significant by about every other study. */
size_t lks_seeds_needed(double standard_deviation, double delta);

#endif
