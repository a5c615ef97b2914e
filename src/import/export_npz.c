#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/long_work.h"
#include "import/export.h"

enum { BATCH_BYTES = 1 << 20, HEADER_ROOM = 256, MEMBERS = LKS_SECTIONS, EPOCH_OF_ZIP = 315532800 };

struct archive;

/* One array. libzip asks for its bytes when it writes the archive. */
typedef struct member {
  struct archive *of;
  lks_split split;
  bool labels;
  char header[HEADER_ROOM];
  size_t header_bytes, bytes, given; /* bytes: of header and numbers */
} member;

typedef struct archive {
  lks_source *source;
  member member[MEMBERS];
  char *part;                              /* [part_samples,row] */
  size_t row, part_samples, filled, taken; /* bytes of a sample; bytes of the part, and those given away */
  lks_long_work work;
  lks_status status;
  zip_error_t error;
} archive;

/* The dictionary ends with a line end at a multiple of 64 bytes. Source: NEP 1. */
static void make_header(member *of, const char *type, const char *shape)
{
  int at = snprintf(of->header + 10, HEADER_ROOM - 10,
                    "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
  while ((10 + at + 1) % 64) of->header[10 + at++] = ' ';
  of->header[10 + at++] = '\n';
  memcpy(of->header, "\x93NUMPY\1\0", 8);
  of->header[8] = (char)at;
  of->header[9] = (char)(at >> 8);
  of->header_bytes = 10 + (size_t)at;
}

static void describe(member *of, const archive *self, int section)
{
  const lks_layout *layout = &self->source->layout;
  const lks_shape shape = layout->shape;
  const size_t count = layout->count[section / 2];
  char text[96];
  of->split = (lks_split)(section / 2);
  of->labels = section % 2;
  if (of->labels)
    snprintf(text, sizeof text, "%zu,", count);
  else if (layout->features && shape.height == 1 && shape.width == 1)
    snprintf(text, sizeof text, "%zu, %zu", count, shape.channels);
  else
    snprintf(text, sizeof text, "%zu, %zu, %zu, %zu", count, shape.height, shape.width, shape.channels);
  make_header(of, of->labels ? "<i4" : layout->features ? "<f4" : "|u1", text);
  of->bytes = of->header_bytes + count * (of->labels ? sizeof(int32_t) : self->row);
}

/* The next samples of the source, into the part. */
static lks_status fill(archive *self, const member *of)
{
  const size_t *count = self->source->layout.count, all = count[LKS_SPLIT_TRAIN] + count[LKS_SPLIT_TEST];
  const size_t done = (of->given - of->header_bytes) / self->row, left = count[of->split] - done;
  const size_t now = left < self->part_samples ? left : self->part_samples;
  lks_status status = lks_source_next(self->source, self->part, now);
  self->filled = now * self->row;
  self->taken = 0;
  lks_long_work_tell(&self->work, (double)self->source->taken / (double)all);
  return status;
}

/* What comes next of an array, as much of it as lies in one piece; NULL on failure. */
static const char *piece(archive *self, const member *of, size_t *bytes)
{
  if (of->given < of->header_bytes) {
    *bytes = of->header_bytes - of->given;
    return of->header + of->given;
  }
  if (of->labels) {
    *bytes = of->bytes - of->given;
    return (const char *)self->source->label[of->split] + (of->given - of->header_bytes);
  }
  if (self->taken == self->filled) self->status = fill(self, of);
  *bytes = self->filled - self->taken;
  return self->status ? NULL : self->part + self->taken;
}

static zip_int64_t give(archive *self, member *of, char *data, zip_uint64_t length)
{
  zip_uint64_t given = 0;
  while (given < length && of->given < of->bytes) {
    size_t bytes;
    const char *from = piece(self, of, &bytes);
    if (!from) {
      zip_error_set(&self->error, ZIP_ER_READ, 0);
      return -1;
    }
    if (bytes > length - given) bytes = length - given;
    memcpy(data + given, from, bytes);
    if (!of->labels && of->given >= of->header_bytes) self->taken += bytes;
    of->given += bytes;
    given += bytes;
  }
  return (zip_int64_t)given;
}

static zip_int64_t tell(const member *of, void *data)
{
  zip_stat_t *about = data;
  zip_stat_init(about);
  about->size = of->bytes;
  about->mtime = EPOCH_OF_ZIP; /* equal contents make equal files */
  about->valid = ZIP_STAT_SIZE | ZIP_STAT_MTIME;
  return sizeof *about;
}

static zip_int64_t answer(void *state, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
  member *of = state;
  switch (command) {
  case ZIP_SOURCE_OPEN: of->given = 0; return 0;
  case ZIP_SOURCE_READ: return give(of->of, of, data, length);
  case ZIP_SOURCE_STAT: return tell(of, data);
  case ZIP_SOURCE_ERROR: return zip_error_to_data(&of->of->error, data, length);
  case ZIP_SOURCE_SUPPORTS:
    return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                          ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, -1);
  case ZIP_SOURCE_CLOSE:
  case ZIP_SOURCE_FREE: return 0;
  default: zip_error_set(&of->of->error, ZIP_ER_OPNOTSUPP, 0); return -1;
  }
}

static bool add_members(archive *self, zip_t *zip)
{
  static const char *const name[] = {"x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"};
  for (int i = 0; i < MEMBERS && self->source->layout.count[i / 2]; i++) {
    self->member[i].of = self;
    describe(&self->member[i], self, i);
    zip_source_t *source = zip_source_function(zip, answer, &self->member[i]);
    const zip_int64_t index = source ? zip_file_add(zip, name[i], source, 0) : -1;
    if (index < 0 && source) zip_source_free(source);
    if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0) return false;
  }
  return true;
}

static lks_status fail_to_write(const char *path, const char *why)
{
  return lks_fail(LKS_ERR_IO, "cannot write %s: %s", path, why);
}

/* libzip puts another file in the place of the temporary one, which lasts when it is synced by its name. */
static lks_status sync_file(const char *name, const char *path)
{
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  const int cause = file < 0 || fsync(file) != 0 ? errno : 0;
  if (file >= 0) close(file);
  return cause ? fail_to_write(path, strerror(cause)) : LKS_OK;
}

static lks_status write_archive(archive *self, const char *name, const char *path)
{
  zip_t *zip = zip_open(name, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  if (!zip) return fail_to_write(path, "libzip cannot begin an archive there");
  if (add_members(self, zip) && zip_close(zip) == 0) return sync_file(name, path);
  lks_status status = self->status ? self->status : fail_to_write(path, zip_strerror(zip));
  zip_discard(zip);
  return status;
}

lks_status lks_export_npz(lks_source *source, const char *path)
{
  lks_file_writer *file = NULL;
  char what[300];
  archive *self = lks_new(1, sizeof *self);
  if (!self) return LKS_ERR_RANK;
  self->source = source;
  self->row = lks_layout_sample_bytes(&source->layout);
  self->part_samples = self->row < BATCH_BYTES ? BATCH_BYTES / self->row : 1;
  self->part = lks_new(self->part_samples, self->row);
  snprintf(what, sizeof what, "writing %s", path);
  lks_long_work_begin(&self->work, what);
  zip_error_init(&self->error);
  lks_status status = self->part ? lks_file_writer_open(&file, path) : LKS_ERR_RANK;
  if (!status) status = write_archive(self, lks_file_writer_temporary(file), path);
  if (!status) status = lks_file_writer_commit(file);
  lks_file_writer_close(&file);
  zip_error_fini(&self->error);
  lks_free(self->part);
  lks_free(self);
  return status;
}
