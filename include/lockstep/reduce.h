#ifndef LOCKSTEP_REDUCE_H
#define LOCKSTEP_REDUCE_H

#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/* Reproducible reductions for MPI programs: the same bits with any number of ranks, any distribution of the terms,
 * any MPI library and any algorithm of its MPI_Allreduce. Sums and dot products of doubles are exact, and rounded once
 * (lockstep/exact_sum.h has the accumulators for sums that are made piece by piece); vectors of floats are added
 * along a canonical tree, at the cost of an ordinary sum. */

/** Collective; count as this rank has it, also 0. The exact sum of all ranks' values, rounded once. One MPI_Allreduce
 * of 56 bytes. *sum out, the same bits on all ranks; values [count] in.
 *  LKS_ERR_DIVERGED on all ranks, with a NaN, when a value is not finite or not below 2^80 in magnitude. What is
 * below 2^-112 is dropped from each value. */
lks_status lks_reduce_sum_all(lks_comm *comm, double *sum, const double *values, size_t count);

/** Collective; count as this rank has it, also 0. The exact dot product of two vectors that are dealt out over the
 * ranks, rounded once: products are not rounded. One MPI_Allreduce of 56 bytes. *dot out; a, b [count] in.
 *  LKS_ERR_DIVERGED as for lks_reduce_sum_all, of the products. */
lks_status lks_reduce_dot_all(lks_comm *comm, double *dot, const double *a, const double *b, size_t count);

/** Collective; count equal on all ranks. Element by element, the exact sum over the ranks, rounded once: what
 * MPI_Allreduce(MPI_SUM) of doubles means, in place. One MPI_Allreduce of 56 bytes an element. values [count] in/out.
 *  LKS_ERR_USAGE on all ranks when their counts differ; LKS_ERR_DIVERGED as above, with NaNs in those elements. */
lks_status lks_reduce_vector_all(lks_comm *comm, double *values, size_t count);

/** The sum of `leaves` vectors of floats, such as the gradients of the microbatches of a mini-batch, along the
 * canonical binary tree over them: leaf 2i with leaf 2i+1, and so on upwards. Each rank adds a contiguous run of the
 * leaves, which it has to compute itself. The bits depend on the leaves alone, and the cost is that of a sum in fp32;
 * for a power of two of ranks no more bytes travel than in a ring's MPI_Allreduce. */
typedef struct lks_tree_sum lks_tree_sum;

/** Collective; elements and max_leaves equal on all ranks. Creates a sum of vectors of so many floats, of up to
 * max_leaves leaves; all memory is allocated here. comm is borrowed and must outlive it. */
lks_status lks_tree_sum_create_all(lks_tree_sum **sum, lks_comm *comm, size_t elements, size_t max_leaves);

/** Collective. Destroys it; takes NULL, sets NULL. */
void lks_tree_sum_destroy_all(lks_tree_sum **sum);

/** Logically collective; leaves equal on all ranks, 1 to max_leaves. Begins a sum, and tells which leaves are this
 * rank's: count of them, which may be 0, from first on. LKS_ERR_USAGE for another number of leaves. */
lks_status lks_tree_sum_begin(lks_tree_sum *sum, size_t leaves, size_t *first, size_t *count);

/** Local. Adds the next of this rank's leaves, from its first one on; leaf [elements] is copied. */
void lks_tree_sum_add(lks_tree_sum *sum, const float *leaf);

/** Collective. Ends the sum: out [elements] is the sum of all leaves, the same bits on all ranks. LKS_ERR_USAGE on all
 * ranks when one has added more or fewer leaves than it was told to. */
lks_status lks_tree_sum_finish_all(lks_tree_sum *sum, float *out);

LKS_PUBLIC_END

#endif
