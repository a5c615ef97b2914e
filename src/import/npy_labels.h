#ifndef LKS_IMPORT_NPY_LABELS_H
#define LKS_IMPORT_NPY_LABELS_H

#include "import/npy.h"

/** Local. Reads an array of labels, whose header has been read, to its end: whole numbers (N) or (N,1) of any type, or
 * one-hot (N,K). label [N] out; *classes grows to the largest one + 1, or to K. LKS_ERR_DATA for another shape, and for
 * the first label that is none, with its number. */
lks_status lks_npy_labels(int32_t *label, size_t *classes, lks_packed_file *file, const lks_npy *about);

/** Local. LKS_ERR_DATA when these cannot be the labels of so many samples. */
lks_status lks_npy_labels_check(const lks_packed_file *file, const lks_npy *about, size_t samples);

#endif
