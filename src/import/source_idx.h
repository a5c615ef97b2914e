#ifndef LKS_IMPORT_SOURCE_IDX_H
#define LKS_IMPORT_SOURCE_IDX_H

#include "import/source.h"

/** The four files of MNIST and its successors, plain or gzip-compressed. */
typedef struct lks_idx_paths {
  const char *train_images, *train_labels; /* unsigned bytes (N,H,W) or (N,H,W,C), and whole numbers (N) */
  const char *test_images, *test_labels;   /* both NULL: there is no test part */
} lks_idx_paths;

/** Local. Labels may have 1, 2 or 4 bytes; classes is the largest one + 1. LKS_ERR_IO, or LKS_ERR_DATA for a wrong magic
 * number, a truncated or damaged file, trailing bytes, counts or shapes that differ. Source: the IDX format, as the
 * MNIST database describes it. */
lks_status lks_source_idx_open(lks_source **source, const lks_idx_paths *paths);

#endif
