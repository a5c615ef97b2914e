#include "cli/predict_files.h"

#include <stdio.h>
#include <sys/stat.h>

enum { PATH = 4096 };

static lks_status join(char path[PATH], const char *folder, const char *name)
{
  const int length = snprintf(path, PATH, "%s/%s", folder, name);
  return length < PATH ? LKS_OK : lks_fail(LKS_ERR_IO, "%.100s...: the name is too long", path);
}

/* The pictures of a folder itself. */
static lks_status add_pictures(lks_name_list *files, const char *folder)
{
  char path[PATH];
  lks_name_list pictures;
  lks_status status = lks_name_list_read(&pictures, folder, false);
  if (status) return status;
  lks_name_list_keep_pictures(&pictures);
  for (size_t i = 0; i < pictures.count && !status; i++) {
    status = join(path, folder, pictures.name[i]);
    if (!status) status = lks_name_list_add(files, path);
  }
  lks_name_list_clear(&pictures);
  return status;
}

static lks_status add_folder(lks_name_list *files, const char *folder)
{
  const size_t before = files->count;
  char path[PATH];
  lks_name_list folders;
  lks_status status = add_pictures(files, folder);
  if (status || files->count > before) return status;
  status = lks_name_list_read(&folders, folder, true);
  if (status) return status;
  for (size_t i = 0; i < folders.count && !status; i++) {
    status = join(path, folder, folders.name[i]);
    if (!status) status = add_pictures(files, path);
  }
  lks_name_list_clear(&folders);
  if (!status && files->count == before)
    status = lks_fail(LKS_ERR_DATA,
                      "%s: there is no PNG or JPEG file in this folder, nor in the folders in it", folder);
  return status;
}

lks_status lks_predict_files(lks_name_list *files, char *const *argument, int arguments)
{
  lks_status status = LKS_OK;
  *files = (lks_name_list){0};
  for (int i = 0; i < arguments && !status; i++) {
    struct stat about;
    const bool folder = stat(argument[i], &about) == 0 && S_ISDIR(about.st_mode);
    status = folder ? add_folder(files, argument[i]) : lks_name_list_add(files, argument[i]);
  }
  return status;
}
