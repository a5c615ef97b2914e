#ifndef LKS_CHECKPOINT_CHECKPOINT_PARSE_H
#define LKS_CHECKPOINT_CHECKPOINT_PARSE_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/** Local. The content of a file, parsed in this process: what the child of checkpoint_read.c does. Nothing is
 * checked against the fingerprint. */
lks_status lks_checkpoint_parse(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *image,
                                size_t bytes);

#endif
