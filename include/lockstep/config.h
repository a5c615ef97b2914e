#ifndef LOCKSTEP_CONFIG_H
#define LOCKSTEP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/norm_layers.h"
#include "lockstep/public.h"
#include "lockstep/settings.h"

LKS_PUBLIC_BEGIN

/** LKS_OPTIONS_MAX: rows of a command's table: those of a run, and at most LKS_OPTIONS_OWN_MAX of its own. */
enum { LKS_OPTIONS_MAX = 128, LKS_OPTIONS_OWN_MAX = 32 };

/** What can be measured inside training: bits of a set, in the order of the option's words. */
typedef enum lks_probe {
  LKS_PROBE_ACTIVATIONS = 1,
  LKS_PROBE_DRIFT = 2,
  LKS_PROBE_GRADIENTS = 4,
  LKS_PROBE_LANDSCAPE = 8,
  LKS_PROBE_NOISE = 16
} lks_probe;

/** What the best checkpoint of a run is best in, in the order of the option's words. */
typedef enum lks_best_metric {
  LKS_BEST_NONE,
  LKS_BEST_TEST_ACCURACY,
  LKS_BEST_TEST_LOSS,
  LKS_BEST_TRAIN_LOSS,
  LKS_BEST_TRAIN_ACCURACY
} lks_best_metric;

/** All settings of a training run. Together with the dataset they define every bit of the result; threads,
 * progress, output, data and the like only say how it is executed. */
typedef struct lks_config {
  char data[LKS_TEXT_MAX];
  lks_dataset_names names;        /* of the arrays in data */
  size_t window;                  /* samples that are read at a time; 0: all are in memory */
  char model[LKS_TEXT_MAX];       /* preset or file */
  lks_norm_layers norm;           /* what stands where the model says batchnorm; never NONE, which bn says */
  char init[LKS_TEXT_MAX];        /* file of weights to begin with; "": values drawn from the seed */
  char init_except[LKS_TEXT_MAX]; /* layers, as patterns, that begin with drawn values all the same */
  char freeze[LKS_TEXT_MAX];      /* layers, as patterns, whose parameters stay as they are */
  bool freeze_bn;                 /* batch norm stays as it is, and trains with its running statistics */
  lks_norm bn;
  double bn_epsilon, bn_momentum;
  size_t batch_size;
  size_t microbatch; /* 0: batch_size/16, at least 8 (resolved by lks_config_check) */
  size_t epochs;
  size_t holdout;       /* training samples kept back to judge the run on, instead of the test split */
  size_t train_samples; /* the first so many training samples; 0: all */
  double lr;
  lks_optimizer_kind optimizer;
  double momentum;
  bool nesterov;
  double beta1, beta2, adam_epsilon;
  double weight_decay;
  bool decay_all; /* gamma, beta and biases too */
  lks_schedule_kind schedule;
  size_t step_epochs; /* step: every so many epochs ... */
  double step_factor; /* ... times this */
  double warmup;      /* epochs of linear warm-up, may be a fraction */
  double label_smoothing;
  size_t crop; /* pixels */
  bool flip;
  bool normalize_input;
  double bn_disturb; /* of each batch norm's output in training, a channel and step; 0: not */
  uint64_t seed;
  size_t threads;           /* 0: the node's cores divided by its ranks */
  char cache[LKS_TEXT_MAX]; /* folder of each node's disk that holds the samples; "": memory does */
  lks_type precision;
  lks_isa_choice isa;
  lks_reduce reduce;
  char output[LKS_TEXT_MAX]; /* run directory; "": runs/MODEL-bnBN-seedN, -2, -3 ... when taken */
  bool resume;
  double max_time;                /* seconds, given as 90, 90s, 30m, 2h or HH:MM:SS; 0: none */
  double stop_margin;             /* seconds before the time limit of a batch job at which a run stops */
  size_t keep;                    /* newest checkpoints that are kept; 0: all */
  lks_best_metric keep_best;      /* whose best epoch's checkpoint is kept as well: best.h5 */
  size_t early_stopping;          /* epochs without a better one at which the run ends; 0: none */
  bool tensorboard;               /* write the rows of metrics.csv as events of TensorBoard too */
  bool noise;                     /* measure the noise of the normalization batches */
  size_t log_every;               /* steps between the rows of steps.csv; 0: none */
  bool log_test;                  /* with an evaluation on the test samples at each */
  double stop_at;                 /* logged test accuracy at which the run ends; 0: none */
  unsigned probes;                /* lks_probe, one bit each: what is measured inside training */
  char probe_layer[LKS_TEXT_MAX]; /* the layer whose input is looked at; "": the third linear one */
  size_t probe_samples, probe_every, probe_draws;
  size_t checkpoint_every;    /* steps; 0: at the end of each epoch */
  double checkpoint_interval; /* seconds, from one to the next; 0: as checkpoint_every says alone */
  size_t verify_every;        /* steps between comparisons of what the ranks hold; 0: at checkpoints alone */
  lks_on_nan on_nan;          /* ROLLBACK: back to the newest checkpoint, and on without the mini-batch */
  lks_display progress;
  bool quiet;         /* results, warnings and errors alone, and no progress */
  double stall_limit; /* seconds a rank waits for the others before the run is given up; 0: for ever */
} lks_config;

