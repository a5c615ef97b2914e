#include "dataset/h5_array.h"

#include <stdio.h>
#include <string.h>

#include "base/plain_text.h"
#include "dataset/dataset_storage.h"
#include "hdf5/child.h"

enum {
  SLAB_BYTES = 4 << 20,
  SLAB_MOST = 256 << 20,
  CHUNK_COPIES = 4 /* that the library holds while a chunk goes through its filters */
};

static void describe(lks_h5_array *array, hid_t type, hid_t space)
{
  lks_dataset_array *about = array->about;
  char shape[48];
  lks_h5_type_name(about->what, sizeof about->what / 3, type);
  lks_h5_shape_text(shape, sizeof shape, space);
  const size_t length = strlen(about->what);
  snprintf(about->what + length, sizeof about->what - length, " %s", shape);
}

static lks_status measure(lks_h5_array *array, hid_t space)
{
  size_t bytes = array->type.bytes;
  array->row_values = 1;
  array->rank = H5Sget_simple_extent_dims(space, array->size, NULL);
  if (array->rank < 0) return lks_storage_unreadable(array->about->path);
  for (int i = 1; i < array->rank; i++)
    if (__builtin_mul_overflow(array->row_values, array->size[i], &array->row_values) ||
        __builtin_mul_overflow(bytes, array->size[i] + !array->size[i], &bytes))
      return lks_fail(LKS_ERR_DATA, "%s is %s: its shape holds more bytes than there can be",
                      array->about->path, array->about->what);
  return LKS_OK;
}

/* More than could be compressed into the file is a damaged number, not to be allocated. */
static lks_status check_size(const lks_h5_array *array, hid_t file)
{
  hsize_t file_bytes = 0;
  size_t bytes = array->row_values * array->type.bytes;
  const size_t limit = array->about->shrinks ? LKS_SCALEOFFSET_LIMIT : LKS_DEFLATE_LIMIT;
  if (array->rank > 0 && !__builtin_mul_overflow(bytes, array->size[0], &bytes) &&
      H5Fget_filesize(file, &file_bytes) >= 0 && bytes / limit <= file_bytes)
    return LKS_OK;
  return array->rank == 0
             ? LKS_OK
             : lks_fail(LKS_ERR_DATA, "%s is %s, which its file of %llu bytes cannot hold: damaged",
                        array->about->path, array->about->what, (unsigned long long)file_bytes);
}

lks_status lks_h5_array_open(lks_h5_array *array, lks_dataset_array *about, hid_t file)
{
  hsize_t chunk[H5S_MAX_RANK];
  array->about = about;
  const char *name = about->path;
  lks_status status = lks_storage_check_link(file, name);
  if (status) return status;
  array->data = H5Dopen2(file, name, H5P_DEFAULT);
  if (array->data < 0) return lks_fail(LKS_ERR_DATA, "%s is no array, or is damaged", name);
  const hid_t space = H5Dget_space(array->data), properties = H5Dget_create_plist(array->data),
              type = H5Dget_type(array->data);
  if (space < 0 || properties < 0 || type < 0) return lks_storage_unreadable(name);
  array->type = lks_h5_type_of(type);
  describe(array, type, space);
  status = measure(array, space);
  if (!status && array->rank > 0)
    status = lks_storage_check(&array->chunk, array->data, properties, file, array->type.bytes, about);
  if (!status) status = check_size(array, file);
  if (status) return status;
  array->chunk_rows = 1;
  if (array->chunk && H5Pget_chunk(properties, H5S_MAX_RANK, chunk) == array->rank) {
    array->chunk_rows = about->chunk = chunk[0];
    about->pieces = 1;
    for (int i = 0; i < array->rank; i++) about->pieces *= (array->size[i] + chunk[i] - 1) / chunk[i];
  }
  lks_storage_describe(about->storage, sizeof about->storage, array->data, properties);
  return LKS_OK;
}

lks_status lks_h5_array_check_numbers(const lks_h5_array *array, const char *use)
{
  const lks_dataset_array *about = array->about;
  if (array->rank == 0)
    return lks_fail(LKS_ERR_DATA,
                    "%s is %s, a single value or none: %s are an array with a row for each sample",
                    about->path, about->what, use);
  if (array->type.class == LKS_H5_TEXT)
    return lks_fail(
        LKS_ERR_DATA,
        "%s is %s, and texts are no %s: write numbers (for classes as numpy.unique(texts, return_inverse=True) gives them, and the texts as attribute class_names)",
        about->path, about->what, use);
  if (array->type.class == LKS_H5_OTHER)
    return lks_fail(
        LKS_ERR_DATA,
        "%s is %s and %s must be integers or floats of at most 64 bits: write an array of such numbers",
        about->path, about->what, use);
  return LKS_OK;
}

hsize_t lks_h5_array_step(const lks_h5_array *array, size_t value_bytes)
{
  const hsize_t bytes = array->row_values * value_bytes, fit = bytes ? SLAB_BYTES / bytes : 0;
  hsize_t unit = array->chunk_rows, step = 0;
  if (bytes && unit > SLAB_MOST / bytes) unit = SLAB_MOST / bytes;
  if (unit < 1) unit = 1;
  step = fit > unit ? fit / unit * unit : unit;
  return step < array->size[0] ? step : array->size[0];
}

void lks_h5_array_allow(const lks_h5_array *array, size_t bytes)
{
  lks_child_allow(CHUNK_COPIES * array->chunk + bytes);
}

lks_status lks_h5_array_read(const lks_h5_array *array, void *values, hid_t type, hsize_t first,
                             hsize_t count)
{
  hsize_t start[H5S_MAX_RANK] = {first}, extent[H5S_MAX_RANK] = {count};
  for (int i = 1; i < array->rank; i++) extent[i] = array->size[i];
  const hid_t space = H5Dget_space(array->data), memory = H5Screate_simple(array->rank, extent, NULL);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL);
  const herr_t read = H5Dread(array->data, type, memory, space, H5P_DEFAULT, values);
  H5Sclose(memory);
  H5Sclose(space);
  return read < 0 ? lks_storage_unreadable(array->about->path) : LKS_OK;
}
