#ifndef LOCKSTEP_COMM_H
#define LOCKSTEP_COMM_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/** A communicator of its own (duplicated once, freed by destroy), the ranks that share a node, and counters.
 *  Functions that end in _all are collective over it: every rank calls them, in the same order. */
typedef struct lks_comm lks_comm;

/** What is reduced, for the table of communication. */
typedef enum lks_traffic {
  LKS_TRAFFIC_NORM,
  LKS_TRAFFIC_GRADIENT,
  LKS_TRAFFIC_STEP,
  LKS_TRAFFIC_OTHER,
  LKS_TRAFFICS
} lks_traffic;

typedef struct lks_traffic_count {
  int64_t calls, bytes; /* bytes this rank gave into reductions and exchanges */
} lks_traffic_count;

/** Collective over parent. `parent` is duplicated; the caller keeps its own. */
lks_status lks_comm_create_all(lks_comm **comm, MPI_Comm parent);
/** Collective over parent. The same with the integer that Fortran has for a communicator (MPI_Comm_c2f, in mpi4py
 * comm.py2f()), which any language can hand over. */
lks_status lks_comm_create_fortran_all(lks_comm **comm, MPI_Fint parent);
/** Collective. Takes NULL, sets NULL. */
void lks_comm_destroy_all(lks_comm **comm);

/** Local. Numbers and names of this rank, its node and their communicators. */
int lks_comm_rank(const lks_comm *comm);
int lks_comm_size(const lks_comm *comm);
int lks_comm_node_rank(const lks_comm *comm); /* this rank among those of its node */
int lks_comm_node_size(const lks_comm *comm);
int lks_comm_node_count(const lks_comm *comm);
MPI_Comm lks_comm_handle(const lks_comm *comm);      /* borrowed */
MPI_Comm lks_comm_node_handle(const lks_comm *comm); /* borrowed */
const char *lks_comm_host(const lks_comm *comm);     /* borrowed */

/** Collective. The worst status of all ranks, equal on all; the message of the lowest rank that has it
 *  becomes lks_message() of every rank, with "rank R on HOST: " in front unless every rank has the same
 *  status. */
lks_status lks_comm_agree_all(lks_comm *comm, lks_status status);

/** Collective. Copies root's bytes to all ranks. Any size (split at INT_MAX). */
lks_status lks_comm_broadcast_all(lks_comm *comm, void *data, size_t bytes, int root);

/** Collective. out[ranks * bytes]: the bytes of each rank, in order of ranks, on all of them. */
lks_status lks_comm_gather_all(lks_comm *comm, void *out, const void *mine, size_t bytes);

/** Collective. limbs[count accumulators], in place: their exact sums over the ranks. One MPI_Allreduce. */
lks_status lks_comm_exact_sum_all(lks_comm *comm, int64_t *limbs, size_t count, lks_traffic traffic);

/** Collective. Starts the same sum and returns at once. The caller leaves limbs alone until lks_comm_wait_all
 *  has returned for this traffic. Each traffic has one sum under way at most, and all ranks start them in the
 *  same order. */
lks_status lks_comm_exact_sum_start_all(lks_comm *comm, int64_t *limbs, size_t count, lks_traffic traffic);
/** Collective. Waits until the sum of this traffic is in its limbs. */
lks_status lks_comm_wait_all(lks_comm *comm, lks_traffic traffic);

/** Collective. out[3*count]: minimum, average and maximum over the ranks of each values[i]. */
lks_status lks_comm_spread_all(lks_comm *comm, double *out, const double *values, size_t count);

/** Collective. values[count] of an MPI type, in place: the largest of all ranks. One MPI_Allreduce. */
lks_status lks_comm_max_all(lks_comm *comm, void *values, size_t count, MPI_Datatype type);

/** Collective. all, on rank 0 (not read on others): the `count` elements of `size` bytes each that every rank has in `mine`,
 *  in the order of the ranks. count may differ by rank, size may not. LKS_ERR_RANK on all ranks when there are more than
 *  INT_MAX elements. */
lks_status lks_comm_gatherv_all(lks_comm *comm, void *all, const void *mine, size_t count, size_t size);

/** Collective. True on every rank when all ranks gave the same 64 bits. */
bool lks_comm_equal_all(lks_comm *comm, uint64_t value);

/** Local. What was reduced and exchanged so far. */
lks_traffic_count lks_comm_traffic(const lks_comm *comm, lks_traffic traffic);

/** Local. From now on a rank that waits longer than `seconds` inside one collective call ends the program
 *  with code LKS_ERR_RANK and one message (rank, host, what it waited for): a stopped rank would otherwise
 *  never be noticed. 0: wait for ever. */
void lks_comm_stall_limit(lks_comm *comm, double seconds);

typedef struct lks_node_memory lks_node_memory;
/** Collective over the ranks of a node. One block of `bytes` that the ranks of a node share; *block points to
 *  the same memory on each. Written by node rank 0 between create and lks_comm_node_barrier_all. */
lks_status lks_node_memory_create_all(lks_node_memory **memory, void **block, lks_comm *comm, size_t bytes);
void lks_node_memory_destroy_all(lks_node_memory **memory);
void lks_comm_node_barrier_all(lks_comm *comm);

LKS_PUBLIC_END

#endif
