#ifndef LKS_DATASET_GENERATE_H
#define LKS_DATASET_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/model.h"

/** A made-up dataset: every class has a random pattern, every sample is its class's pattern and noise. */
typedef struct lks_generate_options {
  lks_shape shape; /* features: 1, 1, D */
  bool features;
  size_t classes; /* sample i has class i % classes */
  size_t train, test;
  unsigned noise; /* 0 (pattern alone) .. 256 (noise alone) */
  uint64_t seed;
} lks_generate_options;

/** Local. Writes a dataset file; the same bits anywhere. Errors as lks_dataset_write. */
lks_status lks_generate(const char *path, const lks_generate_options *options, bool force);

#endif
