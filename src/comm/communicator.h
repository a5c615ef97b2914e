#ifndef LKS_COMM_COMMUNICATOR_H
#define LKS_COMM_COMMUNICATOR_H

#include <stdatomic.h>
#include <stddef.h>

#include "lockstep/comm.h"

/* What the files of this room share. */

typedef struct lks_stall_watch lks_stall_watch;

struct lks_comm {
  MPI_Comm all, node; /* owned */
  int rank, size, node_rank, node_size, node_count;
  char host[MPI_MAX_PROCESSOR_NAME];
  MPI_Request request[LKS_TRAFFICS]; /* the reduction under way of each kind, or MPI_REQUEST_NULL */
  lks_traffic_count traffic[LKS_TRAFFICS];
  /* Written by the main thread alone, read by the stall watch: no clock is read on the way into a collective
   * call. */
  _Atomic(const char *) waiting; /* the collective operation this rank is inside of, or NULL */
  atomic_ulong entered;          /* operations entered so far */
  lks_stall_watch *watch;        /* NULL: no stall limit */
};

/** Local. LKS_OK, or LKS_ERR_RANK with the name of the MPI call and MPI_Error_string(code) in the message. */
lks_status lks_mpi_status(int code, const char *call);

/** Local. *count = elements, or LKS_ERR_RANK when an MPI count cannot hold it. */
lks_status lks_mpi_count(int *count, size_t elements);

/** Local. Books one call in the table of communication. */
void lks_comm_book(lks_comm *comm, lks_traffic traffic, size_t bytes);

/** Local. Tells the stall watch that this rank may wait for others from here on; `operation` is a string
 * literal that completes "waited for the other ranks in ...". */
static inline void lks_comm_enter(lks_comm *comm, const char *operation)
{
  unsigned long entered = atomic_load_explicit(&comm->entered, memory_order_relaxed);
  atomic_store_explicit(&comm->entered, entered + 1, memory_order_relaxed);
  atomic_store_explicit(&comm->waiting, operation, memory_order_release);
}

static inline void lks_comm_leave(lks_comm *comm)
{
  atomic_store_explicit(&comm->waiting, NULL, memory_order_release);
}

#endif
