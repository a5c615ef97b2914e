#ifndef LKS_TEST_MADE_UP_RESULTS_H
#define LKS_TEST_MADE_UP_RESULTS_H

#include "compare/results.h"

/** A comparison that nobody ran. Finished runs whose test error is a U over the normalization batch, best at
 * 32; arms of the same group are the same to the bit. Freed with lks_results_destroy. */
typedef struct made_up_plan {
  const char *directory, *arms; /* "sync,32,none"; or arms of any settings: "base:|none:bn=none|" */
  size_t seeds, epochs, layers;
  double spread; /* of accuracies over seeds, in points */
} made_up_plan;

/** Its data have ten even classes and 360 test samples: this run stays at chance, or diverges in its last epoch. */
void made_up_failure(lks_results *results, size_t arm, size_t seed, bool diverges);

lks_results *made_up_results(const made_up_plan *from);

#endif
