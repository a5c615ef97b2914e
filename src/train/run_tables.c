#include "train/run_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

enum { TABLES_MAX = 16, NAME_SIZE = 64, PATH_SIZE = 1024 };

typedef struct table {
  char name[NAME_SIZE];
  const void *heading;
  char *held; /* what waits to be written, or NULL */
  size_t heading_bytes, held_bytes;
  off_t good;      /* bytes of whole lines in the file; -1: not known yet */
  size_t unsynced; /* writes that the disk may not have yet */
} table;

/* The lock: one thread adds lines while another waits for the disk. */
struct lks_run_tables {
  pthread_mutex_t lock;
  const char *folder;
  size_t count;
  table table[TABLES_MAX];
};

lks_status lks_run_tables_create(lks_run_tables **tables, const char *folder)
{
  *tables = lks_new(1, sizeof **tables);
  if (!*tables) return LKS_ERR_RANK;
  pthread_mutex_init(&(*tables)->lock, NULL);
  (*tables)->folder = folder;
  return LKS_OK;
}

void lks_run_tables_forget(lks_run_tables *tables)
{
  pthread_mutex_lock(&tables->lock);
  for (size_t i = 0; i < tables->count; i++) lks_free(tables->table[i].held);
  tables->count = 0;
  pthread_mutex_unlock(&tables->lock);
}

void lks_run_tables_destroy(lks_run_tables **tables)
{
  if (!*tables) return;
  lks_run_tables_forget(*tables);
  pthread_mutex_destroy(&(*tables)->lock);
  lks_free(*tables);
  *tables = NULL;
}

/* What was written of lines that did not fit is taken back, now or by the next attempt. 0 or an errno. */
static int write_held(table *t, int fd)
{
  struct stat about;
  if (fstat(fd, &about) != 0) return errno;
  if (!S_ISREG(about.st_mode)) return EINVAL;
  if (t->good < 0) t->good = about.st_size;
  if (about.st_size > t->good && ftruncate(fd, t->good) != 0) return errno;
  int cause = t->good == 0 ? lks_file_write_fully(fd, t->heading, t->heading_bytes) : 0;
  if (cause == 0) cause = lks_file_write_fully(fd, t->held, t->held_bytes);
  if (cause != 0) return ftruncate(fd, t->good) != 0 ? errno : cause;
  return fstat(fd, &about) == 0 ? (t->good = about.st_size, 0) : errno;
}

static int open_table(const char *folder, const char *name)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
}

/* Writes what is held. 0 or an errno. */
static int settle(table *t, int fd)
{
  const int cause = t->held ? write_held(t, fd) : 0;
  if (cause != 0) return cause;
  if (t->held) t->unsynced++;
  lks_free(t->held);
  t->held = NULL;
  t->held_bytes = 0;
  return 0;
}

static void write_lines(table *t, const char *folder)
{
  const int fd = open_table(folder, t->name);
  if (fd < 0) return;
  settle(t, fd);
  close(fd);
}

/* Writes what is held, and waits until the disk has it, without the lock: lines may be added meanwhile. 0 or an errno. */
static int sync_table(lks_run_tables *tables, table *t)
{
  const int fd = open_table(tables->folder, t->name);
  if (fd < 0) return errno;
  int cause = settle(t, fd);
  const size_t writes = t->unsynced;
  pthread_mutex_unlock(&tables->lock);
  if (cause == 0 && fsync(fd) != 0) cause = errno;
  if (close(fd) != 0 && cause == 0) cause = errno;
  pthread_mutex_lock(&tables->lock);
  if (cause == 0) t->unsynced -= writes;
  return cause;
}

static table *find(lks_run_tables *tables, const char *name, const void *heading, size_t heading_bytes)
{
  for (size_t i = 0; i < tables->count; i++)
    if (strcmp(tables->table[i].name, name) == 0) return &tables->table[i];
  if (tables->count == TABLES_MAX) return NULL;
  table *t = &tables->table[tables->count++];
  *t = (table){.heading = heading, .heading_bytes = heading_bytes, .good = -1};
  snprintf(t->name, sizeof t->name, "%s", name);
  return t;
}

static lks_status hold(table *t, const void *data, size_t bytes)
{
  char *held = lks_new(t->held_bytes + bytes, 1);
  if (!held) return LKS_ERR_RANK;
  if (t->held) memcpy(held, t->held, t->held_bytes);
  memcpy(held + t->held_bytes, data, bytes);
  lks_free(t->held);
  t->held = held;
  t->held_bytes += bytes;
  return LKS_OK;
}

lks_status lks_run_tables_append(lks_run_tables *tables, const char *name, const char *heading,
                                 const char *lines)
{
  return lks_run_tables_append_bytes(tables, name, heading, strlen(heading), lines, strlen(lines));
}

lks_status lks_run_tables_append_bytes(lks_run_tables *tables, const char *name, const void *heading,
                                       size_t heading_bytes, const void *data, size_t bytes)
{
  pthread_mutex_lock(&tables->lock);
  table *t = find(tables, name, heading, heading_bytes);
  const lks_status status =
      t ? hold(t, data, bytes) : lks_fail(LKS_ERR_RANK, "%s is one table too many for a run", name);
  if (!status && t) write_lines(t, tables->folder);
  pthread_mutex_unlock(&tables->lock);
  return status;
}

lks_status lks_run_tables_sync(lks_run_tables *tables)
{
  lks_status status = LKS_OK;
  pthread_mutex_lock(&tables->lock);
  for (size_t i = 0; i < tables->count; i++) {
    table *t = &tables->table[i];
    const int cause = t->held || t->unsynced ? sync_table(tables, t) : 0;
    if (cause != 0)
      status = lks_fail(LKS_ERR_IO, "cannot write %s/%s: %s", tables->folder, t->name, strerror(cause));
  }
  pthread_mutex_unlock(&tables->lock);
  return status;
}

/** The first number of a line says how far the run was, in CSV and JSON; the heading of the CSV file has none. */
static bool keeps(const char *line, bool first, size_t last)
{
  const char *digits = line + strcspn(line, "0123456789,\n");
  if (*digits < '0' || *digits > '9') return first;
  return strtoull(digits, NULL, 10) <= last;
}

static size_t kept_bytes(char *text, size_t bytes, size_t last)
{
  size_t kept = 0;
  for (char *line = text, *end; (end = memchr(line, '\n', bytes - (size_t)(line - text))) != NULL;
       line = end + 1) {
    const size_t length = (size_t)(end + 1 - line);
    if (!keeps(line, line == text, last)) continue;
    memmove(text + kept, line, length);
    kept += length;
  }
  return kept;
}

lks_status lks_run_tables_truncate(const char *folder, const char *name, size_t last)
{
  return lks_run_tables_rewrite(folder, name, kept_bytes, last);
}

lks_status lks_run_tables_rewrite(const char *folder, const char *name, lks_run_tables_keep *keep,
                                  size_t last)
{
  char path[PATH_SIZE], *text = NULL;
  size_t bytes = 0;
  struct stat about;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (lstat(path, &about) != 0) {
    if (errno == ENOENT) return LKS_OK;
    return lks_fail(LKS_ERR_IO, "cannot read %s: %s", path, strerror(errno));
  }
  if (S_ISLNK(about.st_mode))
    return lks_fail(LKS_ERR_IO,
                    "%s is a link, and a run writes to files of its own folder alone; put the file there",
                    path);
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  const size_t kept = keep(text, bytes, last);
  if (kept < bytes) status = lks_file_write(path, text, kept);
  lks_free(text);
  return status;
}
