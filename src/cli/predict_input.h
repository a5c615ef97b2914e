#ifndef LKS_CLI_PREDICT_INPUT_H
#define LKS_CLI_PREDICT_INPUT_H

#include "lockstep/dataset.h"

/** Samples to be classified, from a dataset file, a PNG image, or lines of numbers. */
typedef struct lks_predict_input {
  char path[4096];      /* without the range */
  size_t first;         /* number in the file of samples' first one */
  lks_samples samples;  /* label: NULL when unknown */
  lks_dataset *dataset; /* what samples point into: this, or ... */
  void *memory;         /* ... this */
} lks_predict_input;

/** Collective. text: "DATA.h5", "DATA.h5:17", "DATA.h5:17-20" (samples of the test split), an image as PNG,
 * or a text file with one sample a line. LKS_ERR_DATA when it does not fit `shape`. */
lks_status lks_predict_input_open_all(lks_predict_input *input, lks_comm *comm, const char *text,
                                      lks_shape shape);
void lks_predict_input_close_all(lks_predict_input *input);

#endif
