#include <stdbool.h>
#include <stdio.h>

#include "comm/communicator.h"

enum { MESSAGE_BYTES = 1024 };

/* From best to worst, as lks_status_worse orders them. */
static const lks_status severity_order[] = {LKS_OK,     LKS_STOPPED,      LKS_ERR_USAGE, LKS_ERR_DATA,
                                            LKS_ERR_IO, LKS_ERR_DIVERGED, LKS_ERR_RANK};
enum { SEVERITIES = sizeof severity_order / sizeof *severity_order };

static int64_t severity_of(lks_status status)
{
  int64_t severity = 0;
  while (severity < SEVERITIES - 1 && severity_order[severity] != status) severity++;
  return severity;
}

/* The message of rank `source` becomes every rank's. */
static lks_status spread_message_all(lks_comm *comm, lks_status worst, int source, bool alike)
{
  char message[MESSAGE_BYTES] = "";
  if (comm->rank == source) {
    if (alike || *lks_message() == '\0') {
      snprintf(message, sizeof message, "%s", lks_message());
    } else {
      int prefix = snprintf(message, sizeof message, "rank %d on %s: ", comm->job_rank, comm->host);
      snprintf(message + prefix, sizeof message - (size_t)prefix, "%s", lks_message());
    }
  }
  int code = MPI_Bcast(message, MESSAGE_BYTES, MPI_CHAR, source, comm->all);
  if (code != MPI_SUCCESS) return lks_mpi_status(code, "MPI_Bcast");
  return lks_fail(worst, "%s", message);
}

lks_status lks_comm_agree_all(lks_comm *comm, lks_status status)
{
  /* Two maxima: the worst severity with its lowest rank, and the best severity with its sign turned. */
  int64_t severity = severity_of(status);
  int64_t most[2] = {severity * comm->size + (comm->size - 1 - comm->rank), -severity};
  lks_life_wait(LKS_WAIT_AGREEMENT);
  int code = MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, comm->all);
  lks_comm_book(comm, LKS_TRAFFIC_OTHER, sizeof most);
  lks_status agreed = lks_mpi_status(code, "MPI_Allreduce");
  int64_t worst = most[0] / comm->size;
  if (agreed == LKS_OK && worst > 0) {
    int source = comm->size - 1 - (int)(most[0] % comm->size);
    agreed = spread_message_all(comm, severity_order[worst], source, most[1] == -worst);
  }
  lks_life_go();
  return agreed;
}
