/* A library for LD_PRELOAD that counts calls on files, lets one of them fail, and writes down what was done. Only calls that
 * change what lies under one folder count, in all processes that share a state file. It is told by the environment:
 *   FAIL_UNDER   the folder, an absolute path
 *   FAIL_STATE   a file that holds the count; it is made if it is not there
 *   FAIL_KINDS   which calls count, of: open, create, write, truncate, fsync, syncdir, close, rename, unlink, symlink, link,
 *                mkdir; with a comma after each. Without it all do
 *   FAIL_AT      the number of the call that is struck; 0 or none only counts
 *   FAIL_ONWARDS if it is set, all calls from there on are struck
 *   FAIL_HOW     the name of an error (ENOSPC, EDQUOT, EIO), or short: a write writes half, or kill: the process is killed before
 *                the call, or wait: the call is made FAIL_WAIT milliseconds later
 *   FAIL_LOG     a file for a line a call: number, kind, error, inode, offset, length, place of the data, path, other path, with
 *                tabs between them; the data are in the file with .data behind its name */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 2 * PATH_MAX };

static const char *under, *kinds, *how, *log_file;
static long strike_at, wait_milliseconds;
static bool onwards;
static long *count; /* shared; NULL: nothing is watched */

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int); /* this and the next: other libraries may call them before this one begins */
static ssize_t (*real_write)(int, const void *, size_t);

/* A function pointer out of what dlsym gives, in the way POSIX says. */
#define REAL(function) (*(void **)&(function) = dlsym(RTLD_NEXT, &#function[5]))

static long number_in(const char *name)
{
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : 0;
}

static void share_count(const char *state)
{
  int file = real_open(state, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0 || ftruncate(file, sizeof *count) != 0) abort();
  void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  real_close(file);
  if (memory == MAP_FAILED) abort();
  count = memory;
}

__attribute__((constructor)) static void begin(void)
{
  REAL(real_open);
  REAL(real_close);
  REAL(real_write);
  under = getenv("FAIL_UNDER");
  kinds = getenv("FAIL_KINDS");
  how = getenv("FAIL_HOW");
  log_file = getenv("FAIL_LOG");
  strike_at = number_in("FAIL_AT");
  wait_milliseconds = number_in("FAIL_WAIT");
  onwards = getenv("FAIL_ONWARDS") != NULL;
  const char *state = getenv("FAIL_STATE");
  const bool ours = strncmp(program_invocation_short_name, "lockstep", 8) == 0; /* not gnuplot */
  if (ours && under && state) share_count(state);
}

/* One call that is looked at. */
typedef struct call {
  const char *kind;
  bool watched;
  long number;
  char path[PATH_SIZE], other[PATH_SIZE]; /* below the folder; "." is the folder itself */
  ino_t inode;
  long long offset, place;
  size_t length;
} call;

/** Leaves out "//", "/./" and a slash at the end. */
static void simplify(char *path)
{
  char *out = path;
  for (const char *in = path; *in; in++) {
    if (in[0] == '/' && (in[1] == '/' || in[1] == '\0')) continue;
    if (in[0] == '/' && in[1] == '.' && (in[2] == '/' || in[2] == '\0')) {
      in++;
      continue;
    }
    *out++ = *in;
  }
  *out = '\0';
}

/** Whether the path is the folder or lies below it; then `below` gets what follows the folder's name. */
static bool is_below(char below[PATH_SIZE], const char *path)
{
  const size_t length = strlen(under);
  if (strncmp(path, under, length) != 0 || (path[length] != '/' && path[length] != '\0')) return false;
  snprintf(below, PATH_SIZE, "%s", path[length] ? path + length + 1 : ".");
  return true;
}

static bool name_is_below(char below[PATH_SIZE], int folder, const char *path)
{
  char whole[PATH_SIZE], start[PATH_MAX] = "", link[64];
  if (path[0] != '/' && folder == AT_FDCWD && !getcwd(start, sizeof start)) return false;
  if (path[0] != '/' && folder != AT_FDCWD) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    if (readlink(link, start, sizeof start - 1) < 0) return false;
  }
  snprintf(whole, sizeof whole, "%s/%.4000s", start, path);
  simplify(whole);
  return is_below(below, whole);
}

