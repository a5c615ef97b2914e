#ifndef LKS_TRAIN_METRICS_H
#define LKS_TRAIN_METRICS_H

#include <stddef.h>

#include "lockstep/status.h"

/** One row of metrics.csv and one line of metrics.jsonl: an epoch. */
typedef struct lks_metrics_row {
  size_t epoch, step; /* finished so far */
  double lr;          /* of the last step */
  double train_loss, train_accuracy, test_loss,
      test_accuracy;                 /* means; accuracies in 0..1; NaN: not measured */
  double images_per_second, seconds; /* of this epoch's training; since the start, all jobs together */
} lks_metrics_row;

/** Local (rank 0). Appends a row to DIR/metrics.csv (with its heading if new) and DIR/metrics.jsonl. Numbers
 * are printed so that reading gives the same bits (the shortest of 6 to 17 digits that does); NaN is empty in
 * CSV and null in JSON. */
lks_status lks_metrics_append(const char *directory, const lks_metrics_row *row);

struct lks_noise;
/** Local (rank 0). Appends one row a batch norm to DIR/noise.csv:
 * epoch,layer,channels,values,steps,mean,variance,theory, effective_samples (lks_noise in
 * lockstep/network.h). */
lks_status lks_metrics_append_noise(const char *directory, size_t epoch, const struct lks_noise *noise);

/** Local (rank 0). Drops the rows of epochs after `epoch`: what a resumed run will write again. */
lks_status lks_metrics_truncate(const char *directory, size_t epoch);

#endif
