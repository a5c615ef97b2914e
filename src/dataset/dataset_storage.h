#ifndef LKS_DATASET_DATASET_STORAGE_H
#define LKS_DATASET_DATASET_STORAGE_H

#include <hdf5.h>
#include <stddef.h>

#include "dataset/dataset_file.h"

/* How an HDF5 file holds an array. Links and layouts that lead out of the file could read any other one, and
 * filters of others would be code to be loaded. */

/** Local. LKS_ERR_DATA: something of the file is truncated or damaged. */
lks_status lks_storage_unreadable(const char *what);

/** Local. LKS_ERR_DATA unless the path is there and lies in the file itself; soft links within it may lead there. */
lks_status lks_storage_check_link(hid_t file, const char *path);

/** Local. Of an array of about->path and about->what with these creation properties; *chunk out: bytes of one, 0 where
 * there are none. LKS_ERR_DATA when its data lie in other files, when a filter is not the library's own, when one chunk
 * is larger than the file can hold, or when most of it was never written. about->unwritten: chunks that were not. */
lks_status lks_storage_check(size_t *chunk, hid_t data, hid_t properties, hid_t file, size_t value_bytes,
                             lks_dataset_array *about);

/** Local. "chunks of 64 x 28 x 28 x 1, deflate, fletcher32, 1234 bytes" */
void lks_storage_describe(char *text, size_t size, hid_t data, hid_t properties);

#endif
