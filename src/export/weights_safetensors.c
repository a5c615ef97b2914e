#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "export/weight_source.h"

enum { LENGTH = 8, HEADER_MAX = 1 << 24 };

typedef struct opened {
  int file;
  size_t data; /* where the numbers begin */
} opened;

static lks_status read_at(int file, void *data, size_t bytes, size_t offset)
{
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(file, (char *)data + done, bytes - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return lks_fail(LKS_ERR_IO, "cannot be read: %s", strerror(errno));
    if (got == 0) return lks_fail(LKS_ERR_DATA, "it ends before its time: somebody cut it off meanwhile");
    done += (size_t)got;
  }
  return LKS_OK;
}

static lks_status read_part(lks_weight_file *file, const lks_weight_entry *entry, size_t offset, void *part,
                            size_t bytes)
{
  const opened *self = file->self;
  return read_at(self->file, part, bytes, self->data + entry->place + offset);
}

static void close_file(void *self)
{
  const opened *of = self;
  if (of->file >= 0) close(of->file);
  lks_free(self);
}

static lks_status read_length(size_t *length, int file, size_t bytes)
{
  unsigned char low_first[LENGTH];
  *length = 0;
  if (bytes < LENGTH) return lks_fail(LKS_ERR_DATA, "it has %zu bytes: too short for safetensors", bytes);
  lks_status status = read_at(file, low_first, LENGTH, 0);
  if (status) return status;
  uint64_t said = 0;
  for (int b = 0; b < LENGTH; b++) said |= (uint64_t)low_first[b] << 8 * b;
  if (said > bytes - LENGTH)
    return lks_fail(LKS_ERR_DATA,
                    "its header should have %llu bytes, and %zu are there: it is cut off, or no safetensors",
                    (unsigned long long)said, bytes - LENGTH);
  if (said > HEADER_MAX)
    return lks_fail(LKS_ERR_DATA, "its header has %llu bytes; %d are taken at most", (unsigned long long)said,
                    HEADER_MAX);
  *length = (size_t)said;
  return LKS_OK;
}

static lks_status read_header(lks_weight_file *file, const opened *self, size_t length, size_t bytes)
{
  char *json = lks_new(length + 1, 1);
  lks_status status = json ? read_at(self->file, json, length, LENGTH) : LKS_ERR_RANK;
  if (!status) status = lks_safetensors_parse(file, json, length, bytes - self->data);
  lks_free(json);
  return status;
}

lks_status lks_weights_open_safetensors(lks_weight_file *file)
{
  static const lks_weight_methods methods = {read_part, close_file};
  size_t bytes = 0, length = 0;
  opened *self = lks_new(1, sizeof *self);
  if (!self) return LKS_ERR_RANK;
  self->file = -1;
  file->self = self;
  file->methods = &methods;
  lks_status status = lks_file_open(&self->file, &bytes, file->path);
  if (status) return status; /* which names the path */
  status = read_length(&length, self->file, bytes);
  self->data = LENGTH + length;
  if (!status) status = read_header(file, self, length, bytes);
  return status ? lks_fail_in(status, "%s: ", file->path) : LKS_OK;
}
