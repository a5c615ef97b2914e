#ifndef LKS_COMM_COMMUNICATOR_H
#define LKS_COMM_COMMUNICATOR_H

#include <stddef.h>

#include "base/life.h"
#include "lockstep/comm.h"

/* What the files of this room share. */

struct lks_comm {
  MPI_Comm all, node; /* owned */
  int rank, size, node_rank, node_size, node_count;
  int job_rank, node_ranks; /* of the whole that this is a part of: comm/split.h */
  char host[MPI_MAX_PROCESSOR_NAME];
  int *counts; /* [2*size], owned: room for gatherings, elements of each rank and where they begin */
  MPI_Request request[LKS_TRAFFICS]; /* the reduction under way of each kind, or MPI_REQUEST_NULL */
  lks_traffic_count traffic[LKS_TRAFFICS];
};

/** Local. LKS_OK, or LKS_ERR_RANK with the name of the MPI call and MPI_Error_string(code) in the message. */
lks_status lks_mpi_status(int code, const char *call);

/** Local. *count = elements, or LKS_ERR_RANK when an MPI count cannot hold it. */
lks_status lks_mpi_count(int *count, size_t elements);

/** Local. Books one call in the table of communication. */
void lks_comm_book(lks_comm *comm, lks_traffic traffic, size_t bytes);

/** Local. The stall watch of a communicator that ends, if it is that one's, ends too. */
void lks_stall_watch_forget(const lks_comm *comm);

#endif
