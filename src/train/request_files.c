#include "train/request_files.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "lockstep/config.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"

static const struct {
  unsigned request;
  const char *name;
} files_of[] = {{LKS_REQUEST_STOP, "STOP"}, {LKS_REQUEST_SAVE, "SAVE"}};
enum { FOLDERS = 2, KINDS = sizeof files_of / sizeof *files_of };

/* False: there is no such folder. */
static bool path_of(char path[LKS_TEXT_MAX + 8], const lks_request_files *files, int folder, int kind)
{
  if (!files->folder[folder]) return false;
  snprintf(path, LKS_TEXT_MAX + 8, "%s/%s", files->folder[folder], files_of[kind].name);
  return true;
}

unsigned lks_request_files_look(lks_request_files *files)
{
  char path[LKS_TEXT_MAX + 8];
  if (!files->folder[0] && !files->folder[1]) return files->found;
  const double now = lks_seconds();
  if (now < files->looked + 1) return files->found;
  files->looked = now;
  for (int f = 0; f < FOLDERS; f++)
    for (int k = 0; k < KINDS; k++)
      if (path_of(path, files, f, k) && access(path, F_OK) == 0) files->found |= files_of[k].request;
  return files->found;
}

void lks_request_files_heeded(lks_request_files *files, unsigned requests)
{
  char path[LKS_TEXT_MAX + 8];
  requests &= files->found;
  for (int f = 0; f < FOLDERS; f++)
    for (int k = 0; k < KINDS; k++)
      if ((requests & files_of[k].request) && path_of(path, files, f, k) && unlink(path) != 0 &&
          errno != ENOENT)
        lks_warn("%s was heeded, but can't be removed: %m", path);
  files->found &= ~requests;
}
