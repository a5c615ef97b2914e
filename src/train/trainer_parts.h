#ifndef LKS_TRAIN_TRAINER_PARTS_H
#define LKS_TRAIN_TRAINER_PARTS_H

#include "lockstep/optimizer.h"
#include "lockstep/profile.h"
#include "lockstep/trainer.h"
#include "train/evaluation.h"
#include "train/metrics.h"
#include "train/probe.h"
#include "train/progress.h"

/* The inside of a training run, shared by trainer.c (the run) and trainer_prepare.c (what it stands on). */

typedef struct lks_trainer {
  lks_comm *comm;
  lks_config config;
  lks_train_hooks hooks;
  lks_dataset *opened;        /* by this run; NULL when the hooks brought one */
  const lks_dataset *dataset; /* the one to use */
  lks_selection *selection;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *train, *test;
  lks_progress *progress; /* rank 0 */
  lks_probes *probes;     /* NULL: none are asked for */
  lks_profile profile;
  lks_run_state state;
  double *lr;                   /* [steps of an epoch] */
  double begun, seconds_before; /* of this job; of the jobs before it */
  double deadline;              /* to stop at; rank 0's counts, when the others have none */
  size_t images, checkpointed;  /* trained on in this job; step of the newest checkpoint, SIZE_MAX: none */
  double training_seconds;
  lks_metrics_row row; /* of the last epoch */
  bool reached;        /* the accuracy to stop at */
} lks_trainer;

/** Collective. Everything that a run stands on; continues from the checkpoint `resume_from` unless that is
 * empty. Writes nothing. */
lks_status lks_trainer_prepare_all(lks_trainer *trainer, const char *resume_from);
/** Collective. Frees it; a part that was never made too. */
void lks_trainer_release_all(lks_trainer *trainer);

/** Local. What is about to run, and warnings about settings that could be better (rank 0 prints). */
void lks_trainer_announce(const lks_trainer *trainer, const char *resume_from);

#endif
