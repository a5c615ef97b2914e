#ifndef LKS_DATASET_MOMENTS_H
#define LKS_DATASET_MOMENTS_H

#include "dataset/contents.h"

/** Mean and standard deviation of each channel of the training samples while these pass by, once for pixels and
 * twice for f32 values: of pixels/255 from exact integer sums, or of the values in two passes in double. Biased;
 * 0 for a constant channel. How the samples are cut into parts changes no bit. */
typedef struct lks_moments lks_moments;

/** Local. layout is borrowed. LKS_ERR_RANK. */
lks_status lks_moments_create(lks_moments **moments, const lks_layout *layout);

/** Local. How often all training samples are to pass by: 1 or 2. */
int lks_moments_passes(const lks_layout *layout);

/** Local. The next samples [samples,h,w,c] of this pass, in order. pass: 0, then 1. */
void lks_moments_add(lks_moments *moments, int pass, const void *values, size_t samples);

/** Local. mean, std [channels] out. */
void lks_moments_finish(double *mean, double *std, const lks_moments *moments);

/** Local. Takes NULL, sets NULL. */
void lks_moments_destroy(lks_moments **moments);

#endif
