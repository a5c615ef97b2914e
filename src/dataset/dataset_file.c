#include "dataset/dataset_file_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "dataset/dataset_hdf5.h"
#include "hdf5/child.h"

static lks_status file_bytes(size_t *bytes, const char *path)
{
  struct stat about;
  *bytes = 0;
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return lks_fail(LKS_ERR_IO, "cannot be opened: %s", strerror(errno));
  int failed = fstat(descriptor, &about);
  close(descriptor);
  if (failed || !S_ISREG(about.st_mode)) return lks_fail(LKS_ERR_IO, "is not a regular file");
  *bytes = (size_t)about.st_size;
  return LKS_OK;
}

static lks_status start(lks_child **child, size_t *bytes, const char *path, const lks_dataset_names *names,
                        lks_child_function function)
{
  static const lks_dataset_names none;
  const size_t room = sizeof(lks_dataset_names) + strlen(path) + 1;
  lks_status status = file_bytes(bytes, path);
  if (status) return status;
  const lks_child_limits limits = lks_child_limits_for(*bytes);
  lks_dataset_request *request = lks_new(room, 1);
  if (!request) return LKS_ERR_RANK;
  request->names = names ? *names : none;
  strcpy(request->path, path);
  status = lks_child_start(child, function, request, room, &limits);
  lks_free(request);
  return status;
}

static lks_status check_statistics(const lks_dataset_file *file)
{
  const lks_dataset_header *header = &file->header;
  for (size_t i = 0; i < lks_layout_statistics(&header->layout); i++)
    if ((header->has_mean && !isfinite(file->mean[i])) ||
        (header->has_std && (!isfinite(file->std[i]) || file->std[i] < 0)))
      return lks_fail(LKS_ERR_DATA,
                      "mean[%zu] is %g and std[%zu] is %g: both must be finite, and std not negative", i,
                      file->mean[i], i, file->std[i]);
  return LKS_OK;
}

/* More than could be compressed into the file is a damaged number, not to be allocated. */
static lks_status check_size(const lks_dataset_header *header)
{
  lks_section section[LKS_SECTIONS];
  size_t bytes = lks_layout_sections(section, &header->layout);
  bool shrinks = false;
  for (int i = 0; i < LKS_SECTIONS; i++) shrinks = shrinks || header->array[i].shrinks;
  if (bytes / (shrinks ? LKS_SCALEOFFSET_LIMIT : LKS_DEFLATE_LIMIT) <= header->file_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "damaged: %zu bytes cannot hold samples of %zu bytes; copy or make it again",
                  header->file_bytes, bytes);
}

/* It names files, and must not lead anywhere else. */
static lks_status check_hash_text(const char *hash)
{
  const size_t digits = LKS_HASH_TEXT - 1;
  if (!hash[0]) return LKS_OK;
  if (strlen(hash) == digits && strspn(hash, "0123456789abcdef") == digits) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "content_hash is \"%s\" and must be %zu hexadecimal digits in lower case",
                  hash, digits);
}

static void end_texts(lks_dataset_header *header)
{
  header->hash[sizeof header->hash - 1] = header->creator[sizeof header->creator - 1] = '\0';
  for (int i = 0; i < LKS_SECTIONS; i++) {
    lks_dataset_array *array = &header->array[i];
    array->path[sizeof array->path - 1] = array->what[sizeof array->what - 1] = '\0';
    array->storage[sizeof array->storage - 1] = '\0';
  }
  header->note[sizeof header->note - 1] = '\0';
}

lks_status lks_dataset_file_receive_header(lks_dataset_header *header, lks_dataset_file *file)
{
  size_t bytes = 0;
  lks_status status = start(&file->child, &bytes, file->path, &file->names, lks_dataset_hdf5_send);
  if (!status) status = lks_child_receive(file->child, header, sizeof *header);
  header->file_bytes = bytes;
  end_texts(header);
  return status;
}

static lks_status check_header(const lks_dataset_header *header)
{
  lks_status status = check_hash_text(header->hash);
  if (!status) status = lks_layout_check(&header->layout);
  if (!status) status = check_size(header);
  if (!status && header->class_names_bytes > LKS_CLASS_NAMES_BYTES)
    status = lks_fail(LKS_ERR_DATA, "class_names are longer than %d bytes", LKS_CLASS_NAMES_BYTES);
  return status;
}

static lks_status allocate(lks_dataset_file *file)
{
  const lks_layout *layout = &file->header.layout;
  const size_t statistics = lks_layout_statistics(layout), train = layout->count[LKS_SPLIT_TRAIN];
  file->mean = lks_new(2 * statistics, sizeof *file->mean);
  file->label[LKS_SPLIT_TRAIN] = lks_new(train + layout->count[LKS_SPLIT_TEST], sizeof(int32_t));
  if (!file->mean || !file->label[LKS_SPLIT_TRAIN]) return LKS_ERR_RANK;
  file->std = file->mean + statistics;
  file->label[LKS_SPLIT_TEST] = file->label[LKS_SPLIT_TRAIN] + train;
  return LKS_OK;
}

