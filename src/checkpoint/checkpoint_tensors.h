#ifndef LKS_CHECKPOINT_CHECKPOINT_TENSORS_H
#define LKS_CHECKPOINT_CHECKPOINT_TENSORS_H

#include <hdf5.h>

#include "checkpoint/snapshot.h"

/** Local. The arrays of an open checkpoint file of so many bytes, and the optimizer's steps. The snapshot
 * holds nothing but the batches tracked, which the counts of the layers must repeat. On failure
 * (LKS_ERR_DATA, LKS_ERR_RANK) it is to be cleared. */
lks_status lks_checkpoint_tensors(lks_snapshot *snapshot, hid_t file, size_t file_bytes);

#endif
