#include "dataset/dataset_hdf5.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/plain_text.h"
#include "dataset/dataset_file.h"
#include "dataset/dataset_storage.h"
#include "hdf5/child.h"

/* Everything here runs in a process that ends with it: handles and memory are not given back one by one. */

enum {
  RANK_MAX = LKS_STORAGE_RANK,
  SLAB_BYTES = 4 << 20,
  TEXT_LONGEST = 1 << 16,
  CHUNK_COPIES = 4 /* that the library holds while a chunk goes through its filters */
};

static lks_status open_file(hid_t *file, const char *path)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0); /* a file names its filters; no code is to be loaded for it */
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_file_locking(access, 0, 1); /* locks fail on NFS and Lustre, and a reader needs none */
  htri_t is_hdf5 = H5Fis_hdf5(path);
  if (is_hdf5 == 0) return lks_fail(LKS_ERR_DATA, "is not an HDF5 file");
  *file = is_hdf5 < 0 ? H5I_INVALID_HID : H5Fopen(path, H5F_ACC_RDONLY, access);
  return *file < 0 ? lks_storage_unreadable("the file") : LKS_OK;
}

static lks_status open_attribute(hid_t *attribute, hid_t file, const char *name)
{
  htri_t there = H5Aexists(file, name);
  if (there == 0) return lks_fail(LKS_ERR_DATA, "the root attribute `%s` is missing", name);
  *attribute = there < 0 ? H5I_INVALID_HID : H5Aopen(file, name, H5P_DEFAULT);
  if (*attribute >= 0) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "the root attribute `%s` cannot be read: damaged; copy or make it again",
                  name);
}

/* Text of fixed or variable length, as h5py writes it. */
static lks_status read_text(char *text, size_t size, hid_t file, const char *name)
{
  hid_t attribute = H5I_INVALID_HID;
  lks_status status = open_attribute(&attribute, file, name);
  if (status) return status;
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Tget_size(type) > TEXT_LONGEST)
    return lks_fail(LKS_ERR_DATA, "the root attribute `%s` must be one text", name);
  char *read = NULL;
  if (H5Tis_variable_str(type) > 0) {
    if (H5Aread(attribute, type, &read) < 0) return lks_storage_unreadable(name);
  } else {
    read = lks_new(H5Tget_size(type) + 1, 1);
    if (!read) return LKS_ERR_RANK;
    if (H5Aread(attribute, type, read) < 0) return lks_storage_unreadable(name);
  }
  snprintf(text, size, "%s", read ? read : "");
  lks_text_make_plain(text);
  return LKS_OK;
}

/* Whole numbers or doubles, as many as `count`, converted by the library. */
static lks_status read_numbers(void *values, hid_t memory_type, size_t count, hid_t file, const char *name)
{
  hid_t attribute = H5I_INVALID_HID;
  lks_status status = open_attribute(&attribute, file, name);
  if (status) return status;
  hid_t type = H5Aget_type(attribute);
  H5T_class_t wanted = H5Tget_class(memory_type);
  hssize_t length = H5Sget_simple_extent_npoints(H5Aget_space(attribute));
  if (H5Tget_class(type) != wanted)
    return lks_fail(LKS_ERR_DATA, "the root attribute `%s` must be %s", name,
                    wanted == H5T_INTEGER ? "a whole number" : "of floating point");
  if (length < 0 || (size_t)length != count)
    return lks_fail(LKS_ERR_DATA, "the root attribute `%s` has %lld values and must have %zu", name,
                    (long long)length, count);
  return H5Aread(attribute, memory_type, values) < 0 ? lks_storage_unreadable(name) : LKS_OK;
}

/* What a dataset of the file has to be. */
typedef struct kind {
  H5T_class_t class;
  size_t bytes;
  bool is_signed;
  int rank;
  const char *words;
} kind;

static const kind image_kind = {H5T_INTEGER, 1, false, 4, "of unsigned bytes, [N,H,W,C]"};
static const kind feature_kind = {H5T_FLOAT, 4, false, 2, "of 32-bit floating point, [N,D]"};
static const kind float_image_kind = {H5T_FLOAT, 4, false, 4,
                                      "of unsigned bytes or 32-bit floating point, [N,H,W,C]"};
static const kind label_kind = {H5T_INTEGER, 4, true, 1, "of signed 32-bit whole numbers, [N]"};

static bool fits(hid_t type, int rank, const kind *wanted)
{
  return H5Tget_class(type) == wanted->class && H5Tget_size(type) == wanted->bytes && rank == wanted->rank &&
         (wanted->class != H5T_INTEGER || (H5Tget_sign(type) == H5T_SGN_2) == wanted->is_signed);
}

