#ifndef LOCKSTEP_MODEL_H
#define LOCKSTEP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/norm_layers.h"
#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/** A model: the layers of its text, in order, fitted to an input shape. Every layer takes the outputs of
 * earlier ones. */
typedef enum lks_layer_kind {
  LKS_LAYER_INPUT,
  LKS_LAYER_CONV,
  LKS_LAYER_DENSE, /* takes an image as h*w*c inputs */
  LKS_LAYER_BATCH_NORM,
  LKS_LAYER_RELU,
  LKS_LAYER_LEAKY_RELU,
  LKS_LAYER_SIGMOID,
  LKS_LAYER_GELU, /* x Phi(x), by erf */
  LKS_LAYER_SILU, /* x/(1 + exp(-x)) */
  LKS_LAYER_TANH,
  LKS_LAYER_LAYER_NORM, /* each sample by itself: group norm of one group */
  LKS_LAYER_GROUP_NORM, /* each sample and group of channels by itself */
  LKS_LAYER_MAX_POOL,
  LKS_LAYER_AVERAGE_POOL,
  LKS_LAYER_GLOBAL_AVERAGE_POOL,
  LKS_LAYER_DROPOUT,
  LKS_LAYER_ADD /* the end of a residual block: input[0] the main path, input[1] the shortcut */
} lks_layer_kind;

typedef struct lks_shape {
  size_t height, width, channels; /* features: 1, 1, D */
} lks_shape;

enum { LKS_NAME_MAX = 64 };

typedef struct lks_layer {
  lks_layer_kind kind;
  char name[LKS_NAME_MAX]; /* "conv1", "layer1.0.bn2"; unique; "" for layers without parameters is allowed */
  int input[2];            /* numbers of layers, below this one's; -1: none */
  lks_shape in, out;       /* in: of input[0] */
  size_t kernel[2], stride[2], pad[2]; /* height, width; pad on both sides */
  size_t dilation[2];                  /* conv: distance of the pixels under two neighbours of the kernel */
  size_t groups; /* conv: weights are [outputs, inputs/groups, kernel]; groupnorm, layernorm: of channels */
  bool bias;     /* conv and dense: false when a batch norm takes the output */
  double rate;   /* dropout */
  double slope;  /* leakyrelu: below 0 */
  double momentum, epsilon; /* batchnorm: 0: those of the run */
  bool gamma_zero;          /* batchnorm: gamma begins as 0, not as 1 */
  bool own_group;           /* batchnorm: whether its normalization batch is `group`, not that of the run */
  lks_norm group;           /* SYNC, SIZE or RANKS */
  int line;                 /* of the text, from 1; 0 for the input */
} lks_layer;

typedef struct lks_model lks_model;

/** Local. Parses model text and fits it to the input and the number of classes. `where` names the text in
 * messages, which have the form "WHERE:LINE:COLUMN: what; what to do". without_batch_norm leaves the
 * batch-norm layers out and gives the layers that fed them a bias (--bn none). LKS_ERR_USAGE for a bad text,
 * LKS_ERR_DATA when it does not fit the input's shape. */
lks_status lks_model_parse(lks_model **model, const char *text, const char *where, lks_shape input,
                           size_t classes, bool without_batch_norm);

/** Local. The same with the batch-norm layers as `layers` says: left out like that, or under their names and at their
 * places as layer norm or group norm, whose number of groups then divides the channels of each. */
lks_status lks_model_parse_as(lks_model **model, const char *text, const char *where, lks_shape input,
                              size_t classes, lks_norm_layers layers);

/** Local. The text of a preset ("mlp", "cnn", "resnet8", "resnet20") or of a file; *text is freed with
 * lks_free. LKS_ERR_USAGE, with a suggestion, if there is neither. */
lks_status lks_model_text(char **text, const char *name_or_path);

/** Local. Destroys it; takes NULL, sets NULL. */
void lks_model_destroy(lks_model **model);

/** Local. Layers, the input being number 0 and the last one the logits, [1,1,classes]. Borrowed. */
size_t lks_model_layers(const lks_model *model);
const lks_layer *lks_model_layer(const lks_model *model, size_t number);
size_t lks_model_classes(const lks_model *model);
size_t lks_model_parameters(const lks_model *model); /* weights and biases, with gamma and beta */
/** Local. The text it was parsed from. Borrowed. */
const char *lks_model_source(const lks_model *model);
size_t lks_layer_parameters(const lks_layer *layer);  /* of one of them */
const char *lks_layer_kind_name(lks_layer_kind kind); /* the word of the model text */

/** The language in words, for users: what `lockstep help models` prints. */
extern const char lks_model_help[];

LKS_PUBLIC_END

#endif
