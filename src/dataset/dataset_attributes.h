#ifndef LKS_DATASET_DATASET_ATTRIBUTES_H
#define LKS_DATASET_DATASET_ATTRIBUTES_H

#include <hdf5.h>

#include "dataset/class_names.h"
#include "dataset/contents.h"

/* The root attributes of a dataset file, as they are written. */

/** Local. What is known before the samples; names may be NULL. Whether it worked. */
bool lks_dataset_attributes_put(hid_t file, const lks_layout *layout, const lks_class_names *names);

/** Local. What the samples tell: mean, std [count], and their hash. */
bool lks_dataset_attributes_put_statistics(hid_t file, size_t count, const double *mean, const double *std,
                                           const char *hash);

#endif
