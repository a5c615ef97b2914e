#ifndef LKS_DATASET_DATASET_STORAGE_H
#define LKS_DATASET_DATASET_STORAGE_H

#include <hdf5.h>
#include <stddef.h>

#include "lockstep/status.h"

/* How an HDF5 file holds an array. Links and layouts that lead out of the file could read any other one, and
 * filters of others would be code to be loaded. Names are without the first slash. */

enum { LKS_STORAGE_RANK = 4 };

/** Local. LKS_ERR_DATA: something of the file is truncated or damaged. */
lks_status lks_storage_unreadable(const char *what);

/** Local. LKS_ERR_DATA unless the name is there and lies in the file itself. */
lks_status lks_storage_check_link(hid_t file, const char *name);

/** Local. Of an array with these creation properties; *chunk out: bytes of one, 0 where there are none.
 * LKS_ERR_DATA when its data lie in other files, when a filter is not the library's own, or when one chunk
 * is larger than the file can hold. */
lks_status lks_storage_check(size_t *chunk, hid_t properties, hid_t file, size_t value_bytes,
                             const char *name);

/** Local. "chunks of 64 x 28 x 28 x 1, deflate, fletcher32, 1234 bytes" */
void lks_storage_describe(char *text, size_t size, hid_t data, hid_t properties);

#endif
