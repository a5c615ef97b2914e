#ifndef LKS_STUDY_EFFECT_H
#define LKS_STUDY_EFFECT_H

#include <stdbool.h>
#include <stdio.h>

#include "statistics/statistics.h"
#include "statistics/verdict.h"
#include "study/readings.h"

typedef enum lks_effect_kind {
  LKS_EFFECT_DIFFERENCE, /* of two readings of a seed */
  LKS_EFFECT_RATIO, /* first over second (or over `against`), both above 0; mean and interval are those of the
                     * logarithms */
  LKS_EFFECT_VALUE  /* a reading less a number that is known: `against` */
} lks_effect_kind;

/** An effect as a study declares it: what is compared with what. */
typedef struct lks_effect {
  const char *name; /* of what on what, to be followed by ": lower by ..." */
  lks_effect_kind kind;
  const char *arm, *quantity;
  const char *reference, *reference_quantity; /* NULL: the same arm, the same quantity */
  double against;
  double scale;            /* readings times this are printed; 0: 1; 100 makes points of shares */
  const char *unit;        /* "points", or "" */
  double margin;           /* of equivalence, in what is printed; 0: none is asked for */
  bool full;               /* of the long version alone */
  const char *more, *less; /* of a ratio: "3 times MORE", "3 times LESS"; NULL: as large, smaller */
} lks_effect;

enum { LKS_EFFECT_SENTENCE = 200 };

/** What the seeds say about it. */
typedef struct lks_finding {
  lks_paired pair;                    /* in the printed unit; of logarithms for ratios */
  double mean, low, high;             /* as printed: of ratios the ratio itself */
  size_t missing;                     /* seeds without one of the two readings */
  double p;                           /* corrected for the number of effects of the study (Holm) */
  lks_verdict verdict;                /* BETTER: the first is larger, WORSE: it is smaller, beyond chance */
  char sentence[LKS_EFFECT_SENTENCE]; /* "lower by 0.085 [0.060, 0.110]" */
} lks_finding;

/** Local. Findings of `count` effects, one family of tests, from the readings of the seeds. */
lks_status lks_findings_make(lks_finding *finding, const lks_effect *effect, size_t count,
                             const lks_readings *readings, uint64_t first_seed, size_t seeds);

/** Local. Whether the first is larger (smaller) beyond chance. */
static inline bool lks_finding_more(const lks_finding *finding)
{
  return finding->verdict == LKS_VERDICT_BETTER;
}
static inline bool lks_finding_less(const lks_finding *finding)
{
  return finding->verdict == LKS_VERDICT_WORSE;
}

/** Local. "0.085", "17", "1.6": about so many significant digits as the width of an interval justifies. */
void lks_effect_number(char *text, size_t size, double value, double width);

/** Mean over the seeds that have it, and its 95% interval; of width 0 for one seed. */
typedef struct lks_spread {
  size_t count;
  double mean, low, high;
} lks_spread;

/** Local. */
lks_spread lks_readings_spread(const lks_readings *readings, const char *arm, const char *quantity,
                               uint64_t first_seed, size_t seeds);
/** Local. The same of their logarithms, taken back: the geometric mean. */
lks_spread lks_readings_spread_of_logs(const lks_readings *readings, const char *arm, const char *quantity,
                                       uint64_t first_seed, size_t seeds);

#endif
