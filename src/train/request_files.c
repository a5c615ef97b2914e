#include "train/request_files.h"

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
enum { KINDS = sizeof files_of / sizeof *files_of };

static void path_of(char path[LKS_TEXT_MAX + 8], const lks_request_files *files, int kind)
{
  snprintf(path, LKS_TEXT_MAX + 8, "%s/%s", files->folder, files_of[kind].name);
}

unsigned lks_request_files_look(lks_request_files *files)
{
  char path[LKS_TEXT_MAX + 8];
  const double now = lks_seconds();
  if (!files->folder || now < files->looked + 1) return files->found;
  files->looked = now;
  for (int k = 0; k < KINDS; k++) {
    path_of(path, files, k);
    if (access(path, F_OK) == 0) files->found |= files_of[k].request;
  }
  return files->found;
}

void lks_request_files_heeded(lks_request_files *files, unsigned requests)
{
  char path[LKS_TEXT_MAX + 8];
  requests &= files->found;
  for (int k = 0; k < KINDS; k++) {
    if (!(requests & files_of[k].request)) continue;
    path_of(path, files, k);
    if (unlink(path) != 0) lks_warn("%s was heeded, but can't be removed: %m", path);
  }
  files->found &= ~requests;
}
