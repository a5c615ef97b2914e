#ifndef LKS_CHECKPOINT_DRAFT_H
#define LKS_CHECKPOINT_DRAFT_H

#include "lockstep/checkpoint.h"

/** A checkpoint in memory: all that a run is at one moment, to be written while the run goes on. */
typedef struct lks_checkpoint_draft lks_checkpoint_draft;

/** Collective. What is to be written to path. *draft: on rank 0; NULL on others. Borrows model and dataset until it is destroyed, copies all else.
 * LKS_ERR_DIVERGED when a value is not finite; LKS_ERR_RANK. */
lks_status lks_checkpoint_draft_take_all(lks_checkpoint_draft **draft, lks_comm *comm, const char *path,
                                         const lks_config *config, const lks_model *model,
                                         const lks_dataset *dataset, lks_network *network,
                                         lks_optimizer *optimizer, const lks_run_state *state);

/** Local, and by any thread, as long as no other one uses HDF5. Errors as lks_checkpoint_save. */
lks_status lks_checkpoint_draft_write(const lks_checkpoint_draft *draft, bool replace);

/** Local. Takes NULL, sets NULL. */
void lks_checkpoint_draft_destroy(lks_checkpoint_draft **draft);

#endif
