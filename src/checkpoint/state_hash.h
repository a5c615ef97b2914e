#ifndef LKS_CHECKPOINT_STATE_HASH_H
#define LKS_CHECKPOINT_STATE_HASH_H

#include <hdf5.h>

#include "lockstep/status.h"

#define LKS_STATE_HASH "state_hash"

/** Local. Of those attributes of a checkpoint that say what it is of, and of all attributes of its /state, whatever
 * a later version may have added there: what has to be covered belongs into /state. Objects one after the other,
 * attributes by name in ascending order: the name with its zero byte, how many values as 64 bits, and the values,
 * whole numbers as 64 bits, others as doubles, a text without zero bytes. 32 hex digits of XXH3-128, and a zero.
 * LKS_ERR_DATA naming one that holds anything else or too much, LKS_ERR_RANK. */
lks_status lks_state_hash(char hash[33], hid_t file);

#endif
