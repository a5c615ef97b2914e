#ifndef LKS_TESTS_MADE_UP_CHECKPOINT_H
#define LKS_TESTS_MADE_UP_CHECKPOINT_H

#include <stdbool.h>

#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"

/* A checkpoint with everything in it that a file can hold, for tests of the file's form: a convolution
 * z.weight [3,2,2,2], a batch norm a.*, [3] each, and two moments, exp_avg and exp_avg_sq. */

/** Local. Its pointers lead to constants: it is not to be cleared. */
lks_checkpoint_header made_up_header(void);

/** Local. `tag` makes its values. Freed with lks_snapshot_clear. */
lks_status made_up_snapshot(lks_snapshot *snapshot, float tag);

/** Local. Writes header and snapshot with the fingerprint that belongs to them. */
lks_status made_up_save_as(const char *path, lks_checkpoint_header *header, const lks_snapshot *snapshot);
/** Local. The same of a made-up header and snapshot. */
lks_status made_up_save(const char *path, float tag);

/** Local. The same to the bit. */
bool same_snapshot(const lks_snapshot *a, const lks_snapshot *b);
bool same_header(const lks_checkpoint_header *a, const lks_checkpoint_header *b);

/** Local. Whether the file is read as what made_up_save(path, tag) wrote. */
bool made_up_reads_back(const char *path, float tag);

#endif
