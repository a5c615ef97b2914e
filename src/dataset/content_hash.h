#ifndef LKS_DATASET_CONTENT_HASH_H
#define LKS_DATASET_CONTENT_HASH_H

#include "dataset/contents.h"

/** The hash of contents (lks_contents_hash says of what), taken while they pass by: for each split, train first,
 * begin_split, then all its values in any parts, then its labels. */
typedef struct lks_content_hash lks_content_hash;

/** Local. layout is borrowed. LKS_ERR_RANK. */
lks_status lks_content_hash_create(lks_content_hash **hash, const lks_layout *layout);

/** Local. */
void lks_content_hash_begin_split(lks_content_hash *hash, lks_split split);
void lks_content_hash_values(lks_content_hash *hash, const void *values, size_t samples);
void lks_content_hash_labels(lks_content_hash *hash, const int32_t *label, size_t count);

/** Local. mean, std [lks_layout_statistics]. */
void lks_content_hash_finish(char text[LKS_HASH_TEXT], lks_content_hash *hash, const double *mean,
                             const double *std);

/** Local. Takes NULL, sets NULL. */
void lks_content_hash_destroy(lks_content_hash **hash);

#endif
