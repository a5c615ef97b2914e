#include "import/picture_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/ending.h"

lks_status lks_name_list_add(lks_name_list *list, const char *name)
{
  char *copy = lks_new(strlen(name) + 1, 1);
  if (!copy) return LKS_ERR_RANK;
  strcpy(copy, name);
  lks_status status = lks_csv_grow(&list->name, list->count, sizeof *list->name);
  if (status)
    lks_free(copy);
  else
    list->name[list->count++] = copy;
  return status;
}

static bool is_wanted(int folder, const char *name, bool folders)
{
  struct stat about;
  if (name[0] == '.' || fstatat(folder, name, &about, 0) != 0) return false;
  return folders ? S_ISDIR(about.st_mode) : S_ISREG(about.st_mode);
}

static int compare(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

lks_status lks_name_list_read(lks_name_list *list, const char *folder, bool folders)
{
  DIR *stream = opendir(folder);
  *list = (lks_name_list){0};
  if (!stream) return lks_fail(LKS_ERR_IO, "cannot look into the folder %s: %s", folder, strerror(errno));
  lks_status status = LKS_OK;
  const struct dirent *entry;
  errno = 0;
  while (!status && (entry = readdir(stream)) != NULL)
    if (is_wanted(dirfd(stream), entry->d_name, folders)) status = lks_name_list_add(list, entry->d_name);
  closedir(stream);
  if (list->count) qsort(list->name, list->count, sizeof *list->name, compare);
  if (status) lks_name_list_clear(list);
  return status;
}

bool lks_name_list_has(const lks_name_list *list, const char *name)
{
  return list->count && bsearch(&name, list->name, list->count, sizeof *list->name, compare) != NULL;
}

void lks_name_list_clear(lks_name_list *list)
{
  for (size_t i = 0; i < list->count; i++) lks_free(list->name[i]);
  lks_free(list->name);
  *list = (lks_name_list){0};
}

static bool is_picture(const char *name)
{
  return lks_before_ending_of_any_case(name, ".png") || lks_before_ending_of_any_case(name, ".jpg") ||
         lks_before_ending_of_any_case(name, ".jpeg");
}

size_t lks_name_list_keep_pictures(lks_name_list *list)
{
  size_t kept = 0, others = 0;
  for (size_t i = 0; i < list->count; i++) {
    if (is_picture(list->name[i]))
      list->name[kept++] = list->name[i];
    else {
      lks_free(list->name[i]);
      others++;
    }
  }
  list->count = kept;
  return others;
}
