#ifndef LKS_CHECKPOINT_FINGERPRINT_H
#define LKS_CHECKPOINT_FINGERPRINT_H

#include "checkpoint/snapshot.h"

/** Local. XXH3-128 as 32 hex digits and a zero: of each array its name with the zero byte behind it and its
 * elements; behind the tensors the batches tracked, before each moment its name with the zero byte, and the
 * optimizer's steps as the end. Numbers are little-endian, counts 64 bits wide. */
lks_status lks_snapshot_fingerprint(char fingerprint[33], const lks_snapshot *snapshot);

/** Collective. Takes a snapshot and its fingerprint on every rank; LKS_ERR_RANK, and nothing to clear, if the
 * ranks do not all hold the same bits. */
lks_status lks_snapshot_take_all(lks_snapshot *snapshot, char fingerprint[33], lks_comm *comm,
                                 lks_network *network, lks_optimizer *optimizer);

#endif
