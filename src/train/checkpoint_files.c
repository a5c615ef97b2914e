#include "train/checkpoint_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"

static const char last_link[] = "last.h5", best_link[] = "best.h5";

void lks_checkpoint_files_path(char path[LKS_CHECKPOINT_PATH], const char *folder, size_t step)
{
  snprintf(path, LKS_CHECKPOINT_PATH, "%s/checkpoint-%zu.h5", folder, step);
}

/** Only a name that lks_checkpoint_files_path makes: no leading zeros, nothing behind it. */
static bool step_of(size_t *step, const char *name)
{
  char again[64];
  if (sscanf(name, "checkpoint-%zu.h5", step) != 1) return false;
  snprintf(again, sizeof again, "checkpoint-%zu.h5", *step);
  return strcmp(name, again) == 0;
}

static int newer_first(const void *a, const void *b)
{
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x < y) - (x > y);
}

static lks_status add_step(size_t **step, size_t *count, size_t found)
{
  const lks_status status = lks_csv_grow(step, *count, sizeof **step);
  if (!status) (*step)[(*count)++] = found;
  return status;
}

/** Steps of the checkpoints in a folder, the newest first; *step is freed with lks_free. */
static lks_status list(size_t **step, size_t *count, const char *folder)
{
  *step = NULL;
  *count = 0;
  DIR *stream = opendir(folder);
  if (!stream && errno == ENOENT) return LKS_OK;
  if (!stream) return lks_fail(LKS_ERR_IO, "cannot open the folder %s: %s", folder, strerror(errno));
  lks_status status = LKS_OK;
  const struct dirent *entry;
  while (!status && (errno = 0, entry = readdir(stream)) != NULL) {
    size_t found;
    if (step_of(&found, entry->d_name)) status = add_step(step, count, found);
  }
  if (!status && errno)
    status = lks_fail(LKS_ERR_IO, "cannot read the folder %s: %s", folder, strerror(errno));
  closedir(stream);
  if (*count) qsort(*step, *count, sizeof **step, newer_first);
  return status;
}

/** What a link of the folder says; "" when there is none, LINK itself when that is a file. */
static lks_status target_of(char target[LKS_CHECKPOINT_PATH], const char *folder, const char *link)
{
  char path[LKS_CHECKPOINT_PATH];
  snprintf(path, sizeof path, "%s/%s", folder, link);
  const ssize_t length = readlink(path, target, LKS_CHECKPOINT_PATH - 1);
  const int cause = errno;
  target[length > 0 ? length : 0] = '\0';
  if (length >= 0 || cause == ENOENT || cause == ENOTDIR) return LKS_OK;
  if (cause != EINVAL) return lks_fail(LKS_ERR_IO, "cannot read %s: %s", path, strerror(cause));
  snprintf(target, LKS_CHECKPOINT_PATH, "%s", link);
  return LKS_OK;
}

/** A link that leads to none of the folder's checkpoints is followed like any other. */
static lks_status take_other(lks_checkpoint_files *files, const char *target)
{
  const char *slash = target[0] == '/' ? "" : "/", *folder = target[0] == '/' ? "" : files->folder;
  const int length = snprintf(files->first, sizeof files->first, "%s%s%s", folder, slash, target);
  files->count++;
  if ((size_t)length < sizeof files->first) return LKS_OK;
  return lks_fail(LKS_ERR_IO, "%s/%s leads to a name that is too long", files->folder, last_link);
}

static lks_status take_link(lks_checkpoint_files *files, const char *target)
{
  size_t linked;
  if (target[0] == '\0') return LKS_OK;
  if (!step_of(&linked, target)) return take_other(files, target);
  bool there = false;
  for (size_t i = 0; i < files->count; i++) there = there || files->step[i] == linked;
  const lks_status status = there ? LKS_OK : add_step(&files->step, &files->count, linked);
  if (status) return status;
  qsort(files->step, files->count, sizeof *files->step, newer_first);
  while (files->step[files->newer] > linked) files->newer++;
  return LKS_OK;
}

lks_status lks_checkpoint_files_find(lks_checkpoint_files *files, const char *folder)
{
  char target[LKS_CHECKPOINT_PATH];
  *files = (lks_checkpoint_files){0};
  snprintf(files->folder, sizeof files->folder, "%s", folder);
  lks_status status = target_of(target, folder, last_link);
  if (!status) status = list(&files->step, &files->count, folder);
  if (!status) status = take_link(files, target);
  if (status) lks_checkpoint_files_clear(files);
  return status;
}

void lks_checkpoint_files_get(char path[LKS_CHECKPOINT_PATH], const lks_checkpoint_files *files,
                              size_t number)
{
  const size_t other = files->first[0] != '\0', steps = files->count - other;
  if (number < other) {
    snprintf(path, LKS_CHECKPOINT_PATH, "%s", files->first);
    return;
  }
  const size_t i = number - other + files->newer;
  lks_checkpoint_files_path(path, files->folder, files->step[i < steps ? i : steps - 1 - (number - other)]);
}

void lks_checkpoint_files_clear(lks_checkpoint_files *files)
{
  lks_free(files->step);
  *files = (lks_checkpoint_files){0};
}

static lks_status point(const char *folder, const char *link, size_t step)
{
  char target[64], path[LKS_CHECKPOINT_PATH];
  snprintf(target, sizeof target, "checkpoint-%zu.h5", step);
  snprintf(path, sizeof path, "%s/%s", folder, link);
  return lks_file_link(path, target);
}

lks_status lks_checkpoint_files_link(const char *folder, size_t step)
{
  return point(folder, last_link, step);
}

/** Of the checkpoint that a link leads to; *step stays when it leads to none. */
static lks_status linked_step(size_t *step, const char *folder, const char *link)
{
  char target[LKS_CHECKPOINT_PATH];
  size_t found;
  const lks_status status = target_of(target, folder, link);
  if (!status && step_of(&found, target)) *step = found;
  return status;
}

lks_status lks_checkpoint_files_link_best(const char *folder, size_t step)
{
  size_t linked = SIZE_MAX;
  const lks_status status = linked_step(&linked, folder, best_link);
  return status || linked == step ? status : point(folder, best_link, step);
}

/** Another one may have removed it. What is no file is nobody's checkpoint. */
static lks_status remove_file(const char *folder, size_t step)
{
  char path[LKS_CHECKPOINT_PATH];
  struct stat about;
  lks_checkpoint_files_path(path, folder, step);
  if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode)) return LKS_OK;
  if (unlink(path) == 0 || errno == ENOENT) return LKS_OK;
  return lks_fail(LKS_ERR_IO, "cannot remove %s: %s", path, strerror(errno));
}

lks_status lks_checkpoint_files_prune(const char *folder, size_t keep, size_t step)
{
  size_t *found, count, last = step, best = step, kept = 0;
  if (keep == 0) return LKS_OK;
  lks_status status = linked_step(&last, folder, last_link);
  if (!status) status = linked_step(&best, folder, best_link);
  if (status) return status;
  status = list(&found, &count, folder);
  for (size_t i = 0; i < count && !status; i++) {
    if (found[i] > step || kept++ < keep || found[i] == last || found[i] == best) continue;
    status = remove_file(folder, found[i]);
  }
  lks_free(found);
  return status;
}
