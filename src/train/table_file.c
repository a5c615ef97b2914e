#include "train/table_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

static bool write_whole(int fd, const char *text)
{
  size_t left = strlen(text);
  while (left > 0) {
    const ssize_t written = write(fd, text, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text += written;
    left -= (size_t)written;
  }
  return true;
}

/** Adds lines, behind the heading in a new file, or takes back what was written of them. Returns 0 or an
 * errno. */
static int append_or_undo(int fd, const char *heading, const char *lines, bool durable)
{
  struct stat before;
  if (fstat(fd, &before) != 0) return errno;
  if ((before.st_size > 0 || write_whole(fd, heading)) && write_whole(fd, lines) &&
      (!durable || fsync(fd) == 0))
    return 0;
  const int cause = errno;
  return ftruncate(fd, before.st_size) == 0 ? cause : errno;
}

lks_status lks_table_file_append(const char *path, const char *heading, const char *lines, bool durable)
{
  const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return lks_fail(LKS_ERR_IO, "%s: cannot be opened for writing: %s", path, strerror(errno));
  int cause = append_or_undo(fd, heading, lines, durable);
  if (close(fd) != 0 && cause == 0) cause = errno;
  if (cause != 0) return lks_fail(LKS_ERR_IO, "%s: writing failed: %s", path, strerror(cause));
  return LKS_OK;
}

/** The first number of a line says how far the run was, in CSV and JSON; the heading of the CSV file has none. */
static bool keeps(const char *line, bool first, size_t last)
{
  const char *digits = line + strcspn(line, "0123456789,\n");
  if (*digits < '0' || *digits > '9') return first;
  return strtoull(digits, NULL, 10) <= last;
}

lks_status lks_table_file_truncate(const char *path, size_t last)
{
  if (!lks_file_exists(path)) return LKS_OK;
  char *text = NULL;
  size_t bytes = 0;
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  size_t kept = 0;
  for (char *line = text, *end; (end = memchr(line, '\n', bytes - (size_t)(line - text))) != NULL;
       line = end + 1) {
    const size_t length = (size_t)(end + 1 - line);
    if (!keeps(line, line == text, last)) continue;
    memmove(text + kept, line, length);
    kept += length;
  }
  if (kept < bytes) status = lks_file_write(path, text, kept);
  lks_free(text);
  return status;
}
