#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/lock_holder.h"
#include "base/log.h"

#define NAP 0.02

struct lks_lock {
  int file;
  char path[]; /* and a zero */
};

/** How an attempt ended; GONE: the file was removed while it was opened. */
typedef enum outcome { TAKEN, BUSY, GONE, FAILED } outcome;

static void warn_of_takeover(const char *folder, const lks_lock_holder *who, const lks_lock_holder *here)
{
  if (who->process <= 0 || strcmp(who->host, here->host) == 0 || lks_lock_holder_is_gone(who, here)) return;
  lks_warn(
      "%s: process %ld on host %s%s%s wrote into it from %s on and did not end in order; its lock is free and is taken over: if that process still runs, end it",
      folder, who->process, who->host, who->job[0] ? ", job " : "", who->job, who->since);
}

static void warn_of_no_locks(const char *folder, int cause)
{
  static bool told;
  if (!told)
    lks_warn(
        "%s is on a file system without locks (%s): a second run that begins there on another host may not be noticed; see to it that there is none",
        folder, strerror(cause));
  told = true;
}

/* Another process may have removed the file before it let go of it. */
static bool is_still_there(int file, const char *path)
{
  struct stat mine, there;
  return fstat(file, &mine) == 0 && lstat(path, &there) == 0 && mine.st_ino == there.st_ino &&
         mine.st_dev == there.st_dev;
}

/* 0 or the error number. */
static int lock_file(int file)
{
  int failed;
  while ((failed = flock(file, LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) continue;
  return failed ? errno : 0;
}

/* Of a regular file; *made: by this process. -1 with errno, EAGAIN when it was removed meanwhile. */
static int open_file(bool *made, const char *path)
{
  enum { FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };
  int file = open(path, FLAGS | O_CREAT | O_EXCL, 0666);
  *made = file >= 0;
  if (file < 0 && errno == EEXIST) {
    file = open(path, FLAGS);
    if (file < 0 && errno == ENOENT) errno = EAGAIN;
  }
  struct stat about;
  if (file >= 0 && fstat(file, &about) == 0 && S_ISREG(about.st_mode)) return file;
  if (file < 0) return -1;
  close(file);
  errno = EEXIST;
  return -1;
}

static outcome try(lks_lock *lock, lks_lock_holder *who, const char *folder)
{
  const lks_lock_holder here = lks_lock_holder_own();
  bool made;
  lock->file = open_file(&made, lock->path);
  if (lock->file < 0 && errno == EAGAIN) return GONE;
  if (lock->file < 0) return FAILED;
  const int cause = lock_file(lock->file);
  const bool others = cause == EWOULDBLOCK;
  outcome result = others ? BUSY : TAKEN;
  *who = lks_lock_holder_read(lock->file);
  if (cause != 0 && !others) {
    warn_of_no_locks(folder, cause);
    result = made || lks_lock_holder_is_gone(who, &here) ? TAKEN : BUSY;
  } else if (!others && !is_still_there(lock->file, lock->path)) {
    result = GONE;
  }
  if (result == TAKEN) {
    warn_of_takeover(folder, who, &here);
    lks_lock_holder_write(lock->file, &here);
  } else {
    close(lock->file);
  }
  return result;
}

static lks_status fail_busy(const char *path, const char *folder, const lks_lock_holder *who)
{
  if (who->process <= 0)
    return lks_fail(
        LKS_ERR_USAGE,
        "another process writes into %s, or did and left %s: wait until it has ended, or write into another directory; remove that file if there is no such process",
        folder, path);
  return lks_fail(
      LKS_ERR_USAGE,
      "process %ld on host %s%s%s writes into %s since %s: wait until it has ended, or write into another directory; if there is no such process, remove %s",
      who->process, who->host, who->job[0] ? ", job " : "", who->job, folder, who->since, path);
}

static lks_status wait_and_try(lks_lock *lock, const char *folder, double patience)
{
  lks_lock_holder who = {.process = 0};
  struct timespec nap = {.tv_nsec = (long)(NAP * 1e9)};
  for (;;) {
    const outcome result = try(lock, &who, folder);
    if (result == TAKEN) return LKS_OK;
    if (result == FAILED)
      return lks_fail(LKS_ERR_IO, "cannot open %s: %s", lock->path,
                      errno == EEXIST ? "it is no regular file" : strerror(errno));
    if (result == GONE) continue;
    if (patience <= 0) return fail_busy(lock->path, folder, &who);
    patience -= NAP;
    nanosleep(&nap, NULL);
  }
}

lks_status lks_lock_take(lks_lock **lock, const char *folder, const char *name, double patience)
{
  const size_t length = strlen(folder) + strlen(name) + 2;
  lks_lock *made = *lock = lks_new(1, sizeof *made + length);
  if (made == NULL) return lks_fail_in(LKS_ERR_RANK, "%s: ", folder);
  snprintf(made->path, length, "%s/%s", folder, name);
  const lks_status status = wait_and_try(made, folder, patience);
  if (!status) return LKS_OK;
  lks_free(made);
  *lock = NULL;
  return status;
}

void lks_lock_release(lks_lock **lock)
{
  if (*lock == NULL) return;
  if (is_still_there((*lock)->file, (*lock)->path)) unlink((*lock)->path);
  close((*lock)->file);
  lks_free(*lock);
  *lock = NULL;
}
