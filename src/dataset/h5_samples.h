#ifndef LKS_DATASET_H5_SAMPLES_H
#define LKS_DATASET_H5_SAMPLES_H

#include "dataset/h5_array.h"

/** Local. What samples of this array are: *shape and *features (f32, else u8) out, *nchw: their axes have to be
 * reordered; taken: AUTO when they are read as N,H,W,C though they look otherwise. LKS_ERR_DATA for what cannot be
 * samples. */
lks_status lks_h5_samples_shape(lks_shape *shape, bool *features, bool *nchw, lks_data_layout *taken,
                                const lks_h5_array *array, lks_data_layout wanted);

/** How the samples are read. */
typedef struct lks_h5_samples {
  const lks_h5_array *array;
  lks_shape shape;
  bool features, nchw;
  uint64_t rounded;       /* values that lost digits as f32, so far */
  char *read, *converted; /* of the samples that are on their way */
} lks_h5_samples;

/** Local. How many samples are best sent at once: whole chunks, of about 4 MB. */
hsize_t lks_h5_samples_step(const lks_h5_samples *samples);

/** Local. Makes room for so many samples at once. LKS_ERR_RANK. */
lks_status lks_h5_samples_begin(lks_h5_samples *samples, hsize_t most);

/** Local. Converts samples first..first+count-1 to u8 or f32 [h,w,c] and sends them. LKS_ERR_DATA for values beyond
 * f32. */
lks_status lks_h5_samples_send(int output, lks_h5_samples *samples, hsize_t first, hsize_t count);

/** Local. Gives the room back. */
void lks_h5_samples_end(lks_h5_samples *samples);

#endif
