#include "comm/communicator.h"

#include <limits.h>
#include <stdio.h>

#include "base/arena.h"
#include "comm/watch_table.h"

lks_status lks_mpi_status(int code, const char *call)
{
  if (code == MPI_SUCCESS) return LKS_OK;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) snprintf(text, sizeof text, "error %d", code);
  return lks_fail(LKS_ERR_RANK, "%s: %s", call, text);
}

lks_status lks_mpi_count(int *count, size_t elements)
{
  if (elements > INT_MAX)
    return lks_fail(LKS_ERR_RANK,
                    "%zu elements in one MPI call, at most %d are possible; use more, smaller parts",
                    elements, INT_MAX);
  *count = (int)elements;
  return LKS_OK;
}

void lks_comm_book(lks_comm *comm, lks_traffic traffic, size_t bytes)
{
  comm->traffic[traffic].calls++;
  comm->traffic[traffic].bytes += (int64_t)bytes;
}

static lks_status duplicate_all(MPI_Comm *own, MPI_Comm parent)
{
  lks_status status = lks_mpi_status(MPI_Comm_dup(parent, own), "MPI_Comm_dup");
  if (status) return status;
  return lks_mpi_status(MPI_Comm_set_errhandler(*own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

static lks_status split_node_all(lks_comm *comm)
{
  int code = MPI_Comm_split_type(comm->all, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &comm->node);
  lks_status status = lks_mpi_status(code, "MPI_Comm_split_type");
  if (status) return status;
  code = MPI_Comm_set_errhandler(comm->node, MPI_ERRORS_RETURN);
  if (code == MPI_SUCCESS) code = MPI_Comm_rank(comm->node, &comm->node_rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(comm->node, &comm->node_size);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "node communicator");
  comm->node_count = comm->node_rank == 0;
  comm->job_rank = comm->rank;
  comm->node_ranks = comm->node_size;
  code = MPI_Allreduce(MPI_IN_PLACE, &comm->node_count, 1, MPI_INT, MPI_SUM, comm->all);
  return lks_mpi_status(code, "MPI_Allreduce");
}

static lks_status fill_all(lks_comm *comm, MPI_Comm parent)
{
  lks_status status = duplicate_all(&comm->all, parent);
  if (status) return status;
  int length = 0;
  int code = MPI_Comm_rank(comm->all, &comm->rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_size(comm->all, &comm->size);
  if (code == MPI_SUCCESS) code = MPI_Get_processor_name(comm->host, &length);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "communicator");
  return split_node_all(comm);
}

static lks_status make_room(lks_comm *comm)
{
  comm->counts = lks_new(2 * (size_t)comm->size, sizeof *comm->counts);
  return comm->counts ? LKS_OK : LKS_ERR_RANK;
}

/* The first communicator of all ranks of the job gives each node its table. */
static lks_status watch_all(lks_comm *comm)
{
  int all = 0;
  const lks_status status = lks_mpi_status(MPI_Comm_size(MPI_COMM_WORLD, &all), "MPI_Comm_size");
  const bool wanted = all == comm->size && !lks_watch_table_of_node();
  return !status && wanted ? lks_watch_table_share_all(comm) : status;
}

lks_status lks_comm_create_all(lks_comm **comm, MPI_Comm parent)
{
  lks_comm *made = lks_new(1, sizeof *made);
  *comm = NULL;
  int ok = made != NULL;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  int code = MPI_Allreduce(MPI_IN_PLACE, &ok, 1, MPI_INT, MPI_MIN, parent);
  lks_life_go();
  if (code != MPI_SUCCESS || !ok || made == NULL) {
    lks_free(made);
    return code != MPI_SUCCESS ? lks_mpi_status(code, "MPI_Allreduce")
                               : lks_fail(LKS_ERR_RANK, "a rank has no memory for a communicator");
  }
  made->all = made->node = MPI_COMM_NULL;
  for (int i = 0; i < LKS_TRAFFICS; i++) made->request[i] = MPI_REQUEST_NULL;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  lks_status status = fill_all(made, parent);
  if (!status) status = watch_all(made);
  lks_life_go();
  if (!status) status = lks_comm_agree_all(made, make_room(made));
  if (status) lks_comm_destroy_all(&made);
  *comm = made;
  return status;
}

lks_status lks_comm_create_fortran_all(lks_comm **comm, MPI_Fint parent)
{
  return lks_comm_create_all(comm, MPI_Comm_f2c(parent));
}

void lks_comm_destroy_all(lks_comm **comm)
{
  if (*comm == NULL) return;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  if ((*comm)->node != MPI_COMM_NULL) MPI_Comm_free(&(*comm)->node);
  if ((*comm)->all != MPI_COMM_NULL) MPI_Comm_free(&(*comm)->all);
  lks_life_go();
  lks_stall_watch_forget(*comm);
  lks_free((*comm)->counts);
  lks_free(*comm);
  *comm = NULL;
}

int lks_comm_rank(const lks_comm *comm)
{
  return comm->rank;
}
int lks_comm_size(const lks_comm *comm)
{
  return comm->size;
}
int lks_comm_node_rank(const lks_comm *comm)
{
  return comm->node_rank;
}
int lks_comm_node_size(const lks_comm *comm)
{
  return comm->node_size;
}
int lks_comm_node_count(const lks_comm *comm)
{
  return comm->node_count;
}
MPI_Comm lks_comm_handle(const lks_comm *comm)
{
  return comm->all;
}
MPI_Comm lks_comm_node_handle(const lks_comm *comm)
{
  return comm->node;
}
const char *lks_comm_host(const lks_comm *comm)
{
  return comm->host;
}
lks_traffic_count lks_comm_traffic(const lks_comm *comm, lks_traffic traffic)
{
  return comm->traffic[traffic];
}
