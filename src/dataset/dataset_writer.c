#include "dataset/dataset_writer.h"

#include <errno.h>
#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/temporary.h"
#include "dataset/dataset_attributes.h"
#include "dataset/dataset_file.h"

enum { CHUNK_SAMPLES = 64, CHUNK_BYTES = 1 << 20, DEFLATE_LEVEL = 1, RANK_MAX = 4 };

/* One of the four arrays. */
typedef struct array {
  hid_t data;
  int rank;
  hsize_t size[RANK_MAX];
  size_t row, chunk; /* bytes and count of samples */
  char *buffer;      /* [chunk,row] */
  size_t filled;     /* samples in it */
  size_t written;    /* samples in the file */
} array;

struct lks_dataset_writer {
  lks_layout layout;
  const lks_class_names *names;
  const char *path;
  bool force; /* to replace what is there in the end */
  lks_file_writer *temporary;
  hid_t file, type[2]; /* of values and of labels, in memory as in the file */
  array array[LKS_SECTIONS];
};

static herr_t take_cause(unsigned number, const H5E_error2_t *error, void *cause)
{
  const char *text = error->desc ? strstr(error->desc, "errno = ") : NULL;
  (void)number;
  if (text) *(int *)cause = atoi(strchr(text, '=') + 1);
  return 0;
}

/* Directly after the call that failed: the next one would wipe out what the library remembers. */
static lks_status fail_to_write(const lks_dataset_writer *writer)
{
  int cause = 0;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, take_cause, &cause);
  if (cause) return lks_fail(LKS_ERR_IO, "cannot write %s: %s", writer->path, strerror(cause));
  return lks_fail(LKS_ERR_RANK, "cannot write %s: the HDF5 library fails; is memory short?", writer->path);
}

/* Chunks of whole samples: large enough to be read fast, each with its checksum. */
static void choose_chunk(array *made, size_t value_bytes)
{
  size_t bytes = value_bytes, samples = made->rank == 1 ? CHUNK_BYTES / value_bytes : CHUNK_SAMPLES;
  for (int i = 1; i < made->rank; i++) bytes *= made->size[i];
  while (samples > 1 && samples * bytes > CHUNK_BYTES) samples /= 2;
  made->row = bytes;
  made->chunk = samples < made->size[0] ? samples : made->size[0];
}

static hid_t creation_properties(const array *made, size_t value_bytes)
{
  hsize_t chunk[RANK_MAX];
  memcpy(chunk, made->size, sizeof chunk);
  chunk[0] = made->chunk;
  hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_obj_track_times(properties, 0);
  H5Pset_chunk(properties, made->rank, chunk);
  if (value_bytes > 1) H5Pset_shuffle(properties);
  H5Pset_deflate(properties, DEFLATE_LEVEL);
  H5Pset_fletcher32(properties);
  return properties;
}

/* Without a cache of chunks, so that a write that fails is that of the samples which are handed over. */
static lks_status create_array(lks_dataset_writer *writer, array *made, hid_t group, const char *name,
                               hid_t type)
{
  choose_chunk(made, H5Tget_size(type));
  made->buffer = lks_new(made->chunk, made->row);
  if (!made->buffer) return LKS_ERR_RANK;
  hid_t space = H5Screate_simple(made->rank, made->size, NULL), access = H5Pcreate(H5P_DATASET_ACCESS),
        properties = creation_properties(made, H5Tget_size(type));
  H5Pset_chunk_cache(access, 0, 0, 0);
  made->data = H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, access);
  lks_status status = made->data < 0 ? fail_to_write(writer) : LKS_OK;
  H5Pclose(properties);
  H5Pclose(access);
  H5Sclose(space);
  return status;
}

/* (N,D) */
static bool is_flat(const lks_layout *layout)
{
  return layout->features && layout->shape.height == 1 && layout->shape.width == 1;
}

static lks_status create_split(lks_dataset_writer *writer, lks_split split)
{
  const lks_layout *layout = &writer->layout;
  const lks_shape shape = layout->shape;
  const hsize_t count = layout->count[split];
  const bool flat = is_flat(layout);
  array *values = &writer->array[2 * split], *labels = values + 1;
  if (!count) return LKS_OK;
  *values = flat ? (array){.data = H5I_INVALID_HID, .rank = 2, .size = {count, shape.channels}}
                 : (array){.data = H5I_INVALID_HID,
                           .rank = 4,
                           .size = {count, shape.height, shape.width, shape.channels}};
  *labels = (array){.data = H5I_INVALID_HID, .rank = 1, .size = {count}};
  hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(properties, 0);
  hid_t group = H5Gcreate2(writer->file, lks_split_name(split), H5P_DEFAULT, properties, H5P_DEFAULT);
  lks_status status = group < 0 ? fail_to_write(writer) : LKS_OK;
  H5Pclose(properties);
  if (status) return status;
  status = create_array(writer, values, group, flat ? "features" : "images", writer->type[0]);
  if (!status) status = create_array(writer, labels, group, "labels", writer->type[1]);
  H5Gclose(group);
  return status;
}

