#ifndef LOCKSTEP_SETTINGS_H
#define LOCKSTEP_SETTINGS_H

#include <stddef.h>

#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/** Settings that are words on a command line or in a file, as what they mean: each is read once, where it
 * comes in, and is one of these from there on. The order of an enum is that of the words in its option's
 * choices. */

enum { LKS_TEXT_MAX = 512 }; /* of a setting that is a text, with its zero */

/** The normalization batch: the samples that share one mean and variance. */
typedef enum lks_norm_kind {
  LKS_NORM_SYNC,  /* the whole mini-batch */
  LKS_NORM_SIZE,  /* consecutive groups of `size` samples; the last one may be smaller */
  LKS_NORM_RANKS, /* the shards of `size` ranks, whatever the rank count of this run */
  LKS_NORM_RANK,  /* this run's own shards */
  LKS_NORM_NONE   /* no batch norm */
} lks_norm_kind;

typedef struct lks_norm {
  lks_norm_kind kind;
  size_t size; /* samples (SIZE) or ranks (RANKS), else 0 */
} lks_norm;

/** Local. Reads "sync", "none", "rank", "rank:R" or "K". LKS_ERR_USAGE with a message otherwise. */
lks_status lks_norm_parse(lks_norm *norm, const char *text);

/** A norm in the words that lks_norm_parse reads: lks_norm_text(norm).text is good up to the end of the
 * expression. */
typedef struct lks_norm_words {
  char text[44];
} lks_norm_words;
/** Local. The words of a norm. */
lks_norm_words lks_norm_text(lks_norm norm);

/** What activations and their gradients are stored as. Arithmetic is fp32 or double in either case: a bf16
 * value is widened when it is loaded, and rounded once when it is stored. */
typedef enum lks_type { LKS_FP32, LKS_BF16 } lks_type;
/** Local. "fp32", "bf16". */
const char *lks_type_name(lks_type type);

/** The precision that a trained network is to be used with. The order is that of checkpoint|fp32|bf16. */
typedef enum lks_precision_choice {
  LKS_PRECISION_TRAINED,
  LKS_PRECISION_FP32,
  LKS_PRECISION_BF16
} lks_precision_choice;
/** Local. trained: what it was trained with. */
lks_type lks_precision_chosen(lks_precision_choice choice, lks_type trained);

/** The instruction set of all kernels. AUTO: the one set before, in a process that works already, else the best that
 * all ranks have. All architectures know all words: what one wrote down, another can read. */
typedef enum lks_isa_choice {
  LKS_ISA_CHOICE_AUTO,
  LKS_ISA_CHOICE_SSE41,
  LKS_ISA_CHOICE_AVX2,
  LKS_ISA_CHOICE_AVX512,
  LKS_ISA_CHOICE_AVX512_BF16,
  LKS_ISA_CHOICE_AMX,
  LKS_ISA_CHOICE_NEON
} lks_isa_choice;
#define LKS_ISA_CHOICES "auto|sse41|avx2|avx512|avx512_bf16|amx|neon"
/** Local. "auto", "sse41" and so on. */
const char *lks_isa_choice_name(lks_isa_choice choice);

/** The sum of the gradients: the canonical tree, or MPI_Allreduce. */
typedef enum lks_reduce { LKS_REDUCE_TREE, LKS_REDUCE_MPI } lks_reduce;
/** Local. "tree", "mpi". */
const char *lks_reduce_name(lks_reduce reduce);

typedef enum lks_optimizer_kind {
  LKS_OPTIMIZER_SGD,
  LKS_OPTIMIZER_ADAM,
  LKS_OPTIMIZER_ADAMW
} lks_optimizer_kind;
/** Local. "sgd", "adam", "adamw". */
const char *lks_optimizer_name(lks_optimizer_kind kind);

typedef enum lks_schedule_kind {
  LKS_SCHEDULE_CONSTANT,
  LKS_SCHEDULE_STEP,
  LKS_SCHEDULE_COSINE
} lks_schedule_kind;
/** Local. "constant", "step", "cosine". */
const char *lks_schedule_name(lks_schedule_kind kind);

/** What becomes of a run in which a value is not finite any more. The order is that of stop|rollback. */
typedef enum lks_on_nan { LKS_ON_NAN_STOP, LKS_ON_NAN_ROLLBACK } lks_on_nan;

/** How progress is shown. */
typedef enum lks_display {
  LKS_DISPLAY_AUTO, /* a bar on a terminal, plain lines elsewhere */
  LKS_DISPLAY_BAR,
  LKS_DISPLAY_PLAIN,
  LKS_DISPLAY_NONE
} lks_display;

/** The order of the axes of images in a dataset file: samples, height, width, channels, or channels first. */
typedef enum lks_data_layout {
  LKS_DATA_LAYOUT_AUTO,
  LKS_DATA_LAYOUT_NHWC,
  LKS_DATA_LAYOUT_NCHW
} lks_data_layout;
#define LKS_DATA_LAYOUTS "auto|nhwc|nchw"

/** Which arrays of an HDF5 file are the dataset: paths in the file; "": found by their names. AUTO is NHWC. */
typedef struct lks_dataset_names {
  char samples[LKS_TEXT_MAX], labels[LKS_TEXT_MAX];           /* of training */
  char test_samples[LKS_TEXT_MAX], test_labels[LKS_TEXT_MAX]; /* of the test part */
  lks_data_layout layout;
} lks_dataset_names;

LKS_PUBLIC_END

#endif
