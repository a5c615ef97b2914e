#ifndef LKS_DATASET_DATASET_HDF5_H
#define LKS_DATASET_DATASET_HDF5_H

#include <stddef.h>

#include "lockstep/status.h"

/** The reading side of the HDF5 library; each is a lks_child_function whose argument is the path. Messages
 * don't name the path. */

/** Local. Sends the header, mean, std, and the four sections, none of them checked but for what the library
 * could trip over: types, ranks, links, layouts. */
lks_status lks_dataset_hdf5_send(int output, const void *path, size_t bytes);

/** Local. Sends 64 bytes: the root attribute `format`. */
lks_status lks_kind_hdf5_send(int output, const void *path, size_t bytes);

#endif
