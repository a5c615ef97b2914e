#ifndef LKS_CHECKPOINT_CHECKPOINT_CHECK_H
#define LKS_CHECKPOINT_CHECKPOINT_CHECK_H

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/* Whether what a file says can have come from a run. LKS_ERR_DATA, the message naming what was found. */

/** What a message ends with about a file that cannot be used. */
extern const char lks_checkpoint_advice[];

/** Local. Every number of a header, and that they agree with each other. */
lks_status lks_checkpoint_check_header(const lks_checkpoint_header *header);

/** Local. Counts, values and the number of parameters, and that it is what the header's fingerprint was taken
 * of. */
lks_status lks_checkpoint_check_snapshot(const lks_checkpoint_header *header, const lks_snapshot *snapshot);

/** Local. Whether a network can be built from settings and model text. path: for messages. */
lks_status lks_checkpoint_check_model(const lks_checkpoint_header *header, const char *path);

#endif
