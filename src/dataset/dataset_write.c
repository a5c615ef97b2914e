#include "dataset/dataset_write.h"

#include <hdf5.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "dataset/dataset_file.h"
#include "hdf5/hdf5_image.h"

enum { CHUNK_SAMPLES = 64, CHUNK_BYTES = 1 << 20, DEFLATE_LEVEL = 1 };

static bool put_attribute(hid_t file, const char *name, hid_t type, hid_t space, const void *value)
{
  hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  return ok;
}

static bool put_text(hid_t file, const char *name, const char *text)
{
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text) + 1);
  bool ok = put_attribute(file, name, type, space, text);
  H5Tclose(type);
  H5Sclose(space);
  return ok;
}

static bool put_number(hid_t file, const char *name, int32_t value)
{
  hid_t space = H5Screate(H5S_SCALAR);
  bool ok = put_attribute(file, name, H5T_STD_I32LE, space, &value);
  H5Sclose(space);
  return ok;
}

static bool put_doubles(hid_t file, const char *name, const double *values, size_t count)
{
  hid_t space = H5Screate_simple(1, &(hsize_t){count}, NULL);
  bool ok = put_attribute(file, name, H5T_IEEE_F64LE, space, values);
  H5Sclose(space);
  return ok;
}

/* Chunks of whole samples: large enough to be read fast, each with its checksum. */
static hid_t creation_properties(int rank, const hsize_t *size, size_t value_bytes)
{
  hsize_t chunk[4], bytes = value_bytes;
  for (int i = 1; i < rank; i++) bytes *= chunk[i] = size[i];
  hsize_t samples = rank == 1 ? CHUNK_BYTES / value_bytes : CHUNK_SAMPLES;
  while (samples > 1 && samples * bytes > CHUNK_BYTES) samples /= 2;
  chunk[0] = samples < size[0] ? samples : size[0];
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, 0);
  H5Pset_chunk(properties, rank, chunk);
  if (value_bytes > 1) H5Pset_shuffle(properties);
  H5Pset_deflate(properties, DEFLATE_LEVEL);
  H5Pset_fletcher32(properties);
  return properties;
}

static bool put_array(hid_t group, const char *name, hid_t type, int rank, const hsize_t *size,
                      const void *values)
{
  hid_t space = H5Screate_simple(rank, size, NULL),
        properties = creation_properties(rank, size, H5Tget_size(type));
  hid_t data = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  bool ok = data >= 0 && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  if (data >= 0) ok &= H5Dclose(data) >= 0;
  H5Pclose(properties);
  H5Sclose(space);
  return ok;
}

static bool put_split(hid_t file, const lks_contents *contents, lks_split split)
{
  const lks_shape shape = contents->layout.shape;
  const lks_samples *samples = &contents->split[split];
  hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(properties, 0);
  hid_t group = H5Gcreate2(file, lks_split_name(split), H5P_DEFAULT, properties, H5P_DEFAULT);
  H5Pclose(properties);
  if (group < 0) return false;
  const bool f32 = contents->layout.features, flat = f32 && shape.height == 1 && shape.width == 1;
  const hsize_t image[] = {samples->count, shape.height, shape.width, shape.channels};
  const void *values = f32 ? (const void *)samples->features : samples->pixels;
  bool ok = flat ? put_array(group, "features", H5T_IEEE_F32LE, 2,
                             (hsize_t[]){samples->count, shape.channels}, values)
                 : put_array(group, "images", f32 ? H5T_IEEE_F32LE : H5T_STD_U8LE, 4, image, values);
  ok = ok && put_array(group, "labels", H5T_STD_I32LE, 1, (hsize_t[]){samples->count}, samples->label);
  H5Gclose(group);
  return ok;
}

static bool put_contents(hid_t file, const lks_contents *contents, const char *hash, const double *mean,
                         const double *std)
{
  const size_t statistics = lks_layout_statistics(&contents->layout);
  return put_text(file, "format", "lockstep-dataset") &&
         put_number(file, "format_version", LKS_DATASET_VERSION) &&
         put_text(file, "creator", "lockstep " LKS_VERSION) &&
         put_number(file, "classes", (int32_t)contents->layout.classes) &&
         put_doubles(file, "mean", mean, statistics) && put_doubles(file, "std", std, statistics) &&
         put_text(file, "content_hash", hash) && put_split(file, contents, LKS_SPLIT_TRAIN) &&
         (!contents->layout.count[LKS_SPLIT_TEST] || put_split(file, contents, LKS_SPLIT_TEST));
}

static lks_status make_image(lks_hdf5_image *image, const lks_contents *contents, const char *hash,
                             const double *mean, const double *std)
{
  hid_t file = lks_hdf5_image_create(image);
  bool ok = file >= 0 && put_contents(file, contents, hash, mean, std);
  lks_status status = lks_hdf5_image_finish(image, file);
  return ok || status ? status
                      : lks_fail(LKS_ERR_RANK, "the HDF5 library refuses the samples; is memory short?");
}

static lks_status write_checked(const char *path, const lks_contents *contents, double *mean)
{
  char hash[LKS_HASH_TEXT];
  lks_hdf5_image image = {NULL, 0};
  double *std = mean + lks_layout_statistics(&contents->layout);
  lks_status status = lks_contents_moments(mean, std, contents);
  if (!status) status = lks_contents_hash(hash, contents, mean, std);
  if (!status) {
    H5E_BEGIN_TRY
    {
      status = make_image(&image, contents, hash, mean, std);
    }
    H5E_END_TRY;
  }
  if (!status) status = lks_file_write(path, image.data, image.bytes);
  lks_hdf5_image_clear(&image);
  return status;
}

lks_status lks_dataset_may_write(const char *path, bool force)
{
  if (force || !lks_file_exists(path)) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "%s is there already; give --force to replace it, or another name", path);
}

lks_status lks_dataset_write(const char *path, const lks_contents *contents, bool force)
{
  lks_status status = lks_dataset_may_write(path, force);
  if (!status) status = lks_layout_check(&contents->layout);
  if (!status) status = lks_contents_check(contents);
  if (status) return status;
  double *mean = lks_new(2 * lks_layout_statistics(&contents->layout), sizeof *mean);
  if (!mean) return LKS_ERR_RANK;
  status = write_checked(path, contents, mean);
  lks_free(mean);
  return status;
}
