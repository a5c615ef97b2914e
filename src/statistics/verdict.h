#ifndef LKS_STATISTICS_VERDICT_H
#define LKS_STATISTICS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "statistics/statistics.h"

typedef enum lks_verdict {
  LKS_VERDICT_NONE,       /* the seeds say nothing: none or one of them, or no spread among them */
  LKS_VERDICT_SAME,       /* the same computation, and a difference of exactly 0 */
  LKS_VERDICT_BETTER,     /* than the reference, beyond chance */
  LKS_VERDICT_WORSE,      /* the same the other way */
  LKS_VERDICT_EQUIVALENT, /* no difference as large as the margin */
  LKS_VERDICT_UNDECIDED
} lks_verdict;

enum { LKS_VERDICT_BYTES = 200 }; /* holds every sentence */

/** What a verdict is about. */
typedef struct lks_question {
  const char *more, *less; /* "better", "worse" */
  const char *unit;        /* " points", behind a number; "" */
  int digits;              /* behind the point, at least */
  bool less_is_better;
  double margin; /* of equivalence, in the unit; 0: none is known, and equality is not asked for */
} lks_question;

/** Local. Accuracies in percent, whose differences are points; losses. */
lks_question lks_question_accuracy(double margin);
lks_question lks_question_loss(void);

/** Local. Decides about an arm and says it in plain words: "better by 0.31 points [0.12, 0.50]". text[size] out,
 * cut off if too short. adjusted_p: pair's p after lks_holm_adjust over `comparisons` arms. Significance is
 * asked first, then equivalence within the margin. same_computation: the two arms are known to have computed
 * the same bits, by what was configured or by equal fingerprints; equal accuracies alone do not show it. */
lks_verdict lks_verdict_write(char *text, size_t size, const lks_question *question, const lks_paired *pair,
                              double adjusted_p, size_t comparisons, bool same_computation);

/** Local. Whether the interval leaves out 0 though the verdict, which counts all comparisons, does not stand:
 * what is said of the one has to mention the other. */
bool lks_verdict_of_interval_alone(const lks_paired *pair, double adjusted_p);

/** Local. "+0.31 points [+0.12, +0.50]", or what stands for it when there is no interval. */
void lks_difference_write(char *text, size_t size, const lks_question *question, const lks_paired *pair);

#endif
