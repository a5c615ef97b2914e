#ifndef LKS_DATASET_H5_NAMES_H
#define LKS_DATASET_H5_NAMES_H

#include <hdf5.h>

#include "dataset/dataset_file.h"

/** Local. Finds the arrays of a dataset in a file: those that `names` names, /train/images, /train/features and
 * /train/labels with their likes of test, or others whose names say what they are ("X_train", "train_set_y", "data").
 * array[i].path out, "" where there is no test part; class_names out: path of a list of texts, or "". native: only the
 * second kind is looked for. note [size]: what else there is to say. LKS_ERR_DATA lists what the file holds. */
lks_status lks_h5_names_find(lks_dataset_array array[LKS_SECTIONS], char class_names[LKS_ARRAY_PATH],
                             char *note, size_t size, hid_t file, const lks_dataset_names *names,
                             bool native);

#endif
