#ifndef LKS_CHECKPOINT_HEADER_HASH_H
#define LKS_CHECKPOINT_HEADER_HASH_H

#include "lockstep/checkpoint.h"

/** Local. Of those attributes that may be large: the config text, the model text, mean and standard deviation of the inputs,
 * the sums of the noise. HDF5 gives checksums to attributes of at most 4 KiB; this hash is the checksum of larger ones. 32 hex
 * digits of XXH3-128, and a zero. */
void lks_header_hash(char hash[33], const lks_checkpoint_header *header, const char *config);

#endif
