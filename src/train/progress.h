#ifndef LKS_TRAIN_PROGRESS_H
#define LKS_TRAIN_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/settings.h"

/** Shows how a run gets on: a bar that is drawn over on a terminal, plain lines (without control characters)
 * elsewhere. */
typedef struct lks_progress lks_progress;

/** Local (rank 0). AUTO is a bar if a terminal of known width shows standard output, else plain lines; nothing is
 * shown at all where lks_log_quiet is set. epochs
 * and steps_per_epoch are those of the whole run; done: steps done before this job. NULL and a message when
 * out of memory. */
lks_progress *lks_progress_create(lks_display display, size_t epochs, size_t steps_per_epoch, size_t done);
void lks_progress_destroy(lks_progress **progress); /* the bar goes away */

/** Local. The run that begins at `first_step` is one of many: `title` stands before its epochs, which are
 * counted from there and have `steps_per_epoch` of their own; rate and ETA go on being those of the whole.
 * progress may be NULL. */
void lks_progress_run(lks_progress *progress, const char *title, size_t first_step, size_t epochs,
                      size_t steps_per_epoch);

/** Local. Several runs are under way from here on: `title` says how they stand, and the steps are those of the whole.
 * progress may be NULL. */
void lks_progress_many(lks_progress *progress, const char *title);

/** Local. One mini-batch of `samples` done; draws at most 10 times a second: epoch, bar, loss so far,
 * images/s, ETA of the run. Plain mode prints a line at most every 30 seconds here. progress may be NULL. */
void lks_progress_step(lks_progress *progress, size_t step, size_t samples, double mean_loss);

/** Local. A whole line that stays (the bar is wiped and drawn again below it). Works with progress NULL:
 * prints nothing. */
void lks_progress_line(lks_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
