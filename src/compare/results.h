#ifndef LKS_COMPARE_RESULTS_H
#define LKS_COMPARE_RESULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "compare/comparison.h"
#include "lockstep/model.h"
#include "statistics/chance.h"
#include "train/metrics.h"

/** The noise of one batch norm in one run, averaged over the epochs (noise.csv, see lks_noise in
 * lockstep/network.h). */
typedef struct lks_noise_row {
  char layer[LKS_NAME_MAX];
  size_t channels, values;
  double variance_of_mean, variance_of_variance, theory, effective_samples;
} lks_noise_row;

/** What result.ini of a run that came to its end holds. */
typedef struct lks_run_result {
  bool diverged;      /* no fingerprint ("") then, and no figures: NaN */
  size_t diverged_at; /* steps that were done before it diverged */
  bool has_epochs;    /* older files do not say: */
  size_t epochs;      /* that metrics.csv holds */
  char fingerprint[33];
  double lr;                             /* of this arm */
  double precise_loss, precise_accuracy; /* on the test set, statistics recomputed; NaN without batch norm */
  double images_per_second;              /* times: these depend on the machine, all above does not */
  double bn_share;                       /* batch-norm communication, share of the training time */
  int ranks, threads, hosts;
} lks_run_result;

/** Local (rank 0). Writes DIR/result.ini, which says that the run in DIR is finished; and reads it. *done
 * false: none there. */
lks_status lks_run_result_write(const char *directory, const lks_run_result *result);
lks_status lks_run_result_read(lks_run_result *result, bool *done, const char *directory);

/** Local. Says behind the message of a damaged file of the run in DIR what to do, and returns LKS_ERR_DATA;
 * passes other failures than LKS_ERR_USAGE and LKS_ERR_DATA on. */
lks_status lks_run_damaged(lks_status status, const char *directory);

/** All of one run. */
typedef struct lks_run {
  bool done;     /* finished or diverged: nothing is left to do */
  bool diverged; /* done, without figures; row holds the epochs before that */
  lks_run_result result;
  size_t epochs;
  lks_metrics_row *row; /* [epochs]; owned by the results */
  size_t noises;
  lks_noise_row *noise; /* [noises]; owned by the results */
} lks_run;

/** All runs of a comparison. */
typedef struct lks_results {
  lks_comparison comparison;
  lks_run *run;      /* [arms][seeds] */
  lks_chance chance; /* what guessing comes to in its data (lks_class_shares_find) */
} lks_results;

/** Local. Reads every run directory of a comparison; a run that is not finished is there with done false.
 * LKS_ERR_DATA names the file that is damaged, or whose config.ini is not of this comparison, and what to do;
 * nothing is changed on disk but DIR/classes.ini, which is made when it is missing. */
lks_status lks_results_read(lks_results **results, const char *directory);
void lks_results_destroy(lks_results **results);
static inline const lks_run *lks_results_run(const lks_results *results, size_t arm, size_t seed)
{
  return &results->run[arm * results->comparison.seeds + seed];
}

#endif
