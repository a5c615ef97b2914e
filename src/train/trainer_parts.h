#ifndef LKS_TRAIN_TRAINER_PARTS_H
#define LKS_TRAIN_TRAINER_PARTS_H

#include "base/lock.h"
#include "lockstep/optimizer.h"
#include "lockstep/profile.h"
#include "lockstep/trainer.h"
#include "train/best_epoch.h"
#include "train/checkpoint_files.h"
#include "train/checkpoint_writer.h"
#include "train/evaluation.h"
#include "train/metrics.h"
#include "train/probe.h"
#include "train/progress.h"
#include "train/request_files.h"
#include "train/step_back.h"

/* The inside of a training run, shared by trainer.c (the run), trainer_prepare.c (what it stands on), keeping.c (its
 * checkpoints), best_checkpoint.c (that of the best epoch), early_stopping.c (the end of a run that gets no better), newest_checkpoint.c (the way back to one) and recovery.c (on from
 * there after a bad mini-batch). */

typedef struct lks_trainer {
  lks_comm *comm;
  lks_config config;
  lks_train_hooks hooks;
  lks_lock *lock;             /* rank 0: of the run directory */
  lks_dataset *opened;        /* by this run; NULL when the hooks brought one */
  const lks_dataset *dataset; /* the one to use */
  lks_selection *selection;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *train, *test;
  lks_progress *progress; /* rank 0 */
  lks_run_tables *tables; /* rank 0 */
  lks_probes *probes;     /* NULL: none are asked for */
  lks_profile profile;
  lks_run_state state;
  double *lr;                    /* [steps of an epoch] */
  double begun, seconds_before;  /* of this job; of the jobs before it */
  double deadline;               /* to stop at; rank 0's counts, when the others have none */
  size_t images, checkpointed;   /* trained on in this job; step of the newest checkpoint, SIZE_MAX: none */
  size_t writing;                /* step of the checkpoint that is being written; SIZE_MAX: none */
  lks_checkpoint_writer *writer; /* rank 0, once there was one */
  bool told;                     /* rank 0: what became of it */
  size_t unwritten, unpruned;    /* attempts at checkpoints that failed; at removing old ones */
  size_t unlinked;               /* at the link to the best one */
  lks_best best_before;          /* what best was when that checkpoint was taken */
  lks_best best;                 /* whose checkpoint is kept, as --keep-best judges it */
  lks_best watched;              /* of all epochs, for --early-stopping */
  double training_seconds;
  char resumed_from[LKS_CHECKPOINT_PATH]; /* the checkpoint; "": none */
  lks_metrics_row row;                    /* of the last epoch */
  lks_config resumed_with;                /* the settings of that checkpoint */
  size_t suspect;                         /* the step whose training pass gave a value that is not finite */
  bool reached;                           /* the accuracy to stop at */
  bool stale;                             /* it got no better for as long as --early-stopping allows */
  bool save;                              /* a checkpoint was asked for, and is not written yet */
  bool late;                              /* the interval from one to the next is over */
  double taken;                           /* when the last one was, on the clock of lks_seconds */
  lks_request_files files;                /* rank 0 */
  lks_step_back back; /* the run before the step under way, where something long follows it */
} lks_trainer;

/** Collective. Everything that a run stands on; a run that is resumed goes on from its newest good checkpoint, if it has
 * one. Writes nothing. */
lks_status lks_trainer_prepare_all(lks_trainer *trainer);
/** Collective. Frees it; a part that was never made too. */
void lks_trainer_release_all(lks_trainer *trainer);

/** Local. Spent on this run so far, all jobs together. */
double lks_trainer_seconds(const lks_trainer *trainer);

/** Local. Whether a warning is due after so many failures of a kind: the first, and then every tenth. */
bool lks_trainer_is_said(size_t failures);

/** Local. What is about to run, and warnings about settings that could be better (rank 0 prints). */
void lks_trainer_announce(const lks_trainer *trainer);

/** Collective. Opens the newest checkpoint of the run's folder that is whole, and tells of those that are not. NULL when
 * there are none at all. LKS_ERR_DATA, LKS_ERR_IO when none of them is, or the newest is of another run or of other data. */
