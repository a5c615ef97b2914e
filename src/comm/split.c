#include "comm/split.h"

#include "comm/communicator.h"

lks_status lks_comm_split_all(lks_comm **part, lks_comm *whole, int color)
{
  MPI_Comm own = MPI_COMM_NULL;
  *part = NULL;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  const int code = MPI_Comm_split(whole->all, color < 0 ? MPI_UNDEFINED : color, whole->rank, &own);
  lks_life_go();
  lks_status status = lks_mpi_status(code, "MPI_Comm_split");
  if (!status && own != MPI_COMM_NULL) status = lks_comm_create_all(part, own);
  if (*part) {
    (*part)->job_rank = whole->job_rank;
    (*part)->node_ranks = whole->node_ranks;
  }
  if (own != MPI_COMM_NULL) MPI_Comm_free(&own);
  status = lks_comm_agree_all(whole, status);
  if (status) lks_comm_destroy_all(part);
  return status;
}

int lks_comm_job_rank(const lks_comm *comm)
{
  return comm->job_rank;
}

int lks_comm_node_ranks(const lks_comm *comm)
{
  return comm->node_ranks;
}

void lks_comm_wait_within(int part)
{
  lks_life *own = atomic_load(&lks_life_own);
  lks_life_beat();
  atomic_store(&own->part, part);
}
