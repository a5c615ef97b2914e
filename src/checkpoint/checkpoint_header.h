#ifndef LKS_CHECKPOINT_CHECKPOINT_HEADER_H
#define LKS_CHECKPOINT_CHECKPOINT_HEADER_H

#include "lockstep/checkpoint.h"

/** Local. A header as one block of bytes, *block freed with lks_free, and back: for a pipe and for MPI. */
lks_status lks_checkpoint_header_pack(char **block, size_t *bytes, const lks_checkpoint_header *header);
lks_status lks_checkpoint_header_unpack(lks_checkpoint_header *header, const char *block);

#endif