static lks_status receive_class_names(lks_dataset_file *file)
{
  const size_t bytes = file->header.class_names_bytes;
  if (!bytes) return LKS_OK;
  char *text = lks_new(bytes, 1);
  if (!text) return LKS_ERR_RANK;
  lks_status status = lks_child_receive(file->child, text, bytes);
  if (!status) status = lks_class_names_create(&file->class_names, text, bytes, file->header.layout.classes);
  lks_free(text);
  return status;
}

lks_status lks_dataset_file_receive_labels(lks_dataset_file *file)
{
  const lks_layout *layout = &file->header.layout;
  const size_t labels = layout->count[LKS_SPLIT_TRAIN] + layout->count[LKS_SPLIT_TEST];
  return lks_child_receive(file->child, file->label[LKS_SPLIT_TRAIN], labels * sizeof(int32_t));
}

lks_status lks_dataset_file_receive_statistics(double *mean, double *std, lks_dataset_file *file)
{
  const size_t bytes = lks_layout_statistics(&file->header.layout) * sizeof(double);
  lks_status status = LKS_OK;
  if (file->header.has_mean) status = lks_child_receive(file->child, mean, bytes);
  if (!status && file->header.has_std) status = lks_child_receive(file->child, std, bytes);
  return status;
}

lks_status lks_dataset_file_check_labels(const lks_dataset_file *file, const int32_t *const label[LKS_SPLITS])
{
  const lks_layout *layout = &file->header.layout;
  lks_status status = LKS_OK;
  for (int split = 0; split < LKS_SPLITS && !status; split++)
    status = lks_labels_check(layout, (lks_split)split, label[split], file->header.array[2 * split + 1].path);
  return status;
}

static lks_status open_file(lks_dataset_file *file)
{
  lks_status status = lks_dataset_file_receive_header(&file->header, file);
  if (!status) status = check_header(&file->header);
  if (!status) status = allocate(file);
  if (!status) status = receive_class_names(file);
  if (!status) status = lks_dataset_file_receive_labels(file);
  if (!status) status = lks_dataset_file_receive_statistics(file->mean, file->std, file);
  if (!status) status = check_statistics(file);
  const int32_t *const label[LKS_SPLITS] = {file->label[LKS_SPLIT_TRAIN], file->label[LKS_SPLIT_TEST]};
  return status ? status : lks_dataset_file_check_labels(file, label);
}

lks_status lks_dataset_file_open(lks_dataset_file **file, const char *path, const lks_dataset_names *names)
{
  *file = lks_new(1, sizeof **file);
  if (!*file) return LKS_ERR_RANK;
  (*file)->path = path;
  if (names) (*file)->names = *names;
  lks_status status = open_file(*file);
  if (!status) return LKS_OK;
  lks_dataset_file_close(file);
  return lks_fail_in(status, "%s: ", path);
}

const char *lks_dataset_file_path(const lks_dataset_file *file)
{
  return file->path;
}

size_t lks_dataset_file_rounded(const lks_dataset_file *file)
{
  return (size_t)file->rounded;
}

const lks_dataset_header *lks_dataset_file_header(const lks_dataset_file *file)
{
  return &file->header;
}

const int32_t *lks_dataset_file_labels(const lks_dataset_file *file, lks_split split)
{
  return file->label[split];
}

const lks_class_names *lks_dataset_file_class_names(const lks_dataset_file *file)
{
  return file->class_names;
}

bool lks_dataset_file_is_complete(const lks_dataset_file *file)
{
  return file->complete || (file->header.has_mean && file->header.has_std && file->header.hash[0]);
}

const double *lks_dataset_file_mean(const lks_dataset_file *file)
{
  return file->mean;
}

const double *lks_dataset_file_std(const lks_dataset_file *file)
{
  return file->std;
}

void lks_dataset_file_close(lks_dataset_file **file)
{
  if (!*file) return;
  lks_child_destroy(&(*file)->child);
  lks_class_names_destroy(&(*file)->class_names);
  lks_free((*file)->label[LKS_SPLIT_TRAIN]);
  lks_free((*file)->mean);
  lks_free(*file);
  *file = NULL;
}

lks_status lks_file_kind(char kind[64], const char *path)
{
  lks_child *child = NULL;
  size_t bytes;
  lks_status status = start(&child, &bytes, path, NULL, lks_kind_hdf5_send);
  if (!status) status = lks_child_receive(child, kind, 64);
  if (!status) status = lks_child_finish(child);
  lks_child_destroy(&child);
  kind[63] = '\0';
  return status ? lks_fail_in(status, "%s: ", path) : LKS_OK;
}
