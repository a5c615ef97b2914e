#include "dataset/dataset_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "dataset/dataset_hdf5.h"
#include "hdf5/child.h"

enum { COPY_BYTES = 4 << 20 };

struct lks_dataset_file {
  const char *path;
  lks_child *child;
  lks_dataset_header header;
  double *mean, *std;
};

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

static lks_status start(lks_child **child, size_t *bytes, const char *path, lks_child_function function)
{
  lks_status status = file_bytes(bytes, path);
  const lks_child_limits limits = lks_child_limits_for(*bytes);
  return status ? status : lks_child_start(child, function, path, strlen(path) + 1, &limits);
}

static lks_status check_statistics(const lks_dataset_file *file)
{
  for (size_t i = 0; i < lks_layout_statistics(&file->header.layout); i++)
    if (!isfinite(file->mean[i]) || !isfinite(file->std[i]) || file->std[i] < 0)
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
  if (bytes / LKS_DEFLATE_LIMIT <= header->file_bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "damaged: %zu bytes cannot hold samples of %zu bytes; copy or make it again",
                  header->file_bytes, bytes);
}

/* It names files, and must not lead anywhere else. */
static lks_status check_hash_text(const char *hash)
{
  const size_t digits = LKS_HASH_TEXT - 1;
  if (strlen(hash) == digits && strspn(hash, "0123456789abcdef") == digits) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "content_hash is \"%s\" and must be %zu hexadecimal digits in lower case",
                  hash, digits);
}

static lks_status receive_header(lks_dataset_file *file)
{
  lks_dataset_header *header = &file->header;
  lks_status status = start(&file->child, &header->file_bytes, file->path, lks_dataset_hdf5_send);
  const size_t bytes = header->file_bytes;
  if (!status) status = lks_child_receive(file->child, header, sizeof *header);
  header->file_bytes = bytes;
  header->hash[sizeof header->hash - 1] = header->creator[sizeof header->creator - 1] = '\0';
  if (!status) status = check_hash_text(header->hash);
  if (!status) status = lks_layout_check(&header->layout);
  if (!status) status = check_size(header);
  if (status) return status;
  size_t statistics = lks_layout_statistics(&header->layout);
  file->mean = lks_new(2 * statistics, sizeof *file->mean);
  if (!file->mean) return LKS_ERR_RANK;
  file->std = file->mean + statistics;
  status = lks_child_receive(file->child, file->mean, 2 * statistics * sizeof *file->mean);
  return status ? status : check_statistics(file);
}

lks_status lks_dataset_file_open(lks_dataset_file **file, const char *path)
{
  *file = lks_new(1, sizeof **file);
  if (!*file) return LKS_ERR_RANK;
  (*file)->path = path;
  lks_status status = receive_header(*file);
  if (!status) return LKS_OK;
  lks_dataset_file_close(file);
  return lks_fail_in(status, "%s: ", path);
}

const lks_dataset_header *lks_dataset_file_header(const lks_dataset_file *file)
{
  return &file->header;
}

const double *lks_dataset_file_mean(const lks_dataset_file *file)
{
  return file->mean;
}

const double *lks_dataset_file_std(const lks_dataset_file *file)
{
  return file->std;
}

static lks_status compare_hash(const lks_dataset_file *file, const char *hash)
{
  if (!strcmp(hash, file->header.hash)) return LKS_OK;
  return lks_fail(LKS_ERR_DATA,
                  "damaged: its contents have the hash %s and content_hash is %s; copy or make it again",
                  hash, file->header.hash);
}

/* The labels come before the hash: their message says more. */
static lks_status check(const lks_dataset_file *file, const lks_contents *contents)
{
  char hash[LKS_HASH_TEXT];
  lks_status status = lks_contents_check(contents);
  if (!status) status = lks_contents_hash(hash, contents, file->mean, file->std);
  return status ? status : compare_hash(file, hash);
}

lks_status lks_dataset_file_check(const lks_dataset_file *file, const int32_t *const label[LKS_SPLITS],
                                  lks_values_function values, void *context)
{
  char hash[LKS_HASH_TEXT];
  const lks_layout *layout = &file->header.layout;
  lks_status status = lks_labels_check(layout, LKS_SPLIT_TRAIN, label[LKS_SPLIT_TRAIN]);
  if (!status) status = lks_labels_check(layout, LKS_SPLIT_TEST, label[LKS_SPLIT_TEST]);
  if (!status) status = lks_contents_hash_of(hash, layout, label, values, context, file->mean, file->std);
  if (!status) status = compare_hash(file, hash);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

lks_status lks_dataset_file_read(lks_dataset_file *file, void *block)
{
  lks_section section[LKS_SECTIONS];
  lks_layout_sections(section, &file->header.layout);
  lks_status status = LKS_OK;
  for (int i = 0; i < LKS_SECTIONS && !status; i++)
    status = lks_child_receive(file->child, (char *)block + section[i].offset, section[i].bytes);
  if (!status) status = lks_child_finish(file->child);
  lks_contents contents = lks_contents_in(&file->header.layout, block);
  if (!status) status = check(file, &contents);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

/* Where a section of the block ends, with what fills it up. */
static size_t end_of(const lks_section section[LKS_SECTIONS], int i, size_t all)
{
  return i + 1 < LKS_SECTIONS ? section[i + 1].offset : all;
}

static lks_status copy_section(lks_dataset_file *file, const lks_section *section, size_t end, char *part,
                               lks_take_function take, void *context)
{
  for (size_t done = 0; done < section->bytes;) {
    const size_t left = section->bytes - done, bytes = left < COPY_BYTES ? left : COPY_BYTES;
    lks_status status = lks_child_receive(file->child, part, bytes);
    if (status) return lks_fail_in(status, "%s: ", file->path);
    status = take(context, part, bytes);
    if (status) return status;
    done += bytes;
  }
  const size_t filling = end - section->offset - section->bytes;
  memset(part, 0, filling);
  return take(context, part, filling);
}

lks_status lks_dataset_file_copy(lks_dataset_file *file, lks_take_function take, void *context)
{
  lks_section section[LKS_SECTIONS];
  const size_t all = lks_layout_sections(section, &file->header.layout);
  char *part = lks_new(COPY_BYTES, 1);
  lks_status status = part ? LKS_OK : LKS_ERR_RANK;
  for (int i = 0; i < LKS_SECTIONS && !status; i++)
    status = copy_section(file, &section[i], end_of(section, i, all), part, take, context);
  lks_free(part);
  if (status) return status;
  status = lks_child_finish(file->child);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}

void lks_dataset_file_close(lks_dataset_file **file)
{
  if (!*file) return;
  lks_child_destroy(&(*file)->child);
  lks_free((*file)->mean);
  lks_free(*file);
  *file = NULL;
}

lks_status lks_file_kind(char kind[64], const char *path)
{
  lks_child *child = NULL;
  size_t bytes;
  lks_status status = start(&child, &bytes, path, lks_kind_hdf5_send);
  if (!status) status = lks_child_receive(child, kind, 64);
  if (!status) status = lks_child_finish(child);
  lks_child_destroy(&child);
  kind[63] = '\0';
  return status ? lks_fail_in(status, "%s: ", path) : LKS_OK;
}
