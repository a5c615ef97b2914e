#include "lockstep/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_check.h"
#include "checkpoint/checkpoint_header.h"
#include "checkpoint/checkpoint_read.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/state_broadcast.h"

lks_status lks_checkpoint_write_all(lks_comm *comm, const char *path, const lks_config *config,
                                    const lks_model *model, const lks_dataset *dataset, lks_network *network,
                                    lks_optimizer *optimizer, const lks_run_state *state)
{
  return lks_checkpoint_write_as_all(comm, path, true, config, model, dataset, network, optimizer, state);
}

static lks_status broadcast_header_all(lks_checkpoint_header *header, lks_comm *comm)
{
  const bool root = lks_comm_rank(comm) == 0;
  char *block = NULL;
  size_t bytes = 0;
  lks_status status = root ? lks_checkpoint_header_pack(&block, &bytes, header) : LKS_OK;
  status = lks_comm_agree_all(comm, status);
  if (!status) status = lks_comm_broadcast_all(comm, &bytes, sizeof bytes, 0);
  if (!status) {
    if (!root) block = lks_new(bytes, 1);
    status = lks_comm_agree_all(comm, block ? LKS_OK : LKS_ERR_RANK);
  }
  if (!status) status = lks_comm_broadcast_all(comm, block, bytes, 0);
  if (!status) status = lks_comm_agree_all(comm, root ? LKS_OK : lks_checkpoint_header_unpack(header, block));
  lks_free(block);
  return status;
}

struct lks_checkpoint {
  lks_checkpoint_header header; /* on all ranks */
  lks_snapshot snapshot;        /* rank 0's */
  int64_t steps;                /* of the optimizer; -1: none */
  char path[];                  /* for messages */
};

lks_status lks_checkpoint_open_all(lks_checkpoint **checkpoint, lks_comm *comm, const char *path)
{
  const size_t path_bytes = strlen(path) + 1;
  lks_checkpoint *made = *checkpoint = lks_new(sizeof *made + path_bytes, 1);
  lks_status status = lks_comm_agree_all(comm, made ? LKS_OK : LKS_ERR_RANK);
  if (!status && made && lks_comm_rank(comm) == 0) {
    status = lks_checkpoint_read(&made->header, &made->snapshot, path);
    if (!status) status = lks_checkpoint_check_model(&made->header, path);
  }
  status = lks_comm_agree_all(comm, status);
  if (!status && made) {
    memcpy(made->path, path, path_bytes);
    made->steps = made->snapshot.optimizer ? made->snapshot.steps : -1;
    status = broadcast_header_all(&made->header, comm);
    if (!status) status = lks_comm_broadcast_all(comm, &made->steps, sizeof made->steps, 0);
  }
  if (status) lks_checkpoint_close(checkpoint);
  return status;
}

void lks_checkpoint_close(lks_checkpoint **checkpoint)
{
  if (!*checkpoint) return;
  lks_checkpoint_header_clear(&(*checkpoint)->header);
  lks_snapshot_clear(&(*checkpoint)->snapshot);
  lks_free(*checkpoint);
  *checkpoint = NULL;
}

const lks_checkpoint_header *lks_checkpoint_about(const lks_checkpoint *checkpoint)
{
  return &checkpoint->header;
}

int64_t lks_checkpoint_optimizer_steps(const lks_checkpoint *checkpoint)
{
  return checkpoint->steps;
}

static lks_status put(const lks_checkpoint *checkpoint, lks_network *network, lks_optimizer *optimizer)
{
  const lks_status status = lks_snapshot_compare(&checkpoint->snapshot, network, optimizer);
  if (status) return lks_fail_in(status, "%s: ", checkpoint->path);
  lks_snapshot_put(&checkpoint->snapshot, network, optimizer);
  return LKS_OK;
}

lks_status lks_checkpoint_put_all(const lks_checkpoint *checkpoint, lks_comm *comm, lks_network *network,
                                  lks_optimizer *optimizer)
{
  const bool root = lks_comm_rank(comm) == 0;
  const lks_status status = lks_comm_agree_all(comm, root ? put(checkpoint, network, optimizer) : LKS_OK);
  return status ? status : lks_state_broadcast_all(comm, network, optimizer);
}

lks_status lks_checkpoint_header_all(lks_checkpoint_header *header, lks_comm *comm, const char *path)
{
  lks_checkpoint *checkpoint = NULL;
  memset(header, 0, sizeof *header);
  const lks_status status = lks_checkpoint_open_all(&checkpoint, comm, path);
  if (status) return status;
  *header = checkpoint->header;
  checkpoint->header = (lks_checkpoint_header){0};
  lks_checkpoint_close(&checkpoint);
  return LKS_OK;
}

lks_status lks_checkpoint_load_all(lks_comm *comm, const char *path, lks_network *network,
                                   lks_optimizer *optimizer)
{
  lks_checkpoint *checkpoint = NULL;
  lks_status status = lks_checkpoint_open_all(&checkpoint, comm, path);
  if (!status) status = lks_checkpoint_put_all(checkpoint, comm, network, optimizer);
  lks_checkpoint_close(&checkpoint);
  return status;
}
