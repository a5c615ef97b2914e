#ifndef LKS_DATASET_DATASET_WRITE_H
#define LKS_DATASET_DATASET_WRITE_H

#include "dataset/dataset_writer.h"

/** Local. Writes a dataset file that is in memory, as lks_dataset_writer does it. An existing file is replaced only
 * when `force`; otherwise LKS_ERR_USAGE. LKS_ERR_DATA when the contents are not a dataset. */
lks_status lks_dataset_write(const char *path, const lks_contents *contents, bool force);

#endif
