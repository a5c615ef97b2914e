#include "hdf5/hdf5_image.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* H5Fget_file_image would be simpler, but in 1.10.8 it clears a flag of the superblock and leaves the
 * checksum as it was. So the library's own buffer is kept when the file is closed. */

enum { GROWTH = 4 << 20, END_OF_FILE = 28 /* where superblocks 2 and 3 have that address */ };

static void *resize(void *data, size_t bytes, H5FD_file_image_op_t operation, void *image)
{
  (void)operation;
  ((lks_hdf5_image *)image)->bytes = bytes;
  return realloc(data, bytes);
}

static herr_t keep(void *data, H5FD_file_image_op_t operation, void *image)
{
  (void)operation;
  ((lks_hdf5_image *)image)->data = data;
  return 0;
}

static void *same_image(void *image)
{
  return image;
}

static herr_t leave_image(void *image)
{
  (void)image;
  return 0;
}

hid_t lks_hdf5_image_create(lks_hdf5_image *image)
{
  H5FD_file_image_callbacks_t callbacks = {.image_realloc = resize,
                                           .image_free = keep,
                                           .udata_copy = same_image,
                                           .udata_free = leave_image,
                                           .udata = image};
  *image = (lks_hdf5_image){NULL, 0};
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_fapl_core(access, GROWTH, 0);
  H5Pset_file_image_callbacks(access, &callbacks);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  H5Pset_fclose_degree(access, H5F_CLOSE_SEMI);
  H5Pset_obj_track_times(create, 0);
  /* HDF5 looks for a file of that name, and reads it: there cannot be one. */
  hid_t file = H5Fcreate("/dev/null/image", H5F_ACC_TRUNC, create, access);
  H5Pclose(access);
  H5Pclose(create);
  return file;
}

lks_status lks_hdf5_image_finish(lks_hdf5_image *image, hid_t file)
{
  uint64_t end = 0;
  bool ok = file >= 0 && H5Fclose(file) >= 0 && image->data;
  if (ok) memcpy(&end, image->data + END_OF_FILE, sizeof end);
  if (ok && end <= image->bytes) {
    image->bytes = end;
    return LKS_OK;
  }
  lks_hdf5_image_clear(image);
  return lks_fail(LKS_ERR_RANK, "the HDF5 library cannot make a file in memory; is memory short?");
}

void lks_hdf5_image_clear(lks_hdf5_image *image)
{
  free(image->data);
  *image = (lks_hdf5_image){NULL, 0};
}
