#ifndef LKS_MODEL_MODEL_FIT_H
#define LKS_MODEL_MODEL_FIT_H

#include "model/model_text.h"

/** What a text is fitted to. */
typedef struct lks_model_frame {
  const char *where; /* of the text, for messages */
  lks_shape input;
  size_t classes;
  lks_norm_layers norms; /* what stands where the text says batchnorm */
} lks_model_frame;

/** Local. Statements to layers, as lks_model_parse describes them; *layers freed with lks_free. */
lks_status lks_model_fit(lks_layer **layers, size_t *count, const lks_statement *statements,
                         size_t statement_count, const lks_model_frame *frame);

#endif
