#include <limits.h>

#include "comm/communicator.h"

/* Every rank learns how much the others have, so that all refuse alike what MPI cannot count. */
static lks_status count_all(lks_comm *comm, size_t count)
{
  const int own = count > INT_MAX ? -1 : (int)count;
  int *counts = comm->counts, *begins = comm->counts + comm->size;
  size_t at = 0;
  int code = MPI_Allgather(&own, 1, MPI_INT, counts, 1, MPI_INT, comm->all);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "MPI_Allgather");
  for (int r = 0; r < comm->size; r++) {
    begins[r] = (int)at;
    at += counts[r] < 0 ? (size_t)INT_MAX + 1 : (size_t)counts[r];
    if (at > INT_MAX)
      return lks_fail(LKS_ERR_RANK, "the ranks have more than %d elements to be gathered in one call",
                      INT_MAX);
  }
  return LKS_OK;
}

static lks_status gather_all(lks_comm *comm, void *all, const void *mine, size_t size)
{
  const int *counts = comm->counts, *begins = comm->counts + comm->size;
  MPI_Datatype element;
  int code = MPI_Type_contiguous((int)size, MPI_BYTE, &element);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "MPI_Type_contiguous");
  code = MPI_Type_commit(&element);
  if (code == MPI_SUCCESS)
    code = MPI_Gatherv(mine, counts[comm->rank], element, all, counts, begins, element, 0, comm->all);
  MPI_Type_free(&element);
  return lks_mpi_status(code, "MPI_Gatherv");
}

lks_status lks_comm_gatherv_all(lks_comm *comm, void *all, const void *mine, size_t count, size_t size)
{
  lks_life_wait(LKS_WAIT_GATHER);
  lks_status status = count_all(comm, count);
  if (!status) status = gather_all(comm, all, mine, size);
  lks_life_go();
  if (!status) lks_comm_book(comm, LKS_TRAFFIC_OTHER, count * size);
  return status;
}
