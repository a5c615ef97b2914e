#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static lks_status fail_with_cause(const char *verb, const char *path, int cause)
{
  return lks_fail(LKS_ERR_IO, "cannot %s %s: %s", verb, path, strerror(cause));
}

/* 0 or the error number. */
static int write_fully(int file, const char *data, size_t bytes)
{
  while (bytes > 0) {
    ssize_t written = write(file, data, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    data += written;
    bytes -= (size_t)written;
  }
  return 0;
}

static int write_durably(const char *path, const char *data, size_t bytes)
{
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return errno;
  int cause = write_fully(file, data, bytes);
  if (cause == 0 && fsync(file) != 0) cause = errno;
  if (close(file) != 0 && cause == 0) cause = errno; /* a network file system may tell only now */
  return cause;
}

/* Makes a rename in the folder of `path` last through a power failure; folder is room for a name as long as
 * path. */
static int sync_folder_of(const char *path, char *folder)
{
  const char *slash = strrchr(path, '/');
  size_t length = slash ? (size_t)(slash - path) + 1 : 0;
  memcpy(folder, path, length);
  folder[length] = '\0';
  int file = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return errno;
  int cause = fsync(file) != 0 ? errno : 0;
  close(file);
  return cause == EINVAL ? 0 : cause; /* a file system that cannot sync a folder */
}

lks_status lks_file_write(const char *path, const void *data, size_t bytes)
{
  size_t room = strlen(path) + 32;
  char *temporary = lks_new(room, 1);
  if (!temporary) return LKS_ERR_RANK;
  snprintf(temporary, room, "%s.%ld.tmp", path, (long)getpid());
  int cause = write_durably(temporary, data, bytes);
  if (cause == 0 && rename(temporary, path) != 0) cause = errno;
  if (cause != 0) {
    unlink(temporary);
  } else {
    cause = sync_folder_of(path, temporary);
  }
  lks_free(temporary);
  return cause == 0 ? LKS_OK : fail_with_cause("write", path, cause);
}

/* Reads to the end of the file or of the room; 0 or the error number. */
static int read_fully(int file, char *data, size_t *bytes, size_t room)
{
  *bytes = 0;
  while (*bytes < room) {
    ssize_t got = read(file, data + *bytes, room - *bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    *bytes += (size_t)got;
  }
  return 0;
}

static lks_status read_open_file(int file, char **data, size_t *bytes, const char *path)
{
  struct stat about;
  if (fstat(file, &about) != 0) return fail_with_cause("read", path, errno);
  if (S_ISDIR(about.st_mode)) return fail_with_cause("read", path, EISDIR);
  if (!S_ISREG(about.st_mode)) return lks_fail(LKS_ERR_IO, "cannot read %s: not a regular file", path);
  char *content = lks_new((size_t)about.st_size + 1, 1);
  if (!content) return lks_fail_in(LKS_ERR_RANK, "%s: ", path);
  int cause = read_fully(file, content, bytes, (size_t)about.st_size);
  if (cause != 0) {
    lks_free(content);
    return fail_with_cause("read", path, cause);
  }
  content[*bytes] = '\0';
  *data = content;
  return LKS_OK;
}

lks_status lks_file_read(char **data, size_t *bytes, const char *path)
{
  *data = NULL;
  *bytes = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hold us up */
  if (file < 0) return fail_with_cause("read", path, errno);
  lks_status status = read_open_file(file, data, bytes, path);
  close(file);
  return status;
}

/* 0 or the error number; a folder that another process makes first is as good. */
static int make_one_folder(const char *path)
{
  struct stat about;
  if (mkdir(path, 0777) == 0) return 0;
  int cause = errno;
  if (stat(path, &about) != 0) return cause;
  return S_ISDIR(about.st_mode) ? 0 : ENOTDIR;
}

lks_status lks_folder_make(const char *path)
{
  size_t length = strlen(path);
  char *part = lks_new(length + 1, 1);
  if (!part) return LKS_ERR_RANK;
  int cause = length == 0 ? ENOENT : 0;
  for (size_t end = 1; end <= length && cause == 0; end++) {
    if (path[end] != '/' && path[end] != '\0') continue;
    memcpy(part, path, end);
    cause = make_one_folder(part);
  }
  lks_free(part);
  return cause == 0 ? LKS_OK : fail_with_cause("make the folder", path, cause);
}

bool lks_file_exists(const char *path)
{
  return access(path, F_OK) == 0;
}
