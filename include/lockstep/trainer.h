#ifndef LOCKSTEP_TRAINER_H
#define LOCKSTEP_TRAINER_H

#include "lockstep/checkpoint.h"
#include "lockstep/comm.h"
#include "lockstep/config.h"

/** What a run ended with. */
typedef struct lks_train_summary {
  char fingerprint[33];
  size_t epochs, steps;
  double train_loss, train_accuracy, test_loss, test_accuracy; /* of the last epoch; NaN: not measured */
  double images_per_second; /* of all training steps of this job */
  double seconds;
} lks_train_summary;

/** Collective; config equal on all ranks. Trains as config says: opens the dataset, makes or resumes the run directory, prints
 *  progress, writes metrics and checkpoints. LKS_STOPPED after a request to stop, with a checkpoint. */
lks_status lks_train_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config);

/** Which statistics lks_evaluate_all uses. */
typedef enum lks_statistics { LKS_STATISTICS_RUNNING, LKS_STATISTICS_PRECISE, LKS_STATISTICS_BATCH } lks_statistics;

typedef struct lks_evaluation {
  double loss, accuracy; /* means over the split */
  size_t samples;
} lks_evaluation;

/** Collective. Loss and accuracy of a checkpoint on the test split of a dataset. With PRECISE the statistics are
 *  recomputed over the training split first. threads 0: as in the checkpoint. */
lks_status lks_evaluate_all(lks_evaluation *evaluation, lks_comm *comm, const char *checkpoint, const char *data,
                            lks_statistics statistics, size_t threads);

/** Local. Handlers of SIGUSR1, SIGTERM and SIGINT that ask a run to stop at the end of its step; before MPI_Init. */
void lks_stop_handlers_install(void);

#endif
