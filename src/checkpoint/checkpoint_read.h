#ifndef LKS_CHECKPOINT_CHECKPOINT_READ_H
#define LKS_CHECKPOINT_CHECKPOINT_READ_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/** Local. Reads a file in a child process, which a damaged one may crash or hang. The header is checked for
 * sense, the snapshot (unless NULL) for values that a run can have and against the fingerprint. LKS_ERR_IO,
 * or LKS_ERR_DATA; messages begin with the path. On failure there is nothing to clear. */
lks_status lks_checkpoint_read(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *path);

#endif
