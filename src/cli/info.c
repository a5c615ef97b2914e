#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "dataset/dataset_file.h"
#include "dataset/describe.h"
#include "lockstep/checkpoint.h"

const lks_syntax *lks_info_syntax(void)
{
  static const lks_syntax syntax = {
      "info", "FILE.h5", "Says in words what a dataset or a checkpoint holds.", NULL, NULL, 0, 1, 1};
  return &syntax;
}

lks_status lks_info_run_all(lks_comm *comm, int argc, char **argv)
{
  lks_arguments arguments;
  lks_status status = lks_command_line_all(&arguments, comm, lks_info_syntax(), argc, argv);
  if (status || arguments.help) return status;
  const char *path = arguments.argument[0];
  char kind[64];
  status = lks_file_kind(kind, path);
  if (status) return status;
  if (strcmp(kind, "lockstep-dataset") == 0) return lks_dataset_describe(stdout, path);
  if (strcmp(kind, "lockstep-checkpoint") == 0) return lks_checkpoint_describe(stdout, path);
  return lks_fail(LKS_ERR_DATA,
                  "%s: its format is '%s'; this program reads lockstep-dataset and lockstep-checkpoint", path,
                  kind);
}
