#ifndef LKS_DATASET_H5_WORDS_H
#define LKS_DATASET_H5_WORDS_H

#include <stddef.h>

/** What the name of an array says of it. */
typedef enum lks_h5_role { LKS_H5_NO_ROLE, LKS_H5_SAMPLES, LKS_H5_LABELS } lks_h5_role;
typedef enum lks_h5_part { LKS_H5_NO_PART, LKS_H5_TRAIN, LKS_H5_TEST, LKS_H5_VALIDATION } lks_h5_part;

typedef struct lks_h5_meaning {
  lks_h5_role role;
  lks_h5_part part;
  size_t strange; /* words of the last name of the path that say nothing known */
  size_t depth;   /* groups above it */
} lks_h5_meaning;

/** Local. Of a path: "/X_train", "/train/data", "/trainLabels". Names are taken apart at all that is no letter, where
 * capitals begin, and at the words for parts; a role in the last name counts before one of a group. */
lks_h5_meaning lks_h5_words_read(const char *path);

#endif
