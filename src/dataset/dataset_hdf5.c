#include "dataset/dataset_hdf5.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "dataset/dataset_file.h"
#include "dataset/dataset_storage.h"
#include "dataset/h5_attributes.h"
#include "dataset/h5_labels.h"
#include "dataset/h5_names.h"
#include "dataset/h5_samples.h"
#include "hdf5/child.h"
#include "model/shape.h"

/* Everything here runs in a process that ends with it: handles and memory are not given back one by one. */

enum { CLASSES_MOST = 1000000 };

typedef struct source {
  hid_t file;
  lks_dataset_header header;
  lks_h5_array array[LKS_SECTIONS];
  lks_h5_samples samples[LKS_SPLITS];
  int32_t *label[LKS_SPLITS]; /* one block of memory */
  char *class_names;          /* [header.class_names_bytes] */
} source;

static herr_t find_open_writer(unsigned n, const H5E_error2_t *error, void *found)
{
  (void)n;
  if (error->desc && strstr(error->desc, "h5clear")) *(bool *)found = true;
  return 0;
}

static lks_status refuse_file(void)
{
  bool left_open = false;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_open_writer, &left_open);
  if (!left_open) return lks_storage_unreadable("the file");
  return lks_fail(
      LKS_ERR_DATA,
      "was left open by the program that wrote it, or still is: close it there; if that is gone, `h5clear -s FILE` of the HDF5 tools makes it readable, if it is whole");
}

static lks_status open_file(hid_t *file, const char *path)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLset_loading_state(0);         /* a file names its filters; no code is to be loaded for it */
  H5Lunregister(H5L_TYPE_EXTERNAL); /* nor is another file to be opened */
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_file_locking(access, 0, 1); /* locks fail on NFS and Lustre, and a reader needs none */
  htri_t is_hdf5 = H5Fis_hdf5(path);
  if (is_hdf5 == 0) return lks_fail(LKS_ERR_DATA, "is not an HDF5 file");
  *file = is_hdf5 < 0 ? H5I_INVALID_HID : H5Fopen(path, H5F_ACC_RDONLY, access);
  return *file < 0 ? refuse_file() : LKS_OK;
}

static lks_status read_format(lks_dataset_header *header, hid_t file)
{
  char format[64] = "";
  long long version = LKS_DATASET_VERSION;
  lks_status status = LKS_OK;
  header->has_format = lks_h5_attribute_is_there(file, "format");
  if (header->has_format) status = lks_h5_attribute_text(format, sizeof format, file, "format");
  if (header->has_format && !status && strcmp(format, "lockstep-dataset") != 0)
    return lks_fail(
        LKS_ERR_DATA,
        "is no dataset: its `format` is \"%.60s\" and must be \"lockstep-dataset\", or be left out", format);
  if (!status && lks_h5_attribute_is_there(file, "format_version"))
    status = lks_h5_attribute_whole(&version, file, "format_version");
  if (status || (version >= 1 && version <= LKS_DATASET_VERSION)) return status;
  return lks_fail(LKS_ERR_DATA,
                  "has format_version %lld and this program reads up to %d; use a newer lockstep", version,
                  LKS_DATASET_VERSION);
}

static lks_status read_identity(lks_dataset_header *header, hid_t file)
{
  long long classes = 0;
  lks_status status = read_format(header, file);
  header->has_classes = lks_h5_attribute_is_there(file, "classes");
  header->has_mean = lks_h5_attribute_is_there(file, "mean");
  header->has_std = lks_h5_attribute_is_there(file, "std");
  if (!status && header->has_classes) status = lks_h5_attribute_whole(&classes, file, "classes");
  header->layout.classes = classes < 0 ? 0 : (size_t)classes;
  if (!status && lks_h5_attribute_is_there(file, "creator"))
    status = lks_h5_attribute_text(header->creator, sizeof header->creator, file, "creator");
  if (!status && lks_h5_attribute_is_there(file, "content_hash"))
    status = lks_h5_attribute_text(header->hash, sizeof header->hash, file, "content_hash");
  return status;
}

/* Samples and labels of a part; these are read. */
static lks_status open_part(source *s, lks_split split, const lks_dataset_names *names)
{
  lks_dataset_header *header = &s->header;
  lks_h5_array *values = &s->array[2 * split], *labels = values + 1;
  lks_h5_samples *samples = &s->samples[split];
  lks_data_layout taken;
  if (!header->array[2 * split].path[0]) return LKS_OK;
  lks_status status = lks_h5_array_open(values, &header->array[2 * split], s->file);
  if (!status) status = lks_h5_array_open(labels, &header->array[2 * split + 1], s->file);
  if (status) return status;
  samples->array = values;
  status = lks_h5_samples_shape(&samples->shape, &samples->features, &samples->nchw, &taken, values,
                                names->layout);
  header->layout.count[split] = status ? 0 : values->size[0];
  if (split == LKS_SPLIT_TRAIN) header->layout_taken = taken;
  return status;
}

