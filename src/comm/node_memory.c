#include <stdatomic.h>

#include "base/arena.h"
#include "comm/communicator.h"

struct lks_node_memory {
  MPI_Win window;
};

static lks_status allocate_all(lks_node_memory *memory, void **block, lks_comm *comm, size_t bytes)
{
  void *base = NULL;
  MPI_Aint own = comm->node_rank == 0 ? (MPI_Aint)bytes : 0, size;
  int unit;
  int code = MPI_Win_allocate_shared(own, 1, MPI_INFO_NULL, comm->node, &base, &memory->window);
  if (code == MPI_SUCCESS) code = MPI_Win_shared_query(memory->window, 0, &size, &unit, block);
  lks_status status = lks_mpi_status(code, "MPI_Win_allocate_shared");
  if (status == LKS_OK) return LKS_OK;
  return lks_fail_in(status, "%zu bytes of memory shared by the ranks of %s; see df /dev/shm: ", bytes,
                     comm->host);
}

lks_status lks_node_memory_create_all(lks_node_memory **memory, void **block, lks_comm *comm, size_t bytes)
{
  *block = NULL;
  *memory = lks_new(1, sizeof **memory);
  int ok = *memory != NULL;
  lks_comm_enter(comm, "the sharing of memory on a node");
  int code = MPI_Allreduce(MPI_IN_PLACE, &ok, 1, MPI_INT, MPI_MIN, comm->node);
  lks_status status = lks_mpi_status(code, "MPI_Allreduce");
  if (status == LKS_OK && !ok) status = lks_fail(LKS_ERR_RANK, "a rank of %s has no memory left", comm->host);
  if (status == LKS_OK) {
    (*memory)->window = MPI_WIN_NULL;
    status = allocate_all(*memory, block, comm, bytes);
  }
  lks_comm_leave(comm);
  if (status != LKS_OK) {
    lks_free(*memory);
    *memory = NULL;
  }
  return status;
}

void lks_node_memory_destroy_all(lks_node_memory **memory)
{
  if (*memory == NULL) return;
  MPI_Win_free(&(*memory)->window);
  lks_free(*memory);
  *memory = NULL;
}

void lks_comm_node_barrier_all(lks_comm *comm)
{
  /* What MPI_Win_sync is for memory that processes share: stores before the barrier are seen after it. */
  atomic_thread_fence(memory_order_seq_cst);
  lks_comm_enter(comm, "a barrier of the node");
  MPI_Barrier(comm->node);
  lks_comm_leave(comm);
  atomic_thread_fence(memory_order_seq_cst);
}