/* An open dataset. */
typedef struct array {
  const kind *kind;
  hid_t data;
  hsize_t size[RANK_MAX];
  hsize_t step; /* samples that are read at once: whole chunks */
  size_t chunk; /* bytes; 0 where there are none */
} array;

/* How many samples are stored together, and in how many pieces all are. */
static void count_pieces(lks_dataset_array *about, const array *data, hid_t properties)
{
  hsize_t chunk[RANK_MAX];
  about->chunk = about->pieces = 0;
  if (H5Pget_layout(properties) != H5D_CHUNKED || H5Pget_chunk(properties, RANK_MAX, chunk) <= 0) return;
  about->chunk = chunk[0];
  about->pieces = 1;
  for (int i = 0; i < data->kind->rank; i++) about->pieces *= (data->size[i] + chunk[i] - 1) / chunk[i];
}

static void choose_step(array *data, hid_t properties)
{
  hsize_t chunk[RANK_MAX], bytes = data->kind->bytes, unit = 1;
  for (int i = 1; i < data->kind->rank; i++) bytes *= data->size[i];
  if (H5Pget_layout(properties) == H5D_CHUNKED && H5Pget_chunk(properties, RANK_MAX, chunk) > 0)
    unit = chunk[0];
  hsize_t fit = bytes ? SLAB_BYTES / bytes : 0;
  data->step = fit > unit ? fit / unit * unit : unit;
  if (data->step > data->size[0]) data->step = data->size[0];
}

static lks_status open_array(array *data, lks_dataset_array *about, hid_t file, const char *name,
                             const kind *wanted)
{
  lks_status status = lks_storage_check_link(file, name);
  if (status) return status;
  data->kind = wanted;
  data->data = H5Dopen2(file, name, H5P_DEFAULT);
  if (data->data < 0) return lks_fail(LKS_ERR_DATA, "/%s is no dataset, or is damaged", name);
  hid_t space = H5Dget_space(data->data), properties = H5Dget_create_plist(data->data);
  int rank = H5Sget_simple_extent_ndims(space);
  if (!fits(H5Dget_type(data->data), rank, wanted))
    return lks_fail(LKS_ERR_DATA, "/%s has a wrong type or rank: it must be %s", name, wanted->words);
  if (H5Sget_simple_extent_dims(space, data->size, NULL) < 0) return lks_storage_unreadable(name);
  status = lks_storage_check(&data->chunk, properties, file, wanted->bytes, name);
  if (status) return status;
  choose_step(data, properties);
  count_pieces(about, data, properties);
  lks_storage_describe(about->storage, sizeof about->storage, data->data, properties);
  return LKS_OK;
}

/* Where samples of an array are put on their way. */
typedef struct slab {
  const array *data;
  const char *name;
  hid_t type, space;
  hsize_t row; /* bytes of a sample */
  void *values;
} slab;

static lks_status make_slab(slab *s, const array *data, hsize_t samples, const char *name)
{
  *s = (slab){.data = data, .name = name, .row = data->kind->bytes, .space = H5Dget_space(data->data)};
  s->type = data->kind->class == H5T_FLOAT ? H5T_NATIVE_FLOAT
            : data->kind->is_signed        ? H5T_NATIVE_INT32
                                           : H5T_NATIVE_UINT8;
  for (int i = 1; i < data->kind->rank; i++) s->row *= data->size[i];
  lks_child_allow(CHUNK_COPIES * data->chunk + samples * s->row);
  s->values = lks_new(samples, s->row);
  return s->values ? LKS_OK : LKS_ERR_RANK;
}

static lks_status send_slab(int output, const slab *s, hsize_t first, hsize_t samples)
{
  hsize_t start[RANK_MAX] = {first}, count[RANK_MAX] = {samples};
  for (int i = 1; i < s->data->kind->rank; i++) count[i] = s->data->size[i];
  hid_t memory = H5Screate_simple(s->data->kind->rank, count, NULL);
  H5Sselect_hyperslab(s->space, H5S_SELECT_SET, start, NULL, count, NULL);
  if (H5Dread(s->data->data, s->type, memory, s->space, H5P_DEFAULT, s->values) < 0)
    return lks_storage_unreadable(s->name);
  H5Sclose(memory);
  return lks_child_send(output, s->values, samples * s->row);
}

static lks_status send_array(int output, const array *data, const char *name)
{
  slab s;
  const hsize_t size = data->size[0];
  lks_status status = make_slab(&s, data, data->step, name);
  for (hsize_t first = 0; first < size && !status; first += data->step)
    status = send_slab(output, &s, first, size - first < data->step ? size - first : data->step);
  lks_free(s.values);
  return status;
}

