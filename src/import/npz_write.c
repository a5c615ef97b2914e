#include "import/npz_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/temporary.h"

enum { HEADER_ROOM = 256, NAME_ROOM = 300, EPOCH_OF_ZIP = 315532800 };

struct archive;

/* One array. libzip asks for its bytes when it writes the archive. */
typedef struct member {
  struct archive *of;
  const lks_npz_member *about;
  char header[HEADER_ROOM];
  size_t number, header_bytes, bytes, given; /* bytes: of header and numbers */
} member;

typedef struct archive {
  lks_npz_give give;
  void *context;
  member *member;
  size_t members;
  lks_status status;
  zip_error_t error;
} archive;

/* The dictionary ends with a line end at a multiple of 64 bytes. Source: NEP 1. */
static void make_header(member *of)
{
  const lks_npz_member *about = of->about;
  char shape[96] = "";
  for (int d = 0; d < about->dimensions; d++)
    lks_append(shape, sizeof shape, d ? ", %zu" : "%zu", about->extent[d]);
  int at = snprintf(of->header + 10, HEADER_ROOM - 10,
                    "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }", about->type, shape,
                    about->dimensions == 1 ? "," : "");
  while ((10 + at + 1) % 64) of->header[10 + at++] = ' ';
  of->header[10 + at++] = '\n';
  memcpy(of->header, "\x93NUMPY\1\0", 8);
  of->header[8] = (char)at;
  of->header[9] = (char)(at >> 8);
  of->header_bytes = 10 + (size_t)at;
  of->bytes = of->header_bytes + about->bytes;
}

/* What comes next of an array, as much of it as lies in one piece; NULL on failure. */
static const char *next_piece(archive *self, const member *of, size_t *bytes)
{
  if (of->given < of->header_bytes) {
    *bytes = of->header_bytes - of->given;
    return of->header + of->given;
  }
  const char *piece = NULL;
  self->status = self->give(self->context, &piece, bytes, of->number, of->given - of->header_bytes);
  return self->status ? NULL : piece;
}

static zip_int64_t give(archive *self, member *of, char *data, zip_uint64_t length)
{
  zip_uint64_t given = 0;
  while (given < length && of->given < of->bytes) {
    size_t bytes;
    const char *from = next_piece(self, of, &bytes);
    if (!from) {
      zip_error_set(&self->error, ZIP_ER_READ, 0);
      return -1;
    }
    if (bytes > length - given) bytes = length - given;
    memcpy(data + given, from, bytes);
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
  for (size_t i = 0; i < self->members; i++) {
    char name[NAME_ROOM];
    snprintf(name, sizeof name, "%s.npy", self->member[i].about->name);
    zip_source_t *source = zip_source_function(zip, answer, &self->member[i]);
    const zip_int64_t index = source ? zip_file_add(zip, name, source, 0) : -1;
    if (index < 0 && source) zip_source_free(source);
    if (index < 0 || zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0) return false;
  }
  return true;
}

static lks_status fail_to_write(const char *path, const char *why)
{
  return lks_fail(LKS_ERR_IO, "cannot write %s: %s", path, why);
}

/* The temporary file as libzip writes to it, from its beginning; by itself it would make another one beside it, which a kill
 * leaves. */
typedef struct target {
  int file;
  zip_error_t error;
} target;

static zip_int64_t put(target *self, const char *data, zip_uint64_t length)
{
  const int cause = lks_file_write_fully(self->file, data, (size_t)length);
  if (cause) zip_error_set(&self->error, ZIP_ER_WRITE, cause);
  return cause ? -1 : (zip_int64_t)length;
}

static zip_int64_t seek(target *self, void *data, zip_uint64_t length)
{
  const zip_source_args_seek_t *to = ZIP_SOURCE_GET_ARGS(zip_source_args_seek_t, data, length, &self->error);
  if (!to) return -1;
  if (lseek(self->file, to->offset, to->whence) >= 0) return 0;
  zip_error_set(&self->error, ZIP_ER_SEEK, errno);
  return -1;
}

static zip_int64_t receive(void *state, void *data, zip_uint64_t length, zip_source_cmd_t command)
{
  target *self = state;
  switch (command) {
  case ZIP_SOURCE_SUPPORTS:
    return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                          ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                          ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE,
                                          ZIP_SOURCE_ROLLBACK_WRITE, ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE,
                                          ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE, -1);
  case ZIP_SOURCE_STAT: zip_stat_init(data); return sizeof(zip_stat_t);
  case ZIP_SOURCE_WRITE: return put(self, data, length);
  case ZIP_SOURCE_SEEK_WRITE: return seek(self, data, length);
  case ZIP_SOURCE_TELL_WRITE: return lseek(self->file, 0, SEEK_CUR);
  case ZIP_SOURCE_ERROR: return zip_error_to_data(&self->error, data, length);
  default: return 0;
  }
}

static lks_status write_through(archive *self, target *to, const char *path)
{
  zip_source_t *source = zip_source_function_create(receive, to, &to->error);
  zip_t *zip = source ? zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &to->error) : NULL;
  if (!zip) {
    if (source) zip_source_free(source);
    return fail_to_write(path, "libzip cannot begin an archive there");
  }
  if (add_members(self, zip) && zip_close(zip) == 0) return LKS_OK;
  lks_status status = self->status ? self->status : fail_to_write(path, zip_strerror(zip));
  zip_discard(zip);
  return status;
}

static lks_status write_archive(archive *self, const char *name, const char *path)
{
  target to = {.file = open(name, O_WRONLY | O_CLOEXEC)};
  if (to.file < 0) return fail_to_write(path, strerror(errno));
  zip_error_init(&to.error);
  lks_status status = write_through(self, &to, path);
  zip_error_fini(&to.error);
  if (close(to.file) != 0 && !status) status = fail_to_write(path, strerror(errno));
  return status;
}

lks_status lks_npz_write(const char *path, bool replace, const lks_npz_member *about, size_t members,
                         lks_npz_give ask, void *context)
{
  lks_file_writer *file = NULL;
  archive self = {.give = ask, .context = context, .members = members};
  self.member = lks_new(members + 1, sizeof *self.member);
  if (!self.member) return LKS_ERR_RANK;
  for (size_t i = 0; i < members; i++) {
    self.member[i] = (member){.of = &self, .about = &about[i], .number = i};
    make_header(&self.member[i]);
  }
  zip_error_init(&self.error);
  lks_temporary_tidy_file(path);
  lks_status status = lks_file_writer_open(&file, path);
  if (!status) status = write_archive(&self, lks_file_writer_temporary(file), path);
  if (!status) status = lks_file_writer_commit_as(file, replace);
  lks_file_writer_close(&file);
  zip_error_fini(&self.error);
  lks_free(self.member);
  return status;
}
