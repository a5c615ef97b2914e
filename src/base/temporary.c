#include "base/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/process.h"

enum { HOST_SIZE = 65, DAY = 86400, PATH_ROOM = 4096, NOTED = 8 };
static const char ending[] = ".tmp";
static _Atomic(const char *) noted[NOTED];

static void name_host(char host[HOST_SIZE])
{
  memset(host, 0, HOST_SIZE);
  gethostname(host, HOST_SIZE - 1);
}

void lks_temporary_name(char *name, size_t size, const char *path, unsigned number)
{
  char host[HOST_SIZE], more[16] = "";
  name_host(host);
  if (number) snprintf(more, sizeof more, "-%u", number);
  snprintf(name, size, "%s.%s.%ld%s%s", path, host, (long)getpid(), more, ending);
}

/* The process that a name speaks of, -1 if it speaks of none; what stands before it is cut to NAME.HOST. */
static long take_process(char *name)
{
  const size_t length = strlen(name), end = sizeof ending - 1;
  if (length <= end || strcmp(name + length - end, ending) != 0) return -1;
  name[length - end] = '\0';
  char *dot = strrchr(name, '.');
  if (!dot || dot == name) return -1;
  const size_t digits = strspn(dot + 1, "0123456789"), rest = strlen(dot + 1 + digits);
  if (digits == 0 || digits > 9) return -1;
  if (rest > 0 && (dot[1 + digits] != '-' || rest == 1 || strspn(dot + 2 + digits, "0123456789") != rest - 1))
    return -1;
  *dot = '\0';
  return strtol(dot + 1, NULL, 10);
}

/* Whether NAME.HOST is of this host, with a name before it. */
static bool is_of_host(const char *name, const char *host)
{
  const size_t length = strlen(name), own = strlen(host);
  return length > own + 1 && name[length - own - 1] == '.' && strcmp(name + length - own, host) == 0;
}

static bool is_litter(int folder, const char *entry, const char *host)
{
  char name[256];
  struct stat about;
  if (strlen(entry) >= sizeof name) return false;
  strcpy(name, entry);
  const long process = take_process(name);
  if (process <= 0 || !strchr(name, '.')) return false;
  if (fstatat(folder, entry, &about, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (!S_ISREG(about.st_mode) && !S_ISLNK(about.st_mode)) return false;
  if (is_of_host(name, host) && lks_process_is_gone(process)) return true;
  return time(NULL) - about.st_mtime > DAY;
}

/* Of names that begin so. */
static void tidy(const char *folder, const char *beginning)
{
  char host[HOST_SIZE];
  const size_t length = strlen(beginning);
  name_host(host);
  DIR *stream = opendir(folder);
  if (!stream) return;
  for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
    if (strncmp(entry->d_name, beginning, length) == 0 && is_litter(dirfd(stream), entry->d_name, host))
      unlinkat(dirfd(stream), entry->d_name, 0);
  closedir(stream);
}

void lks_temporary_tidy(const char *folder)
{
  tidy(folder, "");
}

void lks_temporary_tidy_file(const char *path)
{
  char folder[PATH_ROOM], beginning[PATH_ROOM];
  const char *slash = strrchr(path, '/');
  const int length = slash ? (int)(slash - path) + 1 : 0;
  if (strlen(path) + 2 > PATH_ROOM) return;
  snprintf(folder, sizeof folder, "%.*s.", length, path);
  snprintf(beginning, sizeof beginning, "%s.", path + length);
  tidy(folder, beginning);
}

static bool exchange(const char *from, const char *to)
{
  for (int i = 0; i < NOTED; i++) {
    const char *there = from;
    if (atomic_compare_exchange_strong(&noted[i], &there, to)) return true;
  }
  return false;
}

void lks_temporary_note(const char *name)
{
  exchange(NULL, name);
}

void lks_temporary_forget(const char *name)
{
  exchange(name, NULL);
}

void lks_temporary_remove_all(void)
{
  for (int i = 0; i < NOTED; i++) {
    const char *name = atomic_exchange(&noted[i], NULL);
    if (name) unlink(name);
  }
}
