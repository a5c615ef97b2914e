#ifndef LKS_MODEL_MODEL_TEXT_H
#define LKS_MODEL_MODEL_TEXT_H

#include "lockstep/model.h"

/* The model text.
 *
 *   text    = line { newline line }             bytes; a '#' begins a comment that ends with the line
 *   line    = [ word { value } { key "=" value } ]   parted by blanks, tabs or carriage returns
 *
 *   conv OUTPUTS KERNEL [stride=1] [pad=P] [groups=1] [dilation=1] [bias=yes|no] [name=NAME]
 *                                                    pad: dilation * (kernel - 1) / 2 unless given
 *   dense OUTPUTS [bias=yes|no] [name=NAME]
 *   batchnorm [group=N] [momentum=M] [eps=E] [gamma=0|1] [name=NAME] N, M and E: those of the run unless given
 *   layernorm [eps=E] [name=NAME]                                    E: 1e-5 unless given
 *   groupnorm GROUPS [eps=E] [name=NAME]
 *   relu [name=NAME]
 *   leakyrelu SLOPE [name=NAME]
 *   sigmoid [name=NAME]
 *   gelu [name=NAME]
 *   silu [name=NAME]
 *   tanh [name=NAME]
 *   dropout RATE [name=NAME]
 *   maxpool KERNEL [stride=S] [pad=0] [name=NAME]                        stride: the kernel unless given
 *   avgpool KERNEL [stride=S] [pad=0] [name=NAME]
 *   globalavgpool [name=NAME]
 *   residual [NAME] [shortcut=auto|identity|conv]
 *   repeat N
 *   end
 *
 *   OUTPUTS, GROUPS, groups = 1..65536 | "classes"; KERNEL = N | HxW, 1..255; stride and dilation alike; pad 0..255, of a pool at most
 * half its kernel; RATE and SLOPE = 0 <= decimal fraction < 1; M = 0 <
 * decimal fraction <= 1; E = positive decimal number below 1, also as 1e-5; group = sync | K | rank:R | none, as of --bn; N of repeat = 1..1000; NAME = letters, digits, '_', '-' in parts
 * joined by single dots.
 *
 * Every layer takes the output of the one above. `residual` to `end` is a block: its input also goes around
 * it, as it is (identity) or through a 1x1 convolution with the block's stride and a batch norm (conv), and
 * is added at `end`; auto is identity where the shapes agree. Blocks nest, and a block in block B is called
 * B.NAME. A layer in block B is called B.NAME, the shortcut's layers B.downsample.0 and B.downsample.1; without a name a layer is called by
 * kind and number, counted over the model or within its block. Convolutions and dense layers have a bias
 * unless all that takes their output is batch norm.
 *
 * `repeat` to its `end` stands for its lines N times over. Names of kind and number number on by themselves;
 * a name given directly in it, not in a block that it begins, ends in a number, which counts on: `residual
 * layer1.0` is layer1.0, layer1.1 and so on. */

typedef enum lks_word { LKS_WORD_LAYER, LKS_WORD_RESIDUAL, LKS_WORD_REPEAT, LKS_WORD_END } lks_word;

typedef enum lks_shortcut { LKS_SHORTCUT_AUTO, LKS_SHORTCUT_IDENTITY, LKS_SHORTCUT_CONV } lks_shortcut;

typedef enum lks_field {
  LKS_FIELD_WORD, /* the line's first word */
  LKS_FIELD_OUTPUTS,
  LKS_FIELD_KERNEL,
  LKS_FIELD_RATE,
  LKS_FIELD_SLOPE,
  LKS_FIELD_TIMES,
  LKS_FIELD_NAME,
  LKS_FIELD_STRIDE,
  LKS_FIELD_PAD,
  LKS_FIELD_GROUPS,
  LKS_FIELD_DILATION,
  LKS_FIELD_MOMENTUM,
  LKS_FIELD_EPSILON,
  LKS_FIELD_GAMMA,
  LKS_FIELD_GROUP,
  LKS_FIELD_BIAS,
  LKS_FIELD_SHORTCUT,
  LKS_FIELDS
} lks_field;

/** One line that is not empty, defaults filled in. */
typedef struct lks_statement {
  lks_word word;
  lks_layer_kind kind; /* of a layer */
  size_t outputs;      /* 0: as many as there are classes */
  size_t times;        /* repeat: how often */
  size_t kernel[2], stride[2], pad[2], dilation[2], groups;
  double rate, slope, momentum, epsilon; /* momentum and epsilon 0: those of the run */
  bool gamma_zero;
  bool own_group;         /* whether `group` is given */
  lks_norm group;         /* NONE: there is no batch norm */
  bool bias_yes, bias_no; /* what the text says; neither: nothing */
  lks_shortcut shortcut;
  char name[LKS_NAME_MAX]; /* "" if none is given */
  int line;
  int column[LKS_FIELDS]; /* where each field stands; the word's column if it does not */
} lks_statement;

enum { LKS_STATEMENTS_MAX = 4096 };

/** Local. The statements of a text, *statements freed with lks_free; at least one; what is repeated stands
 * there as often, under its names. LKS_ERR_USAGE with "WHERE:LINE:COLUMN: ...". */
lks_status lks_model_text_scan(lks_statement **statements, size_t *count, const char *text,
                               const char *where);

/** Local. lks_fail with "WHERE:LINE:COLUMN: " in front, the place of a statement's field. */
lks_status lks_model_text_fail(lks_status status, const char *where, const lks_statement *statement,
                               lks_field field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/** Local. *statements and *count in/out: each `repeat` with its `end` becomes what it stands for, at most
 * LKS_STATEMENTS_MAX statements in all. LKS_ERR_USAGE with "WHERE:LINE:COLUMN: ...". */
lks_status lks_model_text_unroll(lks_statement **statements, size_t *count, const char *where);

#endif
