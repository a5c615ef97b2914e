#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/life.h"
#include "base/temporary.h"

static lks_status fail_with_cause(const char *verb, const char *path, int cause)
{
  return lks_fail(LKS_ERR_IO, "cannot %s %s: %s", verb, path, strerror(cause));
}

/* In pieces, each a sign of life: a slow disk may take minutes for a large file. */
int lks_file_write_fully(int file, const char *data, size_t bytes)
{
  enum { PIECE = 1 << 26 };
  while (bytes > 0) {
    lks_life_beat();
    ssize_t written = write(file, data, bytes < PIECE ? bytes : PIECE);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return ENOSPC;
    data += written;
    bytes -= (size_t)written;
  }
  return 0;
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

struct lks_file_writer {
  int file;               /* -1 when it is not open */
  char *path, *temporary; /* temporary[0] is 0 when there is none to remove */
  size_t room;            /* of each of them */
};

static lks_status fail_to_write(const lks_file_writer *writer, int cause)
{
  return cause ? fail_with_cause("write", writer->path, cause) : LKS_OK;
}

static lks_status make_room(lks_file_writer *writer, const char *path)
{
  writer->room = strlen(path) + LKS_TEMPORARY_ROOM;
  writer->path = lks_new(2 * writer->room, 1);
  if (!writer->path) {
    lks_fail_in(LKS_ERR_RANK, "%s: ", path);
    return LKS_ERR_RANK;
  }
  writer->temporary = writer->path + writer->room;
  snprintf(writer->path, writer->room, "%s", path);
  return LKS_OK;
}

/* A new file, or a link to `target` unless that is NULL. A name that is taken, by whatever, is left alone, and the next one
 * is tried. 0 or the error number. */
static int begin_temporary(lks_file_writer *writer, const char *target)
{
  enum { MOST = 1000 };
  int cause = EEXIST;
  for (unsigned number = 0; number < MOST && cause == EEXIST; number++) {
    lks_temporary_name(writer->temporary, writer->room, writer->path, number);
    if (target)
      cause = symlink(target, writer->temporary) != 0 ? errno : 0;
    else {
      writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      cause = writer->file < 0 ? errno : 0;
    }
  }
  if (cause == 0)
    lks_temporary_note(writer->temporary);
  else
    writer->temporary[0] = '\0';
  return cause;
}

/* To put a file in the place of a device, a pipe or a socket is never what was meant. */
static bool may_be_replaced(const char *path)
{
  struct stat about;
  return stat(path, &about) != 0 || S_ISREG(about.st_mode) || S_ISDIR(about.st_mode);
}

lks_status lks_file_writer_open(lks_file_writer **writer, const char *path)
{
  *writer = NULL;
  if (!may_be_replaced(path)) return lks_fail(LKS_ERR_IO, "cannot write %s: not a regular file", path);
  lks_file_writer *made = *writer = lks_new(1, sizeof *made);
  if (!made) return lks_fail_in(LKS_ERR_RANK, "%s: ", path);
  made->file = -1;
  lks_status status = make_room(made, path);
  if (!status) status = fail_to_write(made, begin_temporary(made, NULL));
  if (status) lks_file_writer_close(writer);
  return status;
}

const char *lks_file_writer_temporary(const lks_file_writer *writer)
{
  return writer->temporary;
}

lks_status lks_file_writer_append(lks_file_writer *writer, const void *data, size_t bytes)
{
  return fail_to_write(writer, lks_file_write_fully(writer->file, data, bytes));
}

/* A second name fails where the file is there already; then the first one goes, now or when that file is written again. Not
 * every file system knows of second names. 0 or the error number. */
static int rename_new(const char *from, const char *to)
{
  if (link(from, to) == 0) {
    unlink(from);
    return 0;
  }
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return errno;
  if (lks_file_exists(to)) return EEXIST;
  return rename(from, to) == 0 ? 0 : errno;
}

/* Gives what was written its name, for good; 0 or the error number. */
static int give_name(lks_file_writer *writer, bool replace)
{
  const int failed = !replace ? rename_new(writer->temporary, writer->path)
                     : rename(writer->temporary, writer->path) != 0 ? errno
                                                                    : 0;
  if (failed) return failed;
  lks_temporary_forget(writer->temporary);
  const int cause = sync_folder_of(writer->path, writer->temporary);
  writer->temporary[0] = '\0';
  return cause;
}

static int commit(lks_file_writer *writer, bool replace)
{
  int cause = fsync(writer->file) != 0 ? errno : 0;
  if (close(writer->file) != 0 && cause == 0) cause = errno; /* a network file system may tell only now */
  writer->file = -1;
  return cause ? cause : give_name(writer, replace);
}

lks_status lks_file_writer_commit_as(lks_file_writer *writer, bool replace)
{
  const int cause = commit(writer, replace);
  if (cause == EEXIST && !replace)
    return lks_fail(LKS_ERR_USAGE, "%s is there now, and was not before: another process has made it",
                    writer->path);
  return fail_to_write(writer, cause);
}

lks_status lks_file_writer_commit(lks_file_writer *writer)
{
  return lks_file_writer_commit_as(writer, true);
}

static void remove_temporary(lks_file_writer *writer)
{
  if (!writer->temporary[0]) return;
  lks_temporary_forget(writer->temporary);
  unlink(writer->temporary);
}

void lks_file_writer_close(lks_file_writer **writer)
{
  if (!*writer) return;
  if ((*writer)->file >= 0) close((*writer)->file);
  if ((*writer)->path) remove_temporary(*writer);
  lks_free((*writer)->path);
  lks_free(*writer);
  *writer = NULL;
}

lks_status lks_file_write_as(const char *path, bool replace, const void *data, size_t bytes)
{
  lks_file_writer *writer = NULL;
  lks_status status = lks_file_writer_open(&writer, path);
  if (!status && writer) status = lks_file_writer_append(writer, data, bytes);
  if (!status && writer) status = lks_file_writer_commit_as(writer, replace);
  lks_file_writer_close(&writer);
  return status;
}

lks_status lks_file_write(const char *path, const void *data, size_t bytes)
{
  return lks_file_write_as(path, true, data, bytes);
}

lks_status lks_file_link(const char *path, const char *target)
{
  lks_file_writer writer = {.file = -1};
  lks_status status = make_room(&writer, path);
  if (status) return status;
  int cause = begin_temporary(&writer, target);
  if (cause == 0) cause = give_name(&writer, true);
  remove_temporary(&writer);
  lks_free(writer.path);
  return cause ? lks_fail(LKS_ERR_IO, "cannot point %s at %s: %s", path, target, strerror(cause)) : LKS_OK;
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

lks_status lks_file_open(int *file, size_t *bytes, const char *path)
{
  struct stat about;
  *bytes = 0;
  *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a named pipe must not hold us up */
  if (*file < 0) return fail_with_cause("read", path, errno);
  lks_status status = LKS_OK;
  if (fstat(*file, &about) != 0)
    status = fail_with_cause("read", path, errno);
  else if (S_ISDIR(about.st_mode))
    status = fail_with_cause("read", path, EISDIR);
  else if (!S_ISREG(about.st_mode))
    status = lks_fail(LKS_ERR_IO, "cannot read %s: not a regular file", path);
  if (!status) *bytes = (size_t)about.st_size;
  if (status) close(*file);
  return status;
}

static lks_status read_open_file(int file, char **data, size_t *bytes, size_t size, const char *path)
{
  char *content = lks_new(size + 1, 1);
  if (!content) return lks_fail_in(LKS_ERR_RANK, "%s: ", path);
  int cause = read_fully(file, content, bytes, size);
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
  int file;
  size_t size;
  *data = NULL;
  *bytes = 0;
  lks_status status = lks_file_open(&file, &size, path);
  if (status) return status;
  status = read_open_file(file, data, bytes, size, path);
  close(file);
  return status;
}

/* 0 or the error number. Its name lasts when the folder above is synced, which takes the right to read that. */
static int make_folder(const char *path)
{
  if (mkdir(path, 0777) != 0) return errno;
  char *above = lks_new(strlen(path) + 1, 1);
  const int cause = above ? sync_folder_of(path, above) : ENOMEM;
  lks_free(above);
  return cause == EACCES ? 0 : cause;
}

lks_status lks_folder_claim(bool *made, const char *path)
{
  const int cause = make_folder(path);
  *made = cause == 0;
  return cause == 0 || cause == EEXIST ? LKS_OK : fail_with_cause("make the folder", path, cause);
}

/* 0 or the error number; a folder that another process makes first is as good. */
static int make_one_folder(const char *path)
{
  struct stat about;
  const int cause = make_folder(path);
  if (cause == 0 || stat(path, &about) != 0) return cause;
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

lks_status lks_folder_make_own(const char *path)
{
  struct stat about;
  if (lstat(path, &about) != 0 || !S_ISLNK(about.st_mode)) return lks_folder_make(path);
  return lks_fail(
      LKS_ERR_IO,
      "%s is a link, and what it leads to may be somebody else's: remove the link, or put a folder there",
      path);
}

bool lks_file_exists(const char *path)
{
  return access(path, F_OK) == 0;
}
