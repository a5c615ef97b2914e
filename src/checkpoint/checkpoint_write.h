#ifndef LKS_CHECKPOINT_CHECKPOINT_WRITE_H
#define LKS_CHECKPOINT_CHECKPOINT_WRITE_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/* A checkpoint as HDF5. checkpoint_write.c, and checkpoint_parse.c with checkpoint_tensors.c, alone name its
 * groups and attributes. */

enum { LKS_CHECKPOINT_VERSION = 1 };

#define LKS_CHECKPOINT_FORMAT "lockstep-checkpoint"

/** Local. Writes a whole file, atomically: composed in memory, because HDF5 does not report every failure to
 * write. The config text is printed anew. LKS_ERR_IO, the old file still being there; LKS_ERR_RANK when
 * memory runs out; without `replace`, LKS_ERR_USAGE if there is a file. */
lks_status lks_checkpoint_save(const char *path, bool replace, const lks_checkpoint_header *header,
                               const lks_snapshot *snapshot);

/** Collective. lks_checkpoint_write_all, but without `replace` an existing file stays: LKS_ERR_USAGE. */
lks_status lks_checkpoint_write_as_all(lks_comm *comm, const char *path, bool replace,
                                       const lks_config *config, const lks_model *model,
                                       const lks_dataset *dataset, lks_network *network,
                                       lks_optimizer *optimizer, const lks_run_state *state);

/** Local. Composes the file in memory and lets it go, for who wants to know how much memory that takes.
 * LKS_ERR_RANK. */
lks_status lks_checkpoint_rehearse(const lks_checkpoint_header *header, const lks_snapshot *snapshot);

#endif
