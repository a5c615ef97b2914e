#ifndef LKS_TRAIN_CHECKPOINT_WRITER_H
#define LKS_TRAIN_CHECKPOINT_WRITER_H

#include "checkpoint/draft.h"
#include "train/run_tables.h"

/** Writes one checkpoint at a time, in a thread of its own, while the run goes on: the rows of the tables before it, the file, the
 * links to it, and then the removal of those that are too old. */
typedef struct lks_checkpoint_writer lks_checkpoint_writer;

typedef struct lks_checkpoint_order {
  lks_checkpoint_draft *draft; /* the writer's from here on */
  const char *folder;          /* borrowed, as tables are */
  lks_run_tables *tables;
  size_t step, keep; /* keep: newest checkpoints that stay; 0: all */
  bool best;         /* best.h5 leads to it */
} lks_checkpoint_order;

/** What became of it. */
typedef struct lks_checkpoint_written {
  lks_status status; /* of the file and last.h5; what was there before is there still if it failed */
  lks_status linked; /* of best.h5 */
  lks_status pruned;
  char message[3][512]; /* of these three */
} lks_checkpoint_written;

/** Local. */
lks_status lks_checkpoint_writer_create(lks_checkpoint_writer **writer);
/** Local. Waits for what is under way. Takes NULL, sets NULL. */
void lks_checkpoint_writer_destroy(lks_checkpoint_writer **writer);

/** Local. Nothing may be under way. Where the system starts no thread it is written before this returns. */
void lks_checkpoint_writer_start(lks_checkpoint_writer *writer, const lks_checkpoint_order *order);
/** Local. Whether nothing is under way any more. */
bool lks_checkpoint_writer_is_done(lks_checkpoint_writer *writer);
/** Local. Waits for it. What became of the last one. */
void lks_checkpoint_writer_wait(lks_checkpoint_writer *writer, lks_checkpoint_written *written);

#endif