static bool file_is_below(char below[PATH_SIZE], int file)
{
  char link[64], whole[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  return readlink(link, whole, sizeof whole - 1) > 0 && is_below(below, whole);
}

static bool counts(const char *kind)
{
  const char *found = kinds ? strstr(kinds, kind) : NULL;
  return !kinds || (found && (found == kinds || found[-1] == ',') && found[strlen(kind)] == ',');
}

static int error_named(const char *name)
{
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EDQUOT") == 0) return EDQUOT;
  return strcmp(name, "EIO") == 0 ? EIO : 0;
}

/** Counts a call that is looked at. The number of the error with which it is to fail; 0: it is to be made. */
static int strike(call *c)
{
  if (!c->watched || !counts(c->kind)) return 0;
  c->number = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
  if (!how || strike_at == 0 || c->number < strike_at || (c->number > strike_at && !onwards)) return 0;
  if (strcmp(how, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(how, "wait") == 0) {
    const struct timespec time = {wait_milliseconds / 1000, wait_milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
  }
  if (strcmp(how, "short") == 0 && strcmp(c->kind, "write") == 0) c->length = (c->length + 1) / 2;
  return error_named(how);
}

static void append_to(const char *path, const void *data, size_t bytes, long long *place)
{
  int file = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || real_write(file, data, bytes) != (ssize_t)bytes) abort();
  if (place) *place = (long long)lseek(file, 0, SEEK_CUR) - (long long)bytes;
  real_close(file);
}

/** Writes down how a call ended. Keeps errno. */
static void record(call *c, bool done, const void *data)
{
  if (!c->watched || !log_file) return;
  const int error = errno;
  char line[3 * PATH_SIZE], path[PATH_SIZE];
  snprintf(path, sizeof path, "%s.data", log_file);
  if (data && done && c->length) append_to(path, data, c->length, &c->place);
  int length = snprintf(line, sizeof line, "%ld\t%s\t%d\t%llu\t%lld\t%zu\t%lld\t%s\t%s\n", c->number, c->kind,
                        done ? 0 : error, (unsigned long long)c->inode, c->offset, c->length, c->place,
                        c->path, c->other);
  append_to(log_file, line, (size_t)length, NULL);
  errno = error;
}

static void know_inode(call *c, int file)
{
  struct stat about;
  if (fstat(file, &about) == 0) c->inode = about.st_ino;
}

/** A call on an open file. */
static call of_file(const char *kind, int file)
{
  const int error = errno;
  call c = {.kind = kind};
  c.watched = count && file_is_below(c.path, file);
  if (c.watched) know_inode(&c, file);
  errno = error;
  return c;
}

static call of_name(const char *kind, int folder, const char *path)
{
  const int error = errno;
  call c = {.kind = kind};
  c.watched = count && name_is_below(c.path, folder, path);
  errno = error;
  return c;
}

/** -1 with that errno. */
static int fail(call *c, int error)
{
  errno = error;
  record(c, false, NULL);
  return -1;
}

/* Every call: looked at, struck or made, written down. */

/** What opening did: made a file, emptied one, or neither. */
static void record_open(call *c, int file, int flags, bool was_there)
{
  if (file >= 0) know_inode(c, file);
  if (file >= 0 && (flags & O_CREAT) && was_there) c->kind = flags & O_TRUNC ? "truncate" : "open";
  record(c, file >= 0, NULL);
}

static int open_watched(int folder, const char *path, int flags, mode_t mode)
{
  struct stat about;
  call c = of_name(flags & O_CREAT ? "create" : "open", folder, path);
  int error = strike(&c);
  if (error) return fail(&c, error);
  const bool was_there = c.watched && fstatat(folder, path, &about, AT_SYMLINK_NOFOLLOW) == 0;
  static int (*real_openat)(int, const char *, int, ...);
  if (!real_openat) REAL(real_openat);
  int file = real_openat(folder, path, flags, mode);
  record_open(&c, file, flags, was_there);
  return file;
}

#define TAKE_MODE(flags)                                                                                     \
  mode_t mode = 0;                                                                                           \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                                   \
    va_list more;                                                                                            \
    va_start(more, flags);                                                                                   \
    mode = va_arg(more, mode_t);                                                                             \
    va_end(more);                                                                                            \
  }

int open(const char *path, int flags, ...)
{
  TAKE_MODE(flags)
  return open_watched(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
  TAKE_MODE(flags)
  return open_watched(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
  TAKE_MODE(flags)
  return open_watched(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
  TAKE_MODE(flags)
  return open_watched(folder, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
  static FILE *(*real_fopen)(const char *, const char *);
  if (!real_fopen) REAL(real_fopen);
  call c = of_name("open", AT_FDCWD, path);
  int error = strike(&c);
  if (error) {
    fail(&c, error);
    return NULL;
  }
  FILE *file = real_fopen(path, mode);
  record(&c, file, NULL);
  return file;
}

DIR *opendir(const char *path)
{
  static DIR *(*real_opendir)(const char *);
  if (!real_opendir) REAL(real_opendir);
  call c = of_name("open", AT_FDCWD, path);
  int error = strike(&c);
  if (error) {
    fail(&c, error);
    return NULL;
  }
  DIR *folder = real_opendir(path);
  record(&c, folder, NULL);
  return folder;
}

int mkstemp(char *path)
{
  static int (*real_mkstemp)(char *);
  if (!real_mkstemp) REAL(real_mkstemp);
  call c = of_name("create", AT_FDCWD, path);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int file = real_mkstemp(path);
  if (file >= 0 && c.watched) name_is_below(c.path, AT_FDCWD, path);
  record_open(&c, file, O_CREAT, false);
  return file;
}

ssize_t write(int file, const void *data, size_t bytes)
{
  if (!real_write) REAL(real_write);
  call c = of_file("write", file);
  c.length = bytes;
  int error = strike(&c);
  if (error) return fail(&c, error);
  ssize_t written = real_write(file, data, c.length);
  c.length = written > 0 ? (size_t)written : 0;
  if (c.watched) c.offset = (long long)lseek(file, 0, SEEK_CUR) - (long long)c.length;
  record(&c, written >= 0, data);
  return written;
}

ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset)
{
  static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
  if (!real_pwrite) REAL(real_pwrite);
  call c = of_file("write", file);
  c.length = bytes;
  c.offset = (long long)offset;
  int error = strike(&c);
  if (error) return fail(&c, error);
  ssize_t written = real_pwrite(file, data, c.length, offset);
  c.length = written > 0 ? (size_t)written : 0;
  record(&c, written >= 0, data);
  return written;
}

int ftruncate(int file, off_t length)
{
  static int (*real_ftruncate)(int, off_t);
  if (!real_ftruncate) REAL(real_ftruncate);
  call c = of_file("truncate", file);
  c.offset = (long long)length;
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_ftruncate(file, length);
  record(&c, result == 0, NULL);
  return result;
}

static int sync_watched(int file, int (*real)(int))
{
  struct stat about;
  call c = of_file("fsync", file);
  if (c.watched && fstat(file, &about) == 0 && S_ISDIR(about.st_mode)) c.kind = "syncdir";
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real(file);
  record(&c, result == 0, NULL);
  return result;
}

int fsync(int file)
{
  static int (*real_fsync)(int);
  if (!real_fsync) REAL(real_fsync);
  return sync_watched(file, real_fsync);
}

int fdatasync(int file)
{
  static int (*real_fdatasync)(int);
  if (!real_fdatasync) REAL(real_fdatasync);
  return sync_watched(file, real_fdatasync);
}

/** Fails only for what was written to, and closes all the same, as a file system over a network does. */
int close(int file)
{
  if (!real_close) REAL(real_close);
  call c = of_file("close", file);
  c.watched = c.watched && (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY;
  int error = strike(&c), result = real_close(file);
  if (error) return fail(&c, error);
  record(&c, result == 0, NULL);
  return result;
}

/** One that has two names may come into the folder or leave it. */
static call of_names(const char *kind, int folder, const char *path, int other_folder, const char *other)
{
  call c = of_name(kind, folder, path), d = of_name(kind, other_folder, other);
  memcpy(c.other, d.path, sizeof c.other);
  c.watched = c.watched || d.watched;
  return c;
}

int renameat(int folder, const char *path, int other_folder, const char *other)
{
  static int (*real_renameat)(int, const char *, int, const char *);
  if (!real_renameat) REAL(real_renameat);
  call c = of_names("rename", folder, path, other_folder, other);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_renameat(folder, path, other_folder, other);
  record(&c, result == 0, NULL);
  return result;
}

int rename(const char *path, const char *other)
{
  return renameat(AT_FDCWD, path, AT_FDCWD, other);
}

int linkat(int folder, const char *path, int other_folder, const char *other, int flags)
{
  static int (*real_linkat)(int, const char *, int, const char *, int);
  if (!real_linkat) REAL(real_linkat);
  call c = of_names("link", folder, path, other_folder, other);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_linkat(folder, path, other_folder, other, flags);
  record(&c, result == 0, NULL);
  return result;
}

int link(const char *path, const char *other)
{
  return linkat(AT_FDCWD, path, AT_FDCWD, other, 0);
}

/** The path is that of the link, the other path its text. */
int symlinkat(const char *text, int folder, const char *path)
{
  static int (*real_symlinkat)(const char *, int, const char *);
  if (!real_symlinkat) REAL(real_symlinkat);
  call c = of_name("symlink", folder, path);
  snprintf(c.other, sizeof c.other, "%s", text);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_symlinkat(text, folder, path);
  record(&c, result == 0, NULL);
  return result;
}

int symlink(const char *text, const char *path)
{
  return symlinkat(text, AT_FDCWD, path);
}

int unlinkat(int folder, const char *path, int flags)
{
  static int (*real_unlinkat)(int, const char *, int);
  if (!real_unlinkat) REAL(real_unlinkat);
  call c = of_name("unlink", folder, path);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_unlinkat(folder, path, flags);
  record(&c, result == 0, NULL);
  return result;
}

int unlink(const char *path)
{
  return unlinkat(AT_FDCWD, path, 0);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
  static int (*real_mkdirat)(int, const char *, mode_t);
  if (!real_mkdirat) REAL(real_mkdirat);
  call c = of_name("mkdir", folder, path);
  int error = strike(&c);
  if (error) return fail(&c, error);
  int result = real_mkdirat(folder, path, mode);
  record(&c, result == 0, NULL);
  return result;
}

int mkdir(const char *path, mode_t mode)
{
  return mkdirat(AT_FDCWD, path, mode);
}