static hid_t access_properties(void)
{
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST); /* every structure has a checksum */
  H5Pset_fclose_degree(access, H5F_CLOSE_SEMI);
  H5Pset_file_locking(access, 0, 1); /* locks fail on NFS and Lustre, and nobody else knows the name */
  return access;
}

static lks_status create_file(lks_dataset_writer *writer)
{
  hid_t access = access_properties(), create = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_obj_track_times(create, 0);
  writer->file = H5Fcreate(lks_file_writer_temporary(writer->temporary), H5F_ACC_TRUNC, create, access);
  lks_status status = writer->file < 0 ? fail_to_write(writer) : LKS_OK;
  H5Pclose(access);
  H5Pclose(create);
  if (status) return status;
  if (!lks_dataset_attributes_put(writer->file, &writer->layout, writer->names)) return fail_to_write(writer);
  status = create_split(writer, LKS_SPLIT_TRAIN);
  return status ? status : create_split(writer, LKS_SPLIT_TEST);
}

lks_status lks_dataset_may_write(const char *path, bool force)
{
  if (force || !lks_file_exists(path)) return LKS_OK;
  return lks_fail(LKS_ERR_USAGE, "%s is there already; give --force to replace it, or another name", path);
}

lks_status lks_dataset_writer_create(lks_dataset_writer **writer, const char *path, const lks_layout *layout,
                                     const lks_class_names *names, bool force)
{
  *writer = NULL;
  lks_status status = lks_dataset_may_write(path, force);
  if (!status) status = lks_layout_check(layout);
  if (status) return status;
  lks_dataset_writer *made = *writer = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  *made = (lks_dataset_writer){
      .layout = *layout, .names = names, .path = path, .force = force, .file = H5I_INVALID_HID};
  lks_temporary_tidy_file(path);
  status = lks_file_writer_open(&made->temporary, path);
  H5E_BEGIN_TRY
  {
    made->type[0] = layout->features ? H5T_IEEE_F32LE : H5T_STD_U8LE;
    made->type[1] = H5T_STD_I32LE;
    if (!status) status = create_file(made);
  }
  H5E_END_TRY;
  if (status) lks_dataset_writer_destroy(writer);
  return status;
}

/* Samples that follow those written. */
static lks_status write_rows(lks_dataset_writer *writer, array *to, hid_t type, const void *rows,
                             size_t samples)
{
  hsize_t start[RANK_MAX] = {to->written}, count[RANK_MAX];
  memcpy(count, to->size, sizeof count);
  count[0] = samples;
  hid_t space = H5Dget_space(to->data), memory = H5Screate_simple(to->rank, count, NULL);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  lks_status status =
      H5Dwrite(to->data, type, memory, space, H5P_DEFAULT, rows) < 0 ? fail_to_write(writer) : LKS_OK;
  H5Sclose(memory);
  H5Sclose(space);
  to->written += samples;
  return status;
}

/* Whole chunks go straight into the file. */
static lks_status put_rows(lks_dataset_writer *writer, array *to, hid_t type, const char *rows, size_t count)
{
  lks_status status = LKS_OK;
  while (count > 0 && !status) {
    const bool whole = !to->filled && count >= to->chunk;
    const size_t room = to->chunk - to->filled, taken = whole          ? count / to->chunk * to->chunk
                                                        : count < room ? count
                                                                       : room;
    if (whole) {
      status = write_rows(writer, to, type, rows, taken);
    } else {
      memcpy(to->buffer + to->filled * to->row, rows, taken * to->row);
      to->filled += taken;
    }
    if (to->filled == to->chunk || (to->filled && to->written + to->filled == to->size[0])) {
      if (!status) status = write_rows(writer, to, type, to->buffer, to->filled);
      to->filled = 0;
    }
    rows += taken * to->row;
    count -= taken;
  }
  return status;
}

static lks_status check(const lks_dataset_writer *writer, lks_split split, const void *values,
                        const int32_t *label, size_t first, size_t count)
{
  const lks_layout *layout = &writer->layout;
  char name[32];
  if (count > layout->count[split] - first)
    return lks_fail(LKS_ERR_DATA, "more than the %zu %s samples that were announced", layout->count[split],
                    lks_split_name(split));
  for (size_t i = 0; i < count; i++)
    if (label[i] < 0 || (size_t)label[i] >= layout->classes)
      return lks_fail(LKS_ERR_DATA, "/%s/labels[%zu] is %" PRId32 " and must be 0 to %zu (%zu classes)",
                      lks_split_name(split), first + i, label[i], layout->classes - 1, layout->classes);
  if (!layout->features) return LKS_OK;
  snprintf(name, sizeof name, "/%s/%s", lks_split_name(split), is_flat(layout) ? "features" : "images");
  return lks_features_check(layout, values, first, count, name);
}

