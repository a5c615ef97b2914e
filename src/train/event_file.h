#ifndef LKS_TRAIN_EVENT_FILE_H
#define LKS_TRAIN_EVENT_FILE_H

#include "train/metrics.h"
#include "train/run_tables.h"

/* The event file of TensorBoard in a run directory: the rows of metrics.csv as scalars, over the optimizer's steps. A record is
 * its length (8 bytes), a masked CRC-32C of that, the message, and a masked CRC-32C of the message; numbers have their lowest
 * byte first. A message is an Event in the wire format of protocol buffers. Source: tensorflow/core/util/event.proto (Event:
 * wall_time 1, step 2, file_version 3, summary 5), framework/summary.proto (Summary: value 1; Value: tag 1, simple_value 2),
 * lib/io/record_writer.h. */

#define LKS_EVENT_FILE "events.out.tfevents.0.lockstep"

/** Local (rank 0). Appends a row, what was not measured left out. */
lks_status lks_event_append(lks_run_tables *tables, const lks_metrics_row *row);

/** Local (rank 0). Drops the rows behind a step, and what stands behind a record that is damaged or cut off. */
lks_status lks_event_truncate(const char *folder, size_t step);

/** Local. The work of it: moves the records that stay to the front of data[bytes]; returns their bytes. */
size_t lks_event_keep(char *data, size_t bytes, size_t step);

#endif
