#ifndef LKS_CLI_PREDICT_INPUT_H
#define LKS_CLI_PREDICT_INPUT_H

#include "lockstep/dataset.h"

/** What samples have to be like. */
typedef struct lks_predict_need {
  lks_shape shape;                /* that the model takes */
  bool resize;                    /* scales pictures to it; else they are refused */
  unsigned *said;                 /* of lks_picture_say_changes, over all inputs */
  const lks_dataset_names *names; /* of the arrays of a dataset */
} lks_predict_need;

/** Samples to be classified, from a dataset file, a picture, an array of NumPy, or a table of numbers. */
typedef struct lks_predict_input {
  char path[4096];      /* without the range */
  size_t first;         /* number in the file of samples' first one */
  lks_samples samples;  /* label: NULL when unknown */
  lks_dataset *dataset; /* what samples point into: this, or ... */
  void *memory;         /* ... this */
} lks_predict_input;

/** Collective. text: "DATA.h5", "DATA.h5:17", "DATA.h5:17-20" (samples of the test split), a PNG or JPEG picture, an .npy file
 * with a sample or many, or text with one sample a line. LKS_ERR_DATA when it does not fit need->shape. */
lks_status lks_predict_input_open_all(lks_predict_input *input, lks_comm *comm, const char *text,
                                      const lks_predict_need *need);
void lks_predict_input_close_all(lks_predict_input *input);

/** Local. From files of one kind, by input->path; input->memory is what samples point into. Those of whole numbers from 0
 * to 255 are pixels where the model takes images, others are f32. LKS_ERR_DATA, LKS_ERR_IO. */
lks_status lks_predict_picture(lks_predict_input *input, const lks_predict_need *need);
lks_status lks_predict_array(lks_predict_input *input, const lks_predict_need *need);
lks_status lks_predict_table(lks_predict_input *input, const lks_predict_need *need, char *text);

/** Local. Samples of values [count,h,w,c], which input->memory holds: pixels, in their place, if they can be. */
void lks_predict_take(lks_predict_input *input, float *values, size_t count, const lks_predict_need *need);

#endif