lks_status lks_dataset_writer_put(lks_dataset_writer *writer, lks_split split, const void *values,
                                  const int32_t *label, size_t count)
{
  array *to = &writer->array[2 * split];
  if (!count) return LKS_OK;
  lks_status status = check(writer, split, values, label, to->written + to->filled, count);
  if (status) return status;
  H5E_BEGIN_TRY
  {
    status = put_rows(writer, &to[0], writer->type[0], values, count);
    if (!status) status = put_rows(writer, &to[1], writer->type[1], (const char *)label, count);
  }
  H5E_END_TRY;
  return status;
}

static lks_status close_arrays(lks_dataset_writer *writer)
{
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS; i++) {
    array *made = &writer->array[i];
    if (made->buffer && made->data >= 0 && H5Dclose(made->data) < 0 && !status)
      status = fail_to_write(writer);
    lks_free(made->buffer);
    made->buffer = NULL;
  }
  return status;
}

static lks_status close_file(lks_dataset_writer *writer)
{
  lks_status status = close_arrays(writer);
  if (writer->file >= 0 && H5Fclose(writer->file) < 0 && !status) status = fail_to_write(writer);
  writer->file = H5I_INVALID_HID;
  return status;
}

/* On a full disk the library closes a file without a word; what cannot be read as it was written tells it. The message of
 * the reading names the temporary file. */
static lks_status unlike(const lks_dataset_writer *writer, lks_status status)
{
  char why[512];
  if (status == LKS_ERR_RANK) return status;
  snprintf(why, sizeof why, "%s", status ? lks_message() : "it is another file");
  return lks_fail(LKS_ERR_IO, "cannot write %s: what was written cannot be read back; is the disk full? (%s)",
                  writer->path, why);
}

static lks_status put_statistics(lks_dataset_writer *writer, const lks_dataset_file *read)
{
  hid_t access = access_properties();
  writer->file = H5Fopen(lks_file_writer_temporary(writer->temporary), H5F_ACC_RDWR, access);
  H5Pclose(access);
  if (writer->file < 0) return unlike(writer, LKS_OK);
  const bool ok = lks_dataset_attributes_put_statistics(
      writer->file, lks_layout_statistics(&writer->layout), lks_dataset_file_mean(read),
      lks_dataset_file_std(read), lks_dataset_file_header(read)->hash);
  lks_status status = ok ? LKS_OK : fail_to_write(writer);
  lks_status closed = close_file(writer);
  return status ? status : closed;
}

/* Adds what only the whole tells, and looks whether it is there. */
static lks_status complete(lks_dataset_writer *writer)
{
  lks_dataset_file *read = NULL, *again = NULL;
  const char *name = lks_file_writer_temporary(writer->temporary);
  lks_status status = lks_dataset_file_open(&read, name, NULL);
  if (!status) status = lks_dataset_file_complete(read);
  if (status) status = unlike(writer, status);
  if (!status) status = put_statistics(writer, read);
  if (!status) {
    status = lks_dataset_file_open(&again, name, NULL);
    if (status || strcmp(lks_dataset_file_header(again)->hash, lks_dataset_file_header(read)->hash) != 0)
      status = unlike(writer, status);
  }
  lks_dataset_file_close(&again);
  lks_dataset_file_close(&read);
  return status;
}

lks_status lks_dataset_writer_finish(lks_dataset_writer *writer)
{
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS; i += 2)
    if (writer->array[i].written != writer->layout.count[i / 2])
      return lks_fail(LKS_ERR_DATA, "%zu of the %zu %s samples that were announced are missing",
                      writer->layout.count[i / 2] - writer->array[i].written, writer->layout.count[i / 2],
                      lks_split_name((lks_split)(i / 2)));
  H5E_BEGIN_TRY
  {
    status = close_file(writer);
    if (!status) status = complete(writer);
  }
  H5E_END_TRY;
  return status ? status : lks_file_writer_commit_as(writer->temporary, writer->force);
}

void lks_dataset_writer_destroy(lks_dataset_writer **writer)
{
  if (!*writer) return;
  H5E_BEGIN_TRY
  {
    close_file(*writer);
  }
  H5E_END_TRY;
  lks_file_writer_close(&(*writer)->temporary);
  lks_free(*writer);
  *writer = NULL;
}
