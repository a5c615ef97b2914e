#ifndef LKS_COMPARE_TUNING_H
#define LKS_COMPARE_TUNING_H

#include "compare/comparison.h"

/** The choice of one arm's learning rate on held-out training samples, as DIR/tune/ARM.ini records it. */
typedef struct lks_tuning {
  size_t rates, chosen;
  double rate[LKS_RATES_MAX];
  double accuracy[LKS_RATES_MAX],
      loss[LKS_RATES_MAX]; /* held-out, medians of the last five epochs; NaN: diverged */
} lks_tuning;

/** Local. The settings of the run that tries rate `rate` of an arm: the first seed, in DIR/tune/ARM/lr-X,
 * judged on the comparison's tune_holdout training samples. */
void lks_tuning_run_config(lks_config *config, const lks_comparison *comparison, size_t arm, size_t rate);

/** Local (rank 0). *done false when nothing is recorded yet. LKS_ERR_DATA for a damaged file. */
lks_status lks_tuning_read(lks_tuning *tuning, bool *done, const lks_comparison *comparison, size_t arm);

/** Local (rank 0). Chooses from the finished runs of an arm's rates and records it: the highest held-out
 * accuracy, among equals the lower loss. LKS_ERR_DIVERGED when none of them came to an end. */
lks_status lks_tuning_choose(const lks_comparison *comparison, size_t arm);

#endif
