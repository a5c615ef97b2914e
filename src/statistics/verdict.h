#ifndef LKS_STATISTICS_VERDICT_H
#define LKS_STATISTICS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "statistics/statistics.h"

typedef enum lks_verdict {
  LKS_VERDICT_NONE,       /* the seeds say nothing: none or one of them, or no spread among them */
  LKS_VERDICT_SAME,       /* the same computation, and a difference of exactly 0 */
  LKS_VERDICT_BETTER,     /* a larger value than the reference's, beyond chance */
  LKS_VERDICT_WORSE,      /* a smaller one */
  LKS_VERDICT_EQUIVALENT, /* no difference as large as the margin */
  LKS_VERDICT_UNDECIDED
} lks_verdict;

enum { LKS_VERDICT_BYTES = 160 }; /* holds every sentence */

/** Local. Decides about an arm's accuracy and says it in plain words: "better by 0.31 points [0.12, 0.50]".
 * text[size] out, cut off if too short. pair: of accuracies in percent, so that differences are points.
 * adjusted_p: pair's p after lks_holm_adjust over all arms. Significance is asked first, then equivalence
 * within the margin (points). same_computation: the two arms are known to have computed the same bits, by
 * what was configured or by equal fingerprints; equal accuracies alone do not show it. */
lks_verdict lks_verdict_write(char *text, size_t size, const lks_paired *pair, double adjusted_p,
                              double margin, bool same_computation);

#endif
