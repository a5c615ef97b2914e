#include "compare/shared_folder.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/temporary.h"
#include "comm/split.h"
#include "lockstep/config.h"

/* Rank 0 makes a file that no other job makes, and the others look for it. */
static lks_status look(const char *path, const lks_comm *comm, const char *folder)
{
  if (access(path, F_OK) == 0) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "rank %d on %s does not see the folder %.300s of rank 0, so runs cannot be made side by side: use a folder that all hosts share, or leave --ranks-per-run out",
      lks_comm_job_rank(comm), lks_comm_host(comm), folder);
}

lks_status lks_folder_is_shared_all(lks_comm *comm, const char *folder)
{
  char beginning[LKS_TEXT_MAX + 16], path[LKS_TEXT_MAX + 128] = "";
  const bool root = lks_comm_rank(comm) == 0;
  if (lks_comm_node_count(comm) == 1) return LKS_OK;
  snprintf(beginning, sizeof beginning, "%s/shared", folder);
  if (root) lks_temporary_name(path, sizeof path, beginning, 0);
  lks_status status = lks_comm_broadcast_all(comm, path, sizeof path, 0);
  if (status) return status;
  status = lks_comm_agree_all(comm, root ? lks_file_write(path, "", 0) : LKS_OK);
  if (!status) status = lks_comm_agree_all(comm, look(path, comm, folder));
  if (root) unlink(path);
  return status;
}
