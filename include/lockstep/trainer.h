#ifndef LOCKSTEP_TRAINER_H
#define LOCKSTEP_TRAINER_H

#include "lockstep/checkpoint.h"
#include "lockstep/comm.h"
#include "lockstep/config.h"
#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** What a run ended with. */
typedef struct lks_train_summary {
  char fingerprint[33];
  size_t epochs, steps;
  double train_loss, train_accuracy, test_loss, test_accuracy; /* of the last epoch; NaN: not measured */
  double precise_loss,
      precise_accuracy;     /* on the test samples with statistics recomputed; NaN: not asked for */
  double images_per_second; /* of all training steps of this job */
  double bn_share;          /* of their time that went into batch-norm communication, mean over ranks */
  double seconds;
} lks_train_summary;

/** What a caller that trains many networks adds to a run. */
typedef struct lks_train_hooks {
  const lks_dataset *dataset; /* borrowed, of config->data; NULL: it is opened and closed */
  bool quiet;                 /* print warnings alone */
  bool precise;               /* evaluate with recomputed statistics too, when all epochs are done */
  /* after each mini-batch, on every rank, or NULL; mean_loss: of the epoch so far */
  void (*step)(void *context, size_t step, size_t samples, double mean_loss);
  void *context;
} lks_train_hooks;

/** Collective; config equal on all ranks. Trains as config says: opens the dataset, makes or resumes the run
 * directory, prints progress, writes metrics and checkpoints. LKS_STOPPED after a request to stop, with a
 * checkpoint. LKS_ERR_DIVERGED: summary says how many epochs and steps were done before, and nothing else. */
lks_status lks_train_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config);
/** Collective. The same for a caller that brings hooks, equal on all ranks. */
lks_status lks_train_hooked_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config,
                                const lks_train_hooks *hooks);

/** Which statistics lks_evaluate_all uses. */
typedef enum lks_statistics {
  LKS_STATISTICS_RUNNING,
  LKS_STATISTICS_PRECISE,
  LKS_STATISTICS_BATCH
} lks_statistics;

typedef struct lks_evaluation {
  double loss, accuracy; /* means over the split */
  size_t samples;
} lks_evaluation;

typedef struct lks_evaluate_options {
  lks_statistics statistics; /* PRECISE: recomputed over the training split first */
  lks_precision_choice precision;
  lks_isa_choice isa;
  size_t threads;    /* of a rank; 0: as in the checkpoint */
  const char *cache; /* as lks_dataset_open_all has it */
} lks_evaluate_options;

/** Collective. Loss and accuracy of a checkpoint on the test split of a dataset. */
lks_status lks_evaluate_all(lks_evaluation *evaluation, lks_comm *comm, const char *checkpoint,
                            const char *data, const lks_evaluate_options *options);

/** Local. Handlers of SIGUSR1, SIGTERM and SIGINT that ask a run to stop at the end of its step; before
 * MPI_Init, for a signal may come early, and again after it, for MPICH takes SIGUSR1 for itself. */
void lks_stop_handlers_install(void);

LKS_PUBLIC_END

#endif
