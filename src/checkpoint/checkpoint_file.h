#ifndef LKS_CHECKPOINT_CHECKPOINT_FILE_H
#define LKS_CHECKPOINT_CHECKPOINT_FILE_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/* The HDF5 form of a checkpoint. Every group and attribute is named here alone. */

enum { LKS_CHECKPOINT_VERSION = 1 };

#define LKS_CHECKPOINT_FORMAT "lockstep-checkpoint"

/** Local. Writes a whole file, atomically: composed in memory, because HDF5 does not report every failure to
 * write. The config text is printed anew. LKS_ERR_IO, the old file still being there; LKS_ERR_RANK when
 * memory runs out. */
lks_status lks_checkpoint_save(const char *path, const lks_checkpoint_header *header,
                               const lks_snapshot *snapshot);

/** Local. Composes the file in memory and lets it go, for who wants to know how much memory that takes.
 * LKS_ERR_RANK. */
lks_status lks_checkpoint_rehearse(const lks_checkpoint_header *header, const lks_snapshot *snapshot);

/** Local. Reads a file in a child process, which a damaged one may crash or hang. The header is checked for
 * sense, the snapshot (unless NULL) for values that a run can have and against the fingerprint. LKS_ERR_IO,
 * or LKS_ERR_DATA; messages begin with the path. On failure there is nothing to clear. */
lks_status lks_checkpoint_read(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *path);

/** Local. The content of a file, parsed in this process: what the child does. Nothing is checked against the
 * fingerprint. */
lks_status lks_checkpoint_parse(lks_checkpoint_header *header, lks_snapshot *snapshot, const char *image,
                                size_t bytes);

/** Local. A header as one block of bytes, *block freed with lks_free, and back: for a pipe and for MPI. */
lks_status lks_checkpoint_header_pack(char **block, size_t *bytes, const lks_checkpoint_header *header);
lks_status lks_checkpoint_header_unpack(lks_checkpoint_header *header, const char *block);

#endif
