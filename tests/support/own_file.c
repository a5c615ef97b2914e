#include "own_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"

enum { VALUES_MOST = OWN_HEIGHT * OWN_COLUMNS * OWN_CHANNELS };

static char folder[] = "/tmp/lockstep-test-XXXXXX";
char own[64];

int own_set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(own, sizeof own, "%s/own.h5", folder);
  return 0;
}

int own_tear_down(void **state)
{
  (void)state;
  unlink(own);
  return rmdir(folder);
}

int own_nothing_is_left(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

static bool is_image(const own_file *file)
{
  return file->axes >= OWN_IMAGES;
}

static lks_shape shape_of(const own_file *file)
{
  if (file->axes == OWN_FEATURES) return (lks_shape){1, 1, OWN_WIDTH};
  if (file->axes == OWN_ONE_FEATURE) return (lks_shape){1, 1, 1};
  return (lks_shape){OWN_HEIGHT, OWN_COLUMNS, file->axes == OWN_GREY ? 1 : OWN_CHANNELS};
}

static size_t count_of(lks_split split)
{
  return split == LKS_SPLIT_TRAIN ? OWN_TRAIN : OWN_TEST;
}

double own_value(const own_file *file, lks_split split, size_t sample, size_t place)
{
  return (double)((sample * 37 + place * 11 + (size_t)split * 5) % (is_image(file) ? 121 : 13));
}

static int32_t label_of(lks_split split, size_t sample)
{
  return (int32_t)((sample + (size_t)split) % OWN_CLASSES);
}

hid_t own_float16(bool big)
{
  const hid_t type = H5Tcopy(big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

hid_t own_bool(void)
{
  const hid_t type = H5Tcreate(H5T_ENUM, 1);
  H5Tenum_insert(type, "FALSE", &(int8_t){0});
  H5Tenum_insert(type, "TRUE", &(int8_t){1});
  return type;
}

static int sample_extent(hsize_t size[4], const own_file *file, lks_split split)
{
  const hsize_t of[][4] = {{count_of(split), OWN_WIDTH},
                           {count_of(split)},
                           {count_of(split), OWN_HEIGHT, OWN_COLUMNS, OWN_CHANNELS},
                           {count_of(split), OWN_HEIGHT, OWN_COLUMNS},
                           {count_of(split), OWN_CHANNELS, OWN_HEIGHT, OWN_COLUMNS}};
  static const int rank[] = {2, 1, 4, 3, 4};
  memcpy(size, of[file->axes], 4 * sizeof *size);
  return rank[file->axes];
}

static int label_extent(hsize_t size[4], const own_file *file, lks_split split)
{
  const hsize_t n = count_of(split);
  const hsize_t of[][2] = {{n, 0}, {n, 1}, {1, n}, {n, OWN_CLASSES}};
  memcpy(size, of[file->labels], 2 * sizeof *size);
  return file->labels == OWN_PLAIN ? 1 : 2;
}

static hid_t plan_of(own_filter filter, int rank, const hsize_t *size)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[4] = {0};
  for (int i = 0; i < rank; i++) chunk[i] = filter == OWN_ACROSS && i > 0 ? (size[i] + 1) / 2 : size[i];
  if (chunk[0] > 7) chunk[0] = 7;
  if (filter == OWN_COMPACT) H5Pset_layout(plan, H5D_COMPACT);
  if (filter >= OWN_CHUNKED) H5Pset_chunk(plan, rank, chunk);
  if (filter == OWN_SHUFFLE) H5Pset_shuffle(plan);
  if (filter == OWN_SHUFFLE || filter == OWN_GZIP) H5Pset_deflate(plan, 9);
  if (filter == OWN_FLETCHER) H5Pset_fletcher32(plan);
  if (filter == OWN_SZIP) H5Pset_szip(plan, H5_SZIP_NN_OPTION_MASK, 4);
  if (filter == OWN_SCALEOFFSET) H5Pset_scaleoffset(plan, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
  if (filter == OWN_NBIT) H5Pset_nbit(plan);
  return plan;
}

/* bool cannot be converted to: it is written as the bytes that it is. */
static bool write_values(hid_t data, hid_t type, const double *values, size_t count)
{
  int8_t bytes[OWN_TRAIN * OWN_CLASSES];
  if (H5Tget_class(type) != H5T_ENUM)
    return H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  for (size_t i = 0; i < count && i < sizeof bytes; i++) bytes[i] = (int8_t)values[i];
  return count <= sizeof bytes && H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) >= 0;
}

static bool put(hid_t file, const char *path, hid_t type, int rank, const hsize_t *size, own_filter filter,
                const double *values)
{
  size_t count = 1;
  for (int i = 0; i < rank; i++) count *= size[i];
  const hid_t space = H5Screate_simple(rank, size, NULL), plan = plan_of(filter, rank, size),
              links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  const hid_t data = H5Dcreate2(file, path, type, space, links, plan, H5P_DEFAULT);
  const bool ok = data >= 0 && write_values(data, type, values, count);
  if (data >= 0) H5Dclose(data);
  H5Pclose(links);
  H5Pclose(plan);
  H5Sclose(space);
  return ok;
}

static size_t place_of(const own_file *file, size_t at)
{
  const size_t pixels = (size_t)OWN_HEIGHT * OWN_COLUMNS;
  return file->axes == OWN_NCHW ? at % pixels * OWN_CHANNELS + at / pixels : at;
}

static bool put_samples(hid_t to, const own_file *file, lks_split split, const char *path)
{
  hsize_t size[4];
  double values[OWN_TRAIN * VALUES_MOST];
  const int rank = sample_extent(size, file, split);
  const lks_shape shape = shape_of(file);
  const size_t width = shape.height * shape.width * shape.channels;
  for (size_t i = 0; i < count_of(split) * width; i++)
    values[i] = own_value(file, split, i / width, place_of(file, i % width));
  const hid_t usual = is_image(file) ? H5T_STD_U8LE : H5T_IEEE_F32LE;
  return put(to, path, file->type ? file->type : usual, rank, size, file->filter, values);
}

static bool put_labels(hid_t to, const own_file *file, lks_split split, const char *path)
{
  hsize_t size[4];
  double values[OWN_TRAIN * OWN_CLASSES];
  const int rank = label_extent(size, file, split);
  const bool hot = file->labels == OWN_ONE_HOT;
  for (size_t i = 0; i < count_of(split) * (hot ? OWN_CLASSES : 1); i++)
    values[i] = hot ? label_of(split, i / OWN_CLASSES) == (int32_t)(i % OWN_CLASSES) : label_of(split, i);
  return put(to, path, file->label_type ? file->label_type : H5T_STD_I32LE, rank, size, OWN_CONTIGUOUS,
             values);
}

bool own_file_write(const char *path, const own_file *file)
{
  static const char *const flat[] = {"train/features", "train/labels", "test/features", "test/labels"};
  static const char *const images[] = {"train/images", "train/labels", "test/images", "test/labels"};
  const char *const *name = file->path[0] ? file->path : is_image(file) ? images : flat;
  const hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  if (file->user_block) H5Pset_userblock(creation, 512);
  if (file->latest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hid_t made = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
  bool ok = made >= 0 && put_samples(made, file, LKS_SPLIT_TRAIN, name[0]) &&
            put_labels(made, file, LKS_SPLIT_TRAIN, name[1]);
  if (ok && name[2]) ok = put_samples(made, file, LKS_SPLIT_TEST, name[2]);
  if (ok && name[2] && name[3]) ok = put_labels(made, file, LKS_SPLIT_TEST, name[3]);
  if (ok && file->more) file->more(made);
  if (made >= 0) H5Fclose(made);
  H5Pclose(creation);
  H5Pclose(access);
  return ok;
}

/* Flat values are f32 always, images are where they are no bytes. */
static bool is_f32(const own_file *file)
{
  return !is_image(file) ||
         (file->type && !(H5Tget_class(file->type) == H5T_INTEGER && H5Tget_size(file->type) == 1 &&
                          H5Tget_sign(file->type) == H5T_SGN_NONE));
}

const lks_contents *own_file_contents(const own_file *file)
{
  static lks_contents contents;
  static uint8_t pixels[2][OWN_TRAIN * VALUES_MOST];
  static float values[2][OWN_TRAIN * VALUES_MOST];
  static int32_t label[2][OWN_TRAIN];
  const lks_shape shape = shape_of(file);
  const size_t width = shape.height * shape.width * shape.channels;
  const bool f32 = is_f32(file), test = !file->path[0] || (file->path[2] && file->path[3]);
  contents.layout = (lks_layout){shape, f32, OWN_CLASSES, {OWN_TRAIN, test ? OWN_TEST : 0}};
  for (int s = 0; s < LKS_SPLITS; s++) {
    const lks_split split = (lks_split)s;
    for (size_t i = 0; i < count_of(split); i++) label[s][i] = label_of(split, i);
    for (size_t i = 0; i < count_of(split) * width; i++) {
      values[s][i] = (float)own_value(file, split, i / width, i % width);
      pixels[s][i] = (uint8_t)values[s][i];
    }
    contents.split[s] =
        (lks_samples){contents.layout.count[s], f32 ? NULL : pixels[s], f32 ? values[s] : NULL, label[s]};
  }
  return &contents;
}
