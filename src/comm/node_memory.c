#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "comm/communicator.h"

struct lks_node_memory {
  MPI_Win window;
};

/* Open MPI lets the other ranks of the node hang when the folder that backs shared memory is too small (64 MB
 * in many containers), so the room is looked at first. */
static lks_status check_room(const lks_comm *comm, size_t bytes)
{
  const size_t margin = 1 << 20;
  const char *chosen = getenv("OMPI_MCA_osc_sm_backing_directory");
  const char *folder = chosen != NULL ? chosen : "/dev/shm";
  struct statvfs room;
  if (comm->node_size == 1 || statvfs(folder, &room) != 0) return LKS_OK;
  size_t available = (size_t)room.f_bavail * room.f_frsize;
  if (available > margin && bytes <= available - margin) return LKS_OK;
  return lks_fail(
      LKS_ERR_RANK,
      "%s on %s has room for %zu bytes of shared memory, %zu are needed; enlarge it, or name another folder in OMPI_MCA_osc_sm_backing_directory",
      folder, comm->host, available, bytes);
}

/* Every rank learns whether all ranks of the node can go on, and from the first that cannot, why: any other message would be
 * taken for that of the lowest rank. */
static lks_status agree_on_node_all(lks_comm *comm, lks_status status)
{
  char message[1024] = "";
  int first = status ? comm->node_rank : INT_MAX;
  int code = MPI_Allreduce(MPI_IN_PLACE, &first, 1, MPI_INT, MPI_MIN, comm->node);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "MPI_Allreduce");
  if (first == INT_MAX) return LKS_OK;
  if (comm->node_rank == first && first > 0)
    snprintf(message, sizeof message, "rank %d on %s: %s", comm->job_rank, comm->host, lks_message());
  else if (comm->node_rank == first)
    snprintf(message, sizeof message, "%s", lks_message());
  code = MPI_Bcast(message, sizeof message, MPI_CHAR, first, comm->node);
  return code == MPI_SUCCESS ? lks_fail(LKS_ERR_RANK, "%s", message) : lks_mpi_status(code, "MPI_Bcast");
}

static lks_status allocate_all(lks_node_memory *memory, void **block, lks_comm *comm, size_t bytes)
{
  void *base = NULL;
  MPI_Aint own = comm->node_rank == 0 ? (MPI_Aint)bytes : 0, size;
  int unit;
  int code = MPI_Win_allocate_shared(own, 1, MPI_INFO_NULL, comm->node, &base, &memory->window);
  if (code == MPI_SUCCESS) code = MPI_Win_shared_query(memory->window, 0, &size, &unit, block);
  return lks_mpi_status(code, "MPI_Win_allocate_shared");
}

lks_status lks_node_memory_create_all(lks_node_memory **memory, void **block, lks_comm *comm, size_t bytes)
{
  *memory = lks_new(1, sizeof **memory);
  lks_status status = *memory != NULL ? LKS_OK : LKS_ERR_RANK;
  if (!status && comm->node_rank == 0) status = check_room(comm, bytes);
  lks_life_wait(LKS_WAIT_NODE_MEMORY);
  status = agree_on_node_all(comm, status);
  if (!status && *memory != NULL) status = allocate_all(*memory, block, comm, bytes);
  lks_life_go();
  if (status) {
    lks_free(*memory);
    *memory = NULL;
    *block = NULL;
  }
  return status;
}

void lks_node_memory_destroy_all(lks_node_memory **memory)
{
  if (*memory == NULL) return;
  lks_life_wait(LKS_WAIT_NODE_MEMORY);
  MPI_Win_free(&(*memory)->window);
  lks_life_go();
  lks_free(*memory);
  *memory = NULL;
}

void lks_comm_node_barrier_all(lks_comm *comm)
{
  /* What MPI_Win_sync is for memory that processes share: stores before the barrier are seen after it. */
  atomic_thread_fence(memory_order_seq_cst);
  lks_life_wait(LKS_WAIT_NODE_BARRIER);
  MPI_Barrier(comm->node);
  lks_life_go();
  atomic_thread_fence(memory_order_seq_cst);
}