static lks_status check_likeness(const source *s)
{
  const lks_dataset_array *a = s->header.array;
  const lks_h5_samples *train = &s->samples[LKS_SPLIT_TRAIN], *test = &s->samples[LKS_SPLIT_TEST];
  if (!a[2].path[0] || (lks_shape_same(train->shape, test->shape) && train->features == test->features))
    return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s is %s and %s is %s: training and test samples differ in shape or type",
                  a[0].path, a[0].what, a[2].path, a[2].what);
}

static lks_status open_arrays(source *s, const lks_dataset_names *names)
{
  lks_layout *layout = &s->header.layout;
  lks_status status = open_part(s, LKS_SPLIT_TRAIN, names);
  if (!status) status = open_part(s, LKS_SPLIT_TEST, names);
  if (!status) status = check_likeness(s);
  layout->shape = s->samples[LKS_SPLIT_TRAIN].shape;
  layout->features = s->samples[LKS_SPLIT_TRAIN].features;
  return status;
}

static lks_status read_labels(source *s, size_t *classes)
{
  const lks_layout *layout = &s->header.layout;
  const size_t train = layout->count[LKS_SPLIT_TRAIN], all = train + layout->count[LKS_SPLIT_TEST];
  lks_child_allow(all * sizeof(int32_t));
  s->label[LKS_SPLIT_TRAIN] = lks_new(all + 1, sizeof(int32_t));
  if (!s->label[LKS_SPLIT_TRAIN]) return LKS_ERR_RANK;
  s->label[LKS_SPLIT_TEST] = s->label[LKS_SPLIT_TRAIN] + train;
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    if (s->header.array[2 * split].path[0])
      status = lks_h5_labels_read(s->label[split], classes, &s->array[2 * split + 1], &s->array[2 * split]);
  return status;
}

/* As many as the labels need. */
static lks_status count_classes(source *s, size_t *classes)
{
  for (int split = 0; split < LKS_SPLITS; split++)
    for (size_t i = 0; i < s->header.layout.count[split]; i++) {
      const int32_t label = s->label[split][i];
      const lks_dataset_array *about = &s->header.array[2 * split + 1];
      if (label >= CLASSES_MOST)
        return lks_fail(LKS_ERR_DATA,
                        "%s is %s and %s[%zu] is %d: labels are class numbers from 0 to %d at most",
                        about->path, about->what, about->path, i, (int)label, CLASSES_MOST - 1);
      if (label >= 0 && (size_t)label >= *classes) *classes = (size_t)label + 1;
    }
  return LKS_OK;
}

/* Those of the attribute, or else of an array of that name, which may be something else. */
static lks_status read_class_names(source *s, size_t *count, const char *path)
{
  lks_dataset_header *header = &s->header;
  static const char attribute[] = "the root attribute `class_names`";
  *count = 0;
  if (lks_h5_attribute_is_there(s->file, "class_names")) {
    const hid_t object = H5Aopen(s->file, "class_names", H5P_DEFAULT);
    if (object < 0) return lks_storage_unreadable(attribute);
    return lks_h5_texts(&s->class_names, &header->class_names_bytes, count, object, true, attribute);
  }
  lks_dataset_array about;
  lks_h5_array names;
  memset(&about, 0, sizeof about);
  memset(&names, 0, sizeof names);
  if (!path[0]) return LKS_OK;
  snprintf(about.path, sizeof about.path, "%s", path);
  lks_status status = lks_h5_array_open(&names, &about, s->file);
  if (!status)
    status = lks_h5_texts(&s->class_names, &header->class_names_bytes, count, names.data, false, path);
  if (status) *count = header->class_names_bytes = 0;
  return LKS_OK;
}

static lks_status settle_classes(source *s, const char *names_path)
{
  lks_dataset_header *header = &s->header;
  size_t named = 0, counted = 0;
  const bool is_attribute = lks_h5_attribute_is_there(s->file, "class_names");
  lks_status status = read_labels(s, &counted);
  if (!status) status = count_classes(s, &counted);
  if (!status) status = read_class_names(s, &named, names_path);
  if (status) return status;
  if (!header->has_classes) header->layout.classes = is_attribute || named > counted ? named : counted;
  if (named == 0 || named == header->layout.classes) return LKS_OK;
  header->class_names_bytes = 0;
  if (!is_attribute) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "`class_names` has %zu texts and `classes` is %zu: write a text for each class", named,
                  header->layout.classes);
}

