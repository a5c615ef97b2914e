#ifndef LKS_TRAIN_CHECKPOINT_FILES_H
#define LKS_TRAIN_CHECKPOINT_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/config.h"
#include "lockstep/status.h"

/* The checkpoints of a run directory: files checkpoint-STEP.h5, the link last.h5 to the one that the run goes on from, and
 * with --keep-best the link best.h5. It is for rank 0. */

enum { LKS_CHECKPOINT_PATH = LKS_TEXT_MAX + 64 };

/** What a run can go on from, in the order in which it is tried. */
typedef struct lks_checkpoint_files {
  char folder[LKS_TEXT_MAX];
  char first[LKS_CHECKPOINT_PATH]; /* what last.h5 is or leads to, when that is none of the steps; else "" */
  size_t count;                    /* with `first` */
  size_t *step;                    /* the newest first */
  size_t newer;                    /* of them: newer than what last.h5 leads to */
} lks_checkpoint_files;

/** Local. PATH of checkpoint-STEP.h5 in a folder. */
void lks_checkpoint_files_path(char path[LKS_CHECKPOINT_PATH], const char *folder, size_t step);

/** Local. What there is: what last.h5 leads to, whether or not it is there, and then the others: those before it, the
 * newest first, and at last those after it, the oldest first, which nobody had linked yet. Without the link the newest
 * first. A folder that is not there has none. LKS_ERR_IO. To be cleared. */
lks_status lks_checkpoint_files_find(lks_checkpoint_files *files, const char *folder);
/** Local. PATH of the file of that number, below count. */
void lks_checkpoint_files_get(char path[LKS_CHECKPOINT_PATH], const lks_checkpoint_files *files,
                              size_t number);
/** Local. */
void lks_checkpoint_files_clear(lks_checkpoint_files *files);

/** Local. Points last.h5 at checkpoint-STEP.h5: a reader sees the old target or the new. On return that outlasts a power
 * failure. LKS_ERR_IO, the old link still being there, or the new one. */
lks_status lks_checkpoint_files_link(const char *folder, size_t step);

/** Local. The same for best.h5, which is left alone when it leads there already. */
lks_status lks_checkpoint_files_link_best(const char *folder, size_t step);

/** Local. Removes the checkpoints before STEP, which is safe already, but for it and the keep - 1 newest before it; none
 * when keep is 0. What last.h5 and best.h5 lead to stays, and so does what is newer than STEP. LKS_ERR_IO. */
lks_status lks_checkpoint_files_prune(const char *folder, size_t keep, size_t step);

#endif
