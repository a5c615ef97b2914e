#ifndef LKS_COMPARE_COMPARISON_RUNS_H
#define LKS_COMPARE_COMPARISON_RUNS_H

#include "compare/comparison.h"
#include "lockstep/comm.h"

/** What of a comparison this job runs: everything, one run, or the choice of one arm's learning rate. */
typedef struct lks_comparison_part {
  bool all;
  size_t arm;
  bool tune;
  size_t seed; /* from 0 */
} lks_comparison_part;

/** Local. Reads "ARM:SEED" or "ARM:tune" of a comparison; NULL or "" is everything. LKS_ERR_USAGE if there is
 * no such run. */
lks_status lks_comparison_part_parse(lks_comparison_part *part, const lks_comparison *comparison,
                                     const char *text);

/** Collective; comparison and part equal on all ranks. Trains what is not finished yet: runs that were
 * interrupted continue, finished ones are left alone. A run that diverges does not stop the others; it is written
 * down (result.ini) and not tried again, and LKS_ERR_DIVERGED at the end names the first, then as later. Datasets
 * and models of all arms are looked at before the first run. LKS_STOPPED after a request to stop. */
lks_status lks_comparison_train_all(lks_comm *comm, lks_comparison *comparison,
                                    const lks_comparison_part *part);

#endif
