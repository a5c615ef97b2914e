#ifndef LKS_COMM_GRADIENT_SUM_H
#define LKS_COMM_GRADIENT_SUM_H

#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/settings.h"
#include "sums/sum_tree.h"

/** Sums weight gradients over the microbatches of a mini-batch, bucket by bucket, while the backward pass
 *  goes on.
 *  LKS_REDUCE_TREE: the canonical tree. The element range of a bucket is split over the ranks;
 *  MPI_Ialltoallv brings every rank all ranks' blocks of its slice, which it combines in order;
 *  MPI_Iallgatherv spreads the slices. Where several nodes have the same number of ranks, more than one and
 * in a row, this is done first inside the nodes and then between them, so that a node sends a gradient over
 * the network once and not once a rank; the bits are the same. LKS_REDUCE_MPI: one MPI_Iallreduce in fp32
 * over the ranks' own sums; the bits then depend on the rank count. */
typedef struct lks_gradient_sum lks_gradient_sum;

/** Collective. `buckets` buckets a step at most, of max_elements[i] floats in bucket i; at most max_leaves
 *  microbatches a mini-batch. All memory is allocated here. Keeps comm (borrowed) and duplicates its
 *  communicator. */
lks_status lks_gradient_sum_create_all(lks_gradient_sum **sum, lks_comm *comm, lks_reduce reduce,
                                       size_t buckets, const size_t *max_elements, size_t max_leaves);
void lks_gradient_sum_destroy_all(lks_gradient_sum **sum);

/** Local. Whether it is not done inside the nodes first although ranks share nodes: they do not lie in blocks, or are not as many on
 * each. A node then sends as many gradients over the network as it has ranks. */
bool lks_gradient_sum_is_flat(const lks_gradient_sum *sum);

/** Local. 2 when it is done inside the nodes first, else 1. The environment variable LOCKSTEP_NODE_RANKS
 * pretends nodes of so many ranks, for tests and measurements; 1 makes it flat. */
int lks_gradient_sum_tiers(const lks_gradient_sum *sum);

/** Local. Bytes that this rank holds. */
size_t lks_gradient_sum_bytes(const lks_gradient_sum *sum);
/** Local. Bytes that any of `size` ranks would hold at most in one tier, counted without allocating them. */
lks_status lks_gradient_sum_footprint(size_t *bytes, lks_reduce reduce, size_t buckets,
                                      const size_t *max_elements, size_t max_leaves, int size);

/** Logically collective; leaves equal on all ranks. Begins a step over `leaves` microbatches; rank r's run of
 *  leaves is lks_partition_begin(leaves, size, r) .. (…, r+1). Leaves 0 is an error of the caller. */
void lks_gradient_sum_begin(lks_gradient_sum *sum, size_t leaves);

/** Collective, without waiting. Starts the sum of the next bucket from this rank's blocks of it; every rank
 *  starts the buckets in the same order, each once a step. The stack is copied or combined before this
 *  returns, so the caller may use it again; a rank with an empty shard passes an empty stack with the bucket's
 *  `elements`. out[elements] holds the sum after lks_gradient_sum_finish_all. */
lks_status lks_gradient_sum_start_all(lks_gradient_sum *sum, float *out, lks_tree_stack *stack);

/** Local. Starts what a bucket does next where its last exchange is complete; waits for nothing. To be called
 *  every so often between start and finish. */
void lks_gradient_sum_progress(lks_gradient_sum *sum);

/** Collective. Waits for every bucket that was started. */
lks_status lks_gradient_sum_finish_all(lks_gradient_sum *sum);

#endif
