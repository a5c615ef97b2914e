#ifndef LKS_HDF5_HDF5_IMAGE_H
#define LKS_HDF5_HDF5_IMAGE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** A file that the HDF5 library makes in memory, to be written by lks_file_write: on a full disk the library
 * itself reports nothing. It has the newest layout, in which every structure carries a checksum, and no
 * times, so that equal contents make equal files. */
typedef struct lks_hdf5_image {
  char *data;
  size_t bytes;
} lks_hdf5_image;

/** Local. An empty file, negative on failure; `image` must stay where it is until the file is closed. */
hid_t lks_hdf5_image_create(lks_hdf5_image *image);

/** Local. Closes the file, if it is open, and completes the image. LKS_ERR_RANK when the library fails. All
 * objects of the file must have been closed. */
lks_status lks_hdf5_image_finish(lks_hdf5_image *image, hid_t file);

/** Local. */
void lks_hdf5_image_clear(lks_hdf5_image *image);

#endif
