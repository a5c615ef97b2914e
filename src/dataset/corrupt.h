#ifndef LKS_DATASET_CORRUPT_H
#define LKS_DATASET_CORRUPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/dataset.h"

/** What is done to the values of a dataset; one of them. Pixels are rounded to the nearest byte, 0 to 255. */
typedef enum lks_corruption_kind {
  LKS_CORRUPTION_NONE,   /* only labels, if at all */
  LKS_CORRUPTION_AFFINE, /* scale x + shift: pixels on the scale 0 to 255, features on their own */
  LKS_CORRUPTION_CONTRAST, /* mean + scale (x - mean), mean that of the channel of this picture; no features. Source:
                              Hendrycks & Dietterich 2019 */
  LKS_CORRUPTION_NOISE, /* x + scale n, n normal; pixels on the scale 0 to 1, features on their own */
  LKS_CORRUPTION_INVERT /* 255 - x; no features */
} lks_corruption_kind;

typedef struct lks_corruption {
  lks_corruption_kind kind;
  double scale, shift;
  uint64_t seed;                  /* of NOISE, which depends on it, the split and the sample's place alone */
  bool split[2];                  /* which, by lks_split; the other one stays as it is */
  const int32_t *label;           /* [labels] what each label becomes, or NULL; must be a permutation */
  size_t labels;                  /* must be the classes of the dataset */
  const lks_dataset_names *names; /* of the arrays of the input; borrowed, or NULL */
} lks_corruption;

/** Local. Writes the dataset file `output` with the samples of `input`, changed. Its mean and standard
 * deviation are, as always, those of its own training split: a network that was trained before scales its
 * inputs with those of its checkpoint, and so sees the change. LKS_ERR_USAGE when the change is not for such
 * samples; errors as lks_dataset_load and lks_dataset_write. */
lks_status lks_corrupt(const char *output, const char *input, const lks_corruption *corruption, bool force);

#endif
