#ifndef LKS_TRAIN_STEP_LOG_H
#define LKS_TRAIN_STEP_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"
#include "train/run_tables.h"

/** The first line of steps.csv. */
#define LKS_STEPS_HEADING "step,epoch,lr,train_loss,train_accuracy,test_loss,test_accuracy\n"

/** A row of steps.csv. */
typedef struct lks_step_row {
  size_t step, epoch;                /* steps done; the epoch under way, from 1 */
  double lr;                         /* of this step */
  double train_loss, train_accuracy; /* of the step's mini-batch, before its update */
  double test_loss, test_accuracy;   /* after it, on the test samples; NaN: not measured */
} lks_step_row;

/** Local (rank 0). Appends a row to steps.csv. */
lks_status lks_step_log_append(lks_run_tables *tables, const lks_step_row *row);

/** Local (rank 0). Drops the rows behind `step`. */
lks_status lks_step_log_truncate(const char *directory, size_t step);

/** Local. The rows of DIR/steps.csv, in order; *row is freed with lks_free and NULL when there are none.
 * LKS_ERR_DATA with FILE:LINE when the file is damaged, LKS_ERR_IO when it cannot be read. */
lks_status lks_step_log_read(lks_step_row **row, size_t *count, const char *directory);

/** Local. Of the first row whose test accuracy is at least `accuracy`; false: there is none. */
bool lks_step_log_reached(size_t *step, const lks_step_row *row, size_t count, double accuracy);

#endif
