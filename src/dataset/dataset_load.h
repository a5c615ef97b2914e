#ifndef LKS_DATASET_DATASET_LOAD_H
#define LKS_DATASET_DATASET_LOAD_H

#include "dataset/contents.h"

/** Local. All of a dataset file (names as lks_dataset_file_open has them), checked, in memory of this process alone. *block, in which the contents lie,
 * is freed with lks_free; NULL on failure. Errors as lks_dataset_file_open and lks_dataset_file_read. */
lks_status lks_dataset_load(void **block, lks_contents *contents, const char *path,
                            const lks_dataset_names *names);

#endif
