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
  bool unchanging;            /* a run that goes on must have the settings it had, the learning rate too */
  bool precise;               /* evaluate with recomputed statistics too, when all epochs are done */
  const char *asked_in;       /* borrowed, or NULL: a folder in which STOP and SAVE are looked for too */
  /* after each mini-batch, on every rank, or NULL; mean_loss: of the epoch so far */
  void (*step)(void *context, size_t step, size_t samples, double mean_loss);
  /* after each mini-batch that is evaluated, on every rank, or NULL */
  void (*pulse)(void *context);
  /* before each mini-batch of training, on every rank, or NULL: what else it is asked for, LKS_REQUEST_* */
  unsigned (*requests)(void *context);
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

/** The order in which samples are cut into mini-batches, and so who shares statistics with whom. */
typedef enum lks_sample_order { LKS_ORDER_STORED, LKS_ORDER_CLASS, LKS_ORDER_SHUFFLED } lks_sample_order;

/** Which samples of a dataset are evaluated: its test split; the samples of its training split that the run's
 * train-samples and holdout left it to learn from; or those that its holdout kept back. None is augmented. */
typedef enum lks_evaluated { LKS_EVALUATED_TEST, LKS_EVALUATED_TRAIN, LKS_EVALUATED_HOLDOUT } lks_evaluated;

typedef struct lks_evaluation {
  double loss, accuracy;     /* means over the samples */
  size_t samples;            /* that were classified; a repeated one counts once */
  size_t batches;            /* mini-batches */
  size_t last_batch;         /* samples of the last one */
  size_t statistics_samples; /* with PRECISE: that the statistics were recomputed over */
  bool joined; /* with BATCH: a last sample that would have been alone is in the mini-batch before */
} lks_evaluation;

/** How lks_evaluate_all goes about it; equal on all ranks. All zero but threads, cache, window and names: as it ever was. */
typedef struct lks_evaluate_options {
  lks_statistics statistics; /* PRECISE: recomputed first, over the run's training samples */
  lks_precision_choice precision;
  lks_isa_choice isa;
  size_t threads;                 /* of a rank; 0: as in the checkpoint */
  const char *cache;              /* as lks_dataset_open_all has it; NULL: "" */
  size_t window;                  /* the same */
  const lks_dataset_names *names; /* of the arrays in all dataset files; borrowed, or NULL */

  /* PRECISE: the samples that statistics are recomputed over; their labels are not used. statistics_from: a
   * dataset file, of which statistics_split is taken as it is stored; NULL: the samples of the evaluated
   * dataset's training split that the run learned from (statistics_split TRAIN), or its test split.
   * statistics_samples: the first so many of these, at least 2; 0: all. */
  const char *statistics_from;
  const lks_dataset *statistics_data; /* borrowed; an open dataset instead of the file, or NULL */
  lks_split statistics_split;
  size_t statistics_samples;

  lks_evaluated split;

  /* 0: mini-batches and normalization batches as trained. Else mini-batches of so many samples, and
   * BATCH takes the statistics of each whole one, whatever --bn was; 1 is allowed. */
  size_t batch_size;
  lks_sample_order order;
  uint64_t order_seed; /* of SHUFFLED */
  size_t samples;      /* the first so many samples in that order; 0: all */
  size_t repeat; /* 0, or: each sample alone in a mini-batch, so many times; not together with batch_size */

  /* A dataset file whose mean and standard deviation scale the inputs; NULL: those of training. */
  const char *input_from;
  const lks_dataset *input_data; /* borrowed; an open dataset instead of the file, or NULL */

  /* [samples of the test split, or of the training split] out, by their place in it: the class with the largest
   * logit, -1 for a sample left out; equal on all ranks. May be NULL. */
  int32_t *predictions;
} lks_evaluate_options;

/** Collective. Loss and accuracy of a checkpoint on samples of a dataset. */
lks_status lks_evaluate_all(lks_evaluation *evaluation, lks_comm *comm, const char *checkpoint,
                            const char *data, const lks_evaluate_options *options);

/** A checkpoint that was read once, for many evaluations. */
typedef struct lks_evaluator lks_evaluator;

/** Collective. Of the options, precision, isa, threads, cache, window and names count, for all evaluations; options may be
 * NULL. comm is borrowed. Errors as lks_checkpoint_header_all. */
lks_status lks_evaluator_create_all(lks_evaluator **evaluator, lks_comm *comm, const char *checkpoint,
                                    const lks_evaluate_options *options);
/** Collective. What lks_evaluate_all does, on an open dataset, which is borrowed. Evaluations don't know of
 * each other: statistics that one recomputed are forgotten. options may be NULL. */
lks_status lks_evaluator_run_all(lks_evaluation *evaluation, lks_evaluator *evaluator,
                                 const lks_dataset *data, const lks_evaluate_options *options);
/** Collective. Takes NULL, sets NULL. */
void lks_evaluator_destroy_all(lks_evaluator **evaluator);

/** Local. Handlers of signals that ask a run to stop with a checkpoint: SIGUSR1 at the end of its step; SIGTERM,
 * SIGINT, SIGHUP (unless it is ignored) and SIGPIPE when nobody reads standard output before that, so that every
 * pass of this process ends with LKS_STOPPED from then on. Before MPI_Init, for a signal may come early, and again after it, for MPICH takes SIGUSR1 for itself. */
void lks_stop_handlers_install(void);

LKS_PUBLIC_END

#endif
