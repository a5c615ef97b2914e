#ifndef LKS_TESTS_DATASET_COPY_H
#define LKS_TESTS_DATASET_COPY_H

#include <stdbool.h>

#include "dataset/dataset_file.h"

/** All that reading a dataset file gives. */
typedef struct lks_dataset_copy {
  lks_dataset_header header;
  double *mean, *std;
  void *block;
  lks_contents contents;
} lks_dataset_copy;

/** Local. Reads and checks a file; freed with lks_dataset_copy_clear, needless after a failure. */
lks_status lks_dataset_copy_read(lks_dataset_copy *copy, const char *path);
void lks_dataset_copy_clear(lks_dataset_copy *copy);

/** Local. The same samples, classes, mean and std. */
bool lks_dataset_copy_equal(const lks_dataset_copy *a, const lks_dataset_copy *b);

#endif
