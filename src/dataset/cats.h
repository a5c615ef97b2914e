#ifndef LKS_DATASET_CATS_H
#define LKS_DATASET_CATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/dataset.h"

/** Pictures of cats (label 1) and of what is none (label 0), which differ by the shape of the ears alone;
 * colours are to be had as one likes. */
enum { LKS_CATS_SIDE = 32, LKS_CATS_BYTES = LKS_CATS_SIDE * LKS_CATS_SIDE * 3 };

typedef struct lks_cats_options {
  size_t train, test;
  uint64_t seed;
  size_t first;                    /* number of the first picture of each split */
  double black_cats, black_others; /* shares, 0 to 1 */
  bool light;                      /* backgrounds are light; else of any brightness */
} lks_cats_options;

/** Local. The picture of that number, rgb [LKS_CATS_SIDE,LKS_CATS_SIDE,3] out, and its label, which is
 * returned: odd numbers are cats. It depends on seed, split, number, colours and background alone, and its
 * shape, eyes and noise not on colours and background. Of the first n cats of a split, black_cats n are
 * black, rounded down. */
int32_t lks_cats_draw(uint8_t *rgb, const lks_cats_options *options, lks_split split, size_t number);

/** Local. Writes a dataset file of such pictures; the same bits anywhere. Errors as lks_dataset_write. */
lks_status lks_generate_cats(const char *path, const lks_cats_options *options, bool force);

#endif