/** One row of the option table: it drives the command line, INI files, help, manual pages and printing. */
typedef enum lks_option_type {
  LKS_OPTION_TEXT,
  LKS_OPTION_CHOICE, /* an enum: its values number the choices */
  LKS_OPTION_SET,    /* an unsigned: bit number i is the i-th choice; words separated by commas, or none */
  LKS_OPTION_NORM,   /* an lks_norm */
  LKS_OPTION_NORM_LAYERS, /* an lks_norm_layers */
  LKS_OPTION_SIZE,
  LKS_OPTION_REAL,
  LKS_OPTION_SEED,
  LKS_OPTION_SWITCH, /* on/off, true/false, yes/no, 1/0; on the command line --name and --no-name */
  LKS_OPTION_TIME,
  LKS_OPTION_LIST /* texts; on the command line it may stand several times, and it has no field */
} lks_option_type;

typedef struct lks_option {
  const char *name;  /* "batch-size"; the INI key is the same */
  const char *value; /* "N", NULL for a switch */
  lks_option_type type;
  size_t offset;        /* in lks_config, or the settings of another command */
  const char *standard; /* default, as text */
  const char *choices;  /* "sgd|adam", or NULL */
  double low, high;     /* allowed numbers */
  const char *group;    /* "Batch norm" */
  const char *help;
} lks_option;

/** Local. The table of all settings. */
const lks_option *lks_config_options(size_t *count);

/** Local. Whether a setting only says how or where a run is executed: it changes no bit of the result, and
 * may differ from one job of a run to the next. */
bool lks_config_is_execution(const char *name);

/** Local. What stands where a model says batchnorm, by norm and bn together. */
lks_norm_layers lks_config_norm_layers(const lks_config *config);

/** Local. Sets every setting to what it is when nothing is said. */
void lks_config_default(lks_config *config);

/** Local. LKS_ERR_USAGE: an unknown key (with a suggestion), or a value that is not of its type, range or
 * choices. */
lks_status lks_config_set(lks_config *config, const char *key, const char *value);

/** Local. An INI file (sections are allowed and have no meaning, but that of a comparison's arm, [Arm NAME], is
 * refused); messages name file and line. LKS_ERR_IO if it can't be read. */
lks_status lks_config_read(lks_config *config, const char *path);
/** Local. The same from memory; `where` names it in messages. */
lks_status lks_config_parse(lks_config *config, const char *text, const char *where);

/** Local. The complete configuration as INI text, *text freed with lks_free; numbers so that reading gives
 * the same bits. */
lks_status lks_config_print(char **text, const lks_config *config);

/** Local. Checks the settings against each other and resolves microbatch. LKS_ERR_USAGE with what to do. */
lks_status lks_config_check(lks_config *config);

LKS_PUBLIC_END

#endif
