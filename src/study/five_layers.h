#ifndef LKS_STUDY_FIVE_LAYERS_H
#define LKS_STUDY_FIVE_LAYERS_H

#include "study/study.h"

/* The network that the studies drift and landscape look into while it learns: five layers of 100 relu, 120 steps of
 * plain gradient descent at a constant rate. */

/** Local. Adds a comparison of it; probes: lks_probe, one bit each. */
lks_status lks_five_layers_part_add(lks_comparison **comparison, lks_study_plan *plan, const char *name,
                                    unsigned probes);

/** Local. Adds the reading `final_loss`, the mean training loss of the mini-batches of the last tenth of the steps.
 * *whole false, and nothing added, when the run diverged before its end: there is nothing to compare then. */
lks_status lks_five_layers_loss(bool *whole, lks_readings *readings, const lks_study_run *run);

/** Local. Adds two readings of a column of a probe's table, NaN left out: `quantity`, the value in the middle of the
 * steps, and `mean_quantity`, the mean over them. The column's values stand `stride` numbers apart. */
lks_status lks_five_layers_column(lks_readings *readings, const lks_study_run *run, const char *quantity,
                                  const char *mean_quantity, const double *first, size_t stride,
                                  size_t count);

#endif
