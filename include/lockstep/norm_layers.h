#ifndef LOCKSTEP_NORM_LAYERS_H
#define LOCKSTEP_NORM_LAYERS_H

#include "lockstep/public.h"
#include "lockstep/settings.h"

LKS_PUBLIC_BEGIN

/** What stands where a model text says batchnorm. */
typedef enum lks_norm_layers_kind {
  LKS_NORM_LAYERS_BATCH,
  LKS_NORM_LAYERS_LAYER,
  LKS_NORM_LAYERS_GROUP,
  LKS_NORM_LAYERS_NONE /* nothing; the layers that fed it get a bias */
} lks_norm_layers_kind;

typedef struct lks_norm_layers {
  lks_norm_layers_kind kind;
  size_t groups; /* GROUP: of channels; else 0 */
} lks_norm_layers;

/** Local. Reads "batch", "layer" or "group:G". LKS_ERR_USAGE with a message otherwise. */
lks_status lks_norm_layers_parse(lks_norm_layers *layers, const char *text);
/** Local. In the words that lks_norm_layers_parse reads; "none" for NONE. */
lks_norm_words lks_norm_layers_text(lks_norm_layers layers);
/** Local. For people, in a sentence: "batch norm sync", "layer norm", "group norm of 8 groups". bn: over which samples. */
lks_norm_words lks_norm_layers_say(lks_norm_layers layers, lks_norm bn);

LKS_PUBLIC_END

#endif