static lks_status send_statistics(int output, const source *s)
{
  const size_t count = lks_layout_statistics(&s->header.layout);
  const bool has[] = {s->header.has_mean, s->header.has_std};
  double *values = lks_new(count, sizeof *values);
  lks_status status = values ? LKS_OK : LKS_ERR_RANK;
  for (int i = 0; i < 2 && !status; i++) {
    if (has[i]) status = lks_h5_attribute_numbers(values, count, s->file, i ? "std" : "mean");
    if (has[i] && !status) status = lks_child_send(output, values, count * sizeof *values);
  }
  return status;
}

static lks_status find_source(source *s, const lks_dataset_request *request, char class_names[LKS_ARRAY_PATH])
{
  lks_dataset_header *header = &s->header;
  lks_status status = open_file(&s->file, request->path);
  if (!status) status = read_identity(header, s->file);
  if (!status)
    status = lks_h5_names_find(header->array, class_names, header->note, sizeof header->note, s->file,
                               &request->names, header->has_format);
  return status ? status : open_arrays(s, &request->names);
}

static lks_status open_source(source *s, const lks_dataset_request *request)
{
  char class_names[LKS_ARRAY_PATH] = "";
  const lks_dataset_header *header = &s->header;
  lks_status status = find_source(s, request, class_names);
  if (!status && header->layout.count[LKS_SPLIT_TRAIN] == 0)
    status = lks_fail(LKS_ERR_DATA, "it has no training samples: %s is %s", header->array[0].path,
                      header->array[0].what);
  return status ? status : settle_classes(s, class_names);
}

/* In parts of whole chunks. */
static lks_status send_all(int output, lks_h5_samples *samples)
{
  const hsize_t count = samples->array->size[0], step = lks_h5_samples_step(samples);
  lks_status status = lks_h5_samples_begin(samples, step);
  for (hsize_t first = 0; first < count && !status; first += step)
    status = lks_h5_samples_send(output, samples, first, count - first < step ? count - first : step);
  lks_h5_samples_end(samples);
  return status;
}

lks_status lks_dataset_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  source s = {.file = H5I_INVALID_HID};
  uint64_t rounded = 0;
  lks_status status = open_source(&s, request);
  const lks_dataset_header *header = &s.header;
  if (!status) status = lks_layout_check(&header->layout);
  if (!status) status = lks_child_send(output, header, sizeof *header);
  if (!status) status = lks_child_send(output, s.class_names, header->class_names_bytes);
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    status = lks_child_send(output, s.label[split], header->layout.count[split] * sizeof(int32_t));
  if (!status) status = send_statistics(output, &s);
  for (int split = 0; split < LKS_SPLITS && !status; split++) {
    if (header->layout.count[split]) status = send_all(output, &s.samples[split]);
    rounded += s.samples[split].rounded;
  }
  return status ? status : lks_child_send(output, &rounded, sizeof rounded);
}

static lks_status send_chunks(int output, const lks_chunks_request *r, lks_h5_samples *samples)
{
  if (!samples->array)
    return lks_fail(LKS_ERR_DATA, "was changed while it was used: it has no %s samples",
                    lks_split_name(r->split));
  const hsize_t size = samples->array->size[0];
  lks_status status = lks_h5_samples_begin(samples, r->chunk < size ? r->chunk : size);
  for (size_t i = 0; i < r->chunks && !status; i++) {
    const hsize_t first = (hsize_t)r->number[i] * r->chunk, left = first < size ? size - first : 0;
    status = left ? lks_h5_samples_send(output, samples, first, left < r->chunk ? left : r->chunk)
                  : lks_fail(LKS_ERR_DATA, "was changed while it was used: it has %llu samples",
                             (unsigned long long)size);
  }
  lks_h5_samples_end(samples);
  return status;
}

lks_status lks_chunks_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  const lks_chunks_request *r = request;
  const lks_dataset_request *of = (const void *)((const char *)request + r->dataset_at);
  source s = {.file = H5I_INVALID_HID};
  lks_status status = find_source(&s, of, (char[LKS_ARRAY_PATH]){0});
  return status ? status : send_chunks(output, r, &s.samples[r->split]);
}

lks_status lks_kind_hdf5_send(int output, const void *request, size_t bytes)
{
  (void)bytes;
  const lks_dataset_request *r = request;
  hid_t file = H5I_INVALID_HID;
  char kind_text[64] = "";
  lks_status status = open_file(&file, r->path);
  if (!status && lks_h5_attribute_is_there(file, "format"))
    status = lks_h5_attribute_text(kind_text, sizeof kind_text, file, "format");
  return status ? status : lks_child_send(output, kind_text, sizeof kind_text);
}