lks_status lks_trainer_newest_all(lks_checkpoint **checkpoint, lks_trainer *trainer);
/** Collective. Opens a checkpoint that has to be one of this run. LKS_ERR_DATA when it is damaged; LKS_ERR_IO; LKS_ERR_USAGE
 * when it is whole, but of another run or of other data. */
lks_status lks_trainer_open_all(lks_checkpoint **checkpoint, lks_trainer *trainer, const char *path);
/** Collective. Goes back to that checkpoint: state, network and optimizer are as they were then. The tables are not
 * touched. Errors as in lks_trainer_newest_all; LKS_ERR_IO when there is none. */
lks_status lks_trainer_reload_all(lks_trainer *trainer);

/** Local. Whether the mini-batch of the next step is left out. */
bool lks_trainer_skips(const lks_trainer *trainer);
/** Collective; after LKS_ERR_DIVERGED. With --on-nan rollback, goes back to the newest checkpoint, from where the run goes
 * on without the mini-batch that did it. LKS_ERR_DIVERGED otherwise, or when too many were left out already, or none did
 * it. The tables are not touched. */
lks_status lks_trainer_recover_all(lks_trainer *trainer);

/** Local. Whether an epoch just ended that is better than all those before it whose checkpoints are kept; the first one is.
 * The same on all ranks. */
bool lks_trainer_is_best(const lks_trainer *trainer);
/** Collective. Points best.h5 at the checkpoint of this step, which is there, if it is the best. A link that cannot be made is
 * a warning, and the epoch does not count. */
lks_status lks_trainer_link_best_all(lks_trainer *trainer);
/** Local. This epoch, as the best one. */
lks_best lks_trainer_best_now(const lks_trainer *trainer);
/** Local. Now and then: that best.h5 does not lead to the checkpoint of this step (rank 0 prints). */
void lks_trainer_say_unlinked(lks_trainer *trainer, size_t step, const char *message);
/** Collective. Where a run goes on: of the epochs up to here whose checkpoints are there, and whole, the best one is what has
 * to be beaten, and what best.h5 leads to. Without --keep-best nothing. LKS_ERR_DATA, LKS_ERR_IO when metrics.csv cannot be
 * read. */
lks_status lks_trainer_find_best_all(lks_trainer *trainer);
/** Local. Which epoch it was (rank 0 prints). */
void lks_trainer_say_best(const lks_trainer *trainer);

/** Local. Looks at the row of the epoch that just ended, and says in `stale` whether --early-stopping ends the run with it. The
 * same on all ranks. */
void lks_trainer_watch(lks_trainer *trainer);
/** Collective. The same for all epochs before, where a run goes on. LKS_ERR_DATA, LKS_ERR_IO when metrics.csv cannot be
 * read. */
lks_status lks_trainer_watch_again_all(lks_trainer *trainer);
/** Local. That the test samples then have a say in what is kept of training (rank 0 prints). */
void lks_trainer_warn_of_watching(const lks_trainer *trainer);
/** Local. Why the run ends (rank 0 prints). */
void lks_trainer_say_stale(const lks_trainer *trainer);

/** Collective. Takes a checkpoint that is due, unless the newest is of this very step, and begins to write it; links and the
 * removal of those that are not to be kept follow it there. Waits for the one before, if that is still being written. That a file
 * cannot be written is a warning, now and then, and no failure: the run goes on. LKS_ERR_DIVERGED when a value is not finite, and
 * nothing is written. */
lks_status lks_trainer_checkpoint_all(lks_trainer *trainer);
/** Collective. The same, and waits until it is written. */
lks_status lks_trainer_checkpoint_now_all(lks_trainer *trainer);
/** Collective. The same where the run ends, or stops: LKS_ERR_IO if it cannot be written. */
lks_status lks_trainer_checkpoint_last_all(lks_trainer *trainer);
/** Collective. Waits for the checkpoint under way, if there is one. */
lks_status lks_trainer_settle_all(lks_trainer *trainer);
/** Local. Whether --checkpoint-interval asks for one; rank 0 decides for all. */
bool lks_trainer_interval_is_over(const lks_trainer *trainer);
/** Local (rank 0). Says what became of the checkpoint under way, once it is known. */
void lks_trainer_hear_of_checkpoint(lks_trainer *trainer);
/** Local. Before a run ends with a failure, whose message stays the one recorded last: the rows so far are on the disk. */
void lks_trainer_keep_rows(lks_trainer *trainer, lks_status outcome);

#endif
