#ifndef LKS_TRAIN_BEST_EPOCH_H
#define LKS_TRAIN_BEST_EPOCH_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/config.h"
#include "train/metrics.h"

/* Which of the epochs of a run is the best one: for the checkpoint of the best epoch (best_checkpoint.c) and for early
 * stopping (early_stopping.c). */

/** An epoch, and what it is judged by; epoch 0: none. */
typedef struct lks_best {
  size_t epoch, step;
  double value;
} lks_best;

/** Local. In words: "test accuracy". */
const char *lks_best_name(lks_best_metric metric);
/** Local. What a row says of it; NaN: not measured. */
double lks_best_value(const lks_metrics_row *row, lks_best_metric metric);
/** Local. Of equal ones the first stays, and what is no number never comes first. */
bool lks_best_is_beaten(const lks_best *best, double value, lks_best_metric metric);

/** Local (rank 0). The rows of a run's metrics.csv up to an epoch, freed with lks_free; none when there is no such file yet.
 * LKS_ERR_DATA, LKS_ERR_IO when it cannot be read. */
lks_status lks_best_rows(lks_metrics_row **row, size_t *count, const char *folder, size_t epoch);

#endif
