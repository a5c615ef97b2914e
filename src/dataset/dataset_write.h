#ifndef LKS_DATASET_DATASET_WRITE_H
#define LKS_DATASET_DATASET_WRITE_H

#include "dataset/contents.h"

/** Local. Writes a dataset file atomically, with its mean, std and hash. An existing file is replaced only
 * when `force`; otherwise LKS_ERR_USAGE. LKS_ERR_DATA when the contents are not a dataset. */
lks_status lks_dataset_write(const char *path, const lks_contents *contents, bool force);

/** Local. LKS_ERR_USAGE when `path` is there and not to be replaced: asked before long work as well. */
lks_status lks_dataset_may_write(const char *path, bool force);

#endif
