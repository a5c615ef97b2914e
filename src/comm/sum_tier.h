#ifndef LKS_COMM_SUM_TIER_H
#define LKS_COMM_SUM_TIER_H

#include "base/arena.h"
#include "comm/communicator.h"
#include "sums/sum_tree.h"

/** One tier of the sum of gradients: members who each hold the blocks of a run of leaves, and who deal the
 *  elements out among them. A member is a rank, or a node that its ranks have summed already. */
typedef struct lks_sum_tier {
  MPI_Comm exchanges, gathers; /* owned; on each, operations start in the order of the buckets */
  int rank, size;              /* of the members */
  int ranks, first, span; /* of all ranks, member m stands for first + m*span .. first + (m+1)*span - 1 */
  size_t max_blocks, max_own_blocks;
  lks_tree_block *block; /* all members' blocks of this step, in order */
  size_t blocks;
  int *member_blocks; /* [size] how many of them each member has */
} lks_sum_tier;

/** Vectors of floats, one a block. */
typedef struct lks_sum_vectors {
  const float *vector;
  size_t stride;
  int count;
} lks_sum_vectors;

/** The buffers of a bucket at one tier. */
typedef struct lks_sum_buffers {
  size_t max_elements, elements;
  float *out; /* [elements] where their sum goes */
  float *send,
      *receive; /* send: by other member, then by own block, its slice; receive: all blocks' own slice */
  int *send_count, *send_at; /* [size] each, of the exchange */
  int *receive_count, *receive_at;
  int *slice_count, *slice_at; /* [size], of the elements */
  MPI_Request exchange, gather;
} lks_sum_buffers;

/** Local. A tier among `size` members of which this rank is in number `rank` (negative: whichever has most),
 * without communicators; finds the most blocks that a step of up to max_leaves leaves can have. */
lks_sum_tier lks_sum_tier_make(int rank, int size, int ranks, int first, int span, size_t max_leaves);
/** Collective over all ranks of `parent`; ranks of equal `color` become the members, in order of their ranks.
 */
lks_status lks_sum_tier_connect_all(lks_sum_tier *tier, MPI_Comm parent, int color);
void lks_sum_tier_disconnect_all(lks_sum_tier *tier);

/** Local. Memory of a tier, and of a bucket of up to max_elements floats at it. */
void lks_sum_tier_reserve(lks_sum_tier *tier, lks_arena *arena);
lks_status lks_sum_buffers_reserve(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_arena *arena);
/** Local. Elements that a member gets at most. */
size_t lks_sum_buffers_slice(const lks_sum_buffers *buffers, const lks_sum_tier *tier);

/** Local. Begins a step over `leaves` leaves. */
void lks_sum_tier_begin(lks_sum_tier *tier, size_t leaves);

/** Collective over the members, no waiting. `own`: this member's blocks, copied before it returns. */
lks_status lks_sum_exchange_start_all(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_comm *comm,
                                      const lks_sum_vectors *own, size_t elements, float *out);
/** Local, after the exchange. This member's slice of out, from all blocks; they must be all leaves. workspace
 * [lks_sum_workspace]. */
void lks_sum_combine(lks_sum_buffers *buffers, const lks_sum_tier *tier, float *workspace);
/** Local, after the exchange. The blocks that all members together have, of this member's slice, into joined;
 * the vectors lie one after the other. */
lks_sum_vectors lks_sum_join(float *joined, const lks_sum_buffers *buffers, const lks_sum_tier *tier,
                             float *workspace);
/** Collective over the members, no waiting: all slices of out. */
lks_status lks_sum_gather_start_all(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_comm *comm);

/** Local. Floats of the workspace. */
size_t lks_sum_workspace(size_t max_leaves);

#endif
