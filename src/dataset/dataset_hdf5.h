#ifndef LKS_DATASET_DATASET_HDF5_H
#define LKS_DATASET_DATASET_HDF5_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/dataset.h"
#include "lockstep/settings.h"
#include "lockstep/status.h"

/** What is to be read; one block of memory. */
typedef struct lks_dataset_request {
  lks_dataset_names names;
  char path[];
} lks_dataset_request;

/** The reading side of the HDF5 library; each is a lks_child_function whose argument is a lks_dataset_request.
 * Messages don't name the path. */

/** Local. Sends the header, class names, labels of train and test, mean and std if the file has them, samples of train
 * and test, and then how many of their values were rounded to f32 (uint64_t). None of it is checked but for what the library could trip over: types, ranks, links, layouts. */
lks_status lks_dataset_hdf5_send(int output, const void *request, size_t bytes);

/** Which chunks of samples are to be read; one block of memory. */
typedef struct lks_chunks_request {
  lks_split split;
  size_t chunk, chunks; /* samples of a chunk, as the caller counts them; how many chunks */
  size_t dataset_at;    /* bytes from here to the lks_dataset_request */
  uint32_t number[];    /* [chunks] in the order in which they are sent */
} lks_chunks_request;

/** Local. Its argument is an lks_chunks_request. Sends samples number * chunk and so on, of each as many as it has. */
lks_status lks_chunks_hdf5_send(int output, const void *request, size_t bytes);

/** Local. Sends 64 bytes: the root attribute `format`, or zeros. */
lks_status lks_kind_hdf5_send(int output, const void *request, size_t bytes);

#endif