static bool is_float(hid_t file, const char *name)
{
  const hid_t data = H5Dopen2(file, name, H5P_DEFAULT), type = data < 0 ? H5I_INVALID_HID : H5Dget_type(data);
  return type >= 0 && H5Tget_class(type) == H5T_FLOAT;
}

/* One split: values and labels, which must agree. */
static lks_status open_split(array data[2], lks_dataset_array about[2], lks_layout *layout, hid_t file,
                             const kind *wanted, lks_split split)
{
  char group[16], name[2][32];
  snprintf(group, sizeof group, "%s", lks_split_name(split));
  snprintf(name[0], sizeof name[0], "%s/%s", group, wanted->rank == 2 ? "features" : "images");
  snprintf(name[1], sizeof name[1], "%s/labels", group);
  for (int i = 0; i < 2; i++) snprintf(about[i].path, sizeof about[i].path, "/%s", name[i]);
  lks_status status = lks_storage_check_link(file, group);
  if (!status) status = open_array(&data[0], &about[0], file, name[0], wanted);
  if (!status) status = open_array(&data[1], &about[1], file, name[1], &label_kind);
  if (status) return status;
  layout->count[split] = data[0].size[0];
  if (data[1].size[0] == data[0].size[0]) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "/%s has %llu samples and /%s has %llu labels", name[0],
                  (unsigned long long)data[0].size[0], name[1], (unsigned long long)data[1].size[0]);
}

static lks_status open_arrays(array data[LKS_SECTIONS], lks_dataset_header *header, hid_t file)
{
  lks_layout *layout = &header->layout;
  lks_status status = lks_storage_check_link(file, "train");
  if (status) return status;
  const bool flat =
      H5Lexists(file, "train/images", H5P_DEFAULT) == 0 && H5Lexists(file, "train/features", H5P_DEFAULT) > 0;
  layout->features = flat || is_float(file, "train/images");
  const kind *wanted = flat ? &feature_kind : layout->features ? &float_image_kind : &image_kind;
  status = open_split(data, header->array, layout, file, wanted, LKS_SPLIT_TRAIN);
  const bool has_test = H5Lexists(file, "test", H5P_DEFAULT) != 0;
  if (!status && has_test)
    status = open_split(data + 2, header->array + 2, layout, file, wanted, LKS_SPLIT_TEST);
  if (status) return status;
  layout->shape = flat ? (lks_shape){1, 1, data[0].size[1]}
                       : (lks_shape){data[0].size[1], data[0].size[2], data[0].size[3]};
  for (int i = 1; i < data[0].kind->rank && has_test; i++)
    if (data[0].size[i] != data[2].size[i])
      return lks_fail(LKS_ERR_DATA, "training and test samples differ in shape");
  return LKS_OK;
}

static bool has_attribute(hid_t file, const char *name)
{
  return H5Aexists(file, name) != 0; /* one that cannot be looked for is not passed over */
}

static lks_status read_format(lks_dataset_header *header, hid_t file)
{
  char format[64];
  int version = LKS_DATASET_VERSION;
  lks_status status = LKS_OK;
  header->has_format = has_attribute(file, "format");
  if (header->has_format) status = read_text(format, sizeof format, file, "format");
  if (header->has_format && !status && strcmp(format, "lockstep-dataset") != 0)
    return lks_fail(LKS_ERR_DATA, "is no dataset: its `format` is \"%.60s\" and must be \"lockstep-dataset\"",
                    format);
  if (!status && has_attribute(file, "format_version"))
    status = read_numbers(&version, H5T_NATIVE_INT, 1, file, "format_version");
  if (status || (version >= 1 && version <= LKS_DATASET_VERSION)) return status;
  return lks_fail(LKS_ERR_DATA, "has format_version %d and this program reads up to %d; use a newer lockstep",
                  version, LKS_DATASET_VERSION);
}

static lks_status read_identity(lks_dataset_header *header, hid_t file)
{
  int classes = 0;
  lks_status status = read_format(header, file);
  header->has_classes = has_attribute(file, "classes");
  header->has_mean = has_attribute(file, "mean");
  header->has_std = has_attribute(file, "std");
  if (!status && header->has_classes) status = read_numbers(&classes, H5T_NATIVE_INT, 1, file, "classes");
  header->layout.classes = classes < 0 ? 0 : (size_t)classes;
  if (!status && has_attribute(file, "creator"))
    status = read_text(header->creator, sizeof header->creator, file, "creator");
  if (!status && has_attribute(file, "content_hash"))
    status = read_text(header->hash, sizeof header->hash, file, "content_hash");
  return status;
}

