#ifndef LKS_DATASET_IMPORT_IDX_H
#define LKS_DATASET_IMPORT_IDX_H

#include <stdbool.h>

#include "lockstep/status.h"

/** The four files of MNIST and its successors, plain or gzip-compressed. */
typedef struct lks_idx_paths {
  const char *train_images, *train_labels; /* unsigned bytes (N,H,W) or (N,H,W,C), and (N) */
  const char *test_images, *test_labels;
} lks_idx_paths;

/** Local. Makes a dataset file of them; classes is the largest label + 1. LKS_ERR_IO, or LKS_ERR_DATA for a
 * wrong magic number, a truncated or damaged file, trailing bytes, counts or shapes that differ;
 * LKS_ERR_USAGE when `output` is there and not `force`. Nothing is written on failure. Source: the IDX
 * format, as the MNIST database describes it. */
lks_status lks_import_idx(const lks_idx_paths *paths, const char *output, bool force);

#endif
