#ifndef LKS_DATASET_H5_LABELS_H
#define LKS_DATASET_H5_LABELS_H

#include "dataset/h5_array.h"

/** Local. The labels of `samples` samples, as class numbers: whole numbers of any type of shape (N), (N,1) or (1,N), or
 * one-hot rows (N,K), of which *classes becomes K if that is more. label [samples] out. LKS_ERR_DATA says what was
 * found and what would be right. */
lks_status lks_h5_labels_read(int32_t *label, size_t *classes, const lks_h5_array *array,
                              const lks_h5_array *samples);

#endif
