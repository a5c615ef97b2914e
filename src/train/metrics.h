#ifndef LKS_TRAIN_METRICS_H
#define LKS_TRAIN_METRICS_H

#include <stddef.h>

#include "lockstep/status.h"
#include "train/run_tables.h"

/** One row of metrics.csv and one line of metrics.jsonl: an epoch. */
typedef struct lks_metrics_row {
  size_t epoch, step; /* finished so far */
  double lr;          /* of the last step */
  double train_loss, train_accuracy, test_loss,
      test_accuracy;                 /* means; accuracies in 0..1; NaN: not measured */
  double images_per_second, seconds; /* of this epoch's training; since the start, all jobs together */
} lks_metrics_row;

/** Local (rank 0). Appends a row to metrics.csv (with its heading if new) and metrics.jsonl. Numbers
 * are printed so that reading gives the same bits (the shortest of 6 to 17 digits that does); NaN is empty in
 * CSV and null in JSON. */
lks_status lks_metrics_append(lks_run_tables *tables, const lks_metrics_row *row);

struct lks_noise;
/** The first line of noise.csv. Columns mean and variance are variance_of_mean and variance_of_variance of
 * lks_noise in lockstep/network.h. */
#define LKS_NOISE_HEADING "epoch,layer,channels,values,steps,mean,variance,theory,effective_samples\n"
/** Local (rank 0). Appends one row, of an epoch and a batch norm, to noise.csv. */
lks_status lks_metrics_append_noise(lks_run_tables *tables, size_t epoch, const struct lks_noise *noise);

/** Local (rank 0). Drops the rows of epochs after `epoch`: what a resumed run will write again. */
lks_status lks_metrics_truncate(const char *directory, size_t epoch);

/** Local. The rows of DIR/metrics.csv, epochs 1, 2, ... in order; *row is freed with lks_free and NULL when
 * there are none. LKS_ERR_DATA with FILE:LINE when the file is damaged, LKS_ERR_IO when it cannot be read. */
lks_status lks_metrics_read(lks_metrics_row **row, size_t *epochs, const char *directory);

#endif