static lks_status send_statistics(int output, const lks_dataset_header *header, hid_t file)
{
  const size_t count = lks_layout_statistics(&header->layout);
  double *values = lks_new(count, sizeof *values);
  lks_status status = values ? LKS_OK : LKS_ERR_RANK;
  if (!status && header->has_mean) {
    status = read_numbers(values, H5T_NATIVE_DOUBLE, count, file, "mean");
    if (!status) status = lks_child_send(output, values, count * sizeof *values);
  }
  if (!status && header->has_std) {
    status = read_numbers(values, H5T_NATIVE_DOUBLE, count, file, "std");
    if (!status) status = lks_child_send(output, values, count * sizeof *values);
  }
  return status;
}

/* Labels of both splits, one behind the other. */
static lks_status read_labels(int32_t **label, const array data[LKS_SECTIONS], const lks_layout *layout)
{
  const size_t train = layout->count[LKS_SPLIT_TRAIN], all = train + layout->count[LKS_SPLIT_TEST];
  lks_child_allow(all * sizeof **label + CHUNK_COPIES * (data[1].chunk + data[3].chunk));
  *label = lks_new(all + 1, sizeof **label);
  if (!*label) return LKS_ERR_RANK;
  if (H5Dread(data[1].data, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, *label) < 0)
    return lks_storage_unreadable("labels");
  if (layout->count[LKS_SPLIT_TEST] &&
      H5Dread(data[3].data, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, *label + train) < 0)
    return lks_storage_unreadable("labels");
  return LKS_OK;
}

/* As many classes as the labels need. */
static void count_classes(lks_dataset_header *header, const int32_t *label, size_t labels)
{
  if (header->has_classes) return;
  for (size_t i = 0; i < labels; i++)
    if (label[i] >= 0 && (size_t)label[i] >= header->layout.classes)
      header->layout.classes = (size_t)label[i] + 1;
}

lks_status lks_dataset_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  const lks_dataset_request *r = request;
  hid_t file = H5I_INVALID_HID;
  array data[LKS_SECTIONS] = {0};
  int32_t *label = NULL;
  lks_dataset_header header = {0};
  lks_status status = open_file(&file, r->path);
  if (!status) status = read_identity(&header, file);
  if (!status) status = open_arrays(data, &header, file);
  const size_t labels = header.layout.count[LKS_SPLIT_TRAIN] + header.layout.count[LKS_SPLIT_TEST];
  if (!status) status = read_labels(&label, data, &header.layout);
  if (!status) count_classes(&header, label, labels);
  if (!status) status = lks_layout_check(&header.layout);
  if (!status) status = lks_child_send(output, &header, sizeof header);
  if (!status) status = lks_child_send(output, label, labels * sizeof *label);
  if (!status) status = send_statistics(output, &header, file);
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    if (header.layout.count[split]) status = send_array(output, &data[2 * split], "samples");
  return status;
}

static lks_status send_chunks(int output, const lks_chunks_request *r, const array *data)
{
  slab s;
  const hsize_t size = data->size[0];
  lks_status status = make_slab(&s, data, r->chunk < size ? r->chunk : size, "samples");
  for (size_t i = 0; i < r->chunks && !status; i++) {
    const hsize_t first = (hsize_t)r->number[i] * r->chunk, left = first < size ? size - first : 0;
    if (!left)
      return lks_fail(LKS_ERR_DATA, "was changed while it was used: it has %llu samples",
                      (unsigned long long)size);
    status = send_slab(output, &s, first, left < r->chunk ? left : r->chunk);
  }
  return status;
}

lks_status lks_chunks_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  const lks_chunks_request *r = request;
  const lks_dataset_request *of = (const void *)((const char *)request + r->dataset_at);
  hid_t file = H5I_INVALID_HID;
  array data[LKS_SECTIONS] = {0};
  lks_dataset_header header = {0};
  lks_status status = open_file(&file, of->path);
  if (!status) status = open_arrays(data, &header, file);
  return status ? status : send_chunks(output, r, &data[2 * (int)r->split]);
}

lks_status lks_kind_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  const lks_dataset_request *r = request;
  hid_t file = H5I_INVALID_HID;
  char kind_text[64] = "";
  lks_status status = open_file(&file, r->path);
  if (!status && has_attribute(file, "format"))
    status = read_text(kind_text, sizeof kind_text, file, "format");
  return status ? status : lks_child_send(output, kind_text, sizeof kind_text);
}
