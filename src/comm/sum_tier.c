#include "comm/sum_tier.h"

#include <string.h>

#include "base/integers.h"
#include "sums/partition.h"

/* Elements are dealt out to the members in units of one cache line, and combined in chunks whose blocks stay
 * in cache. */
enum { UNIT = 16, CHUNK = 2048 };

/* Up to so many pairs of leaves and members, the most blocks are counted; beyond that they are bounded. */
enum { PAIRS_MOST = 1 << 20 };

/* The blocks of a member when there are `leaves` leaves; returns how many. */
static int blocks_of(lks_tree_block block[LKS_TREE_MAX_BLOCKS], const lks_sum_tier *tier, size_t leaves,
                     int member)
{
  size_t ranks = (size_t)tier->ranks, span = (size_t)tier->span;
  size_t from = (size_t)tier->first + (size_t)member * span;
  size_t begin = lks_partition_begin(leaves, ranks, from),
         end = lks_partition_begin(leaves, ranks, from + span);
  return lks_tree_blocks(block, begin, end - begin);
}

static void count_most(lks_sum_tier *tier, size_t max_leaves)
{
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  for (size_t leaves = 1; leaves <= max_leaves; leaves++) {
    size_t total = 0;
    for (int member = 0; member < tier->size; member++) {
      size_t count = (size_t)blocks_of(block, tier, leaves, member);
      total += count;
      if ((member == tier->rank || tier->rank < 0) && count > tier->max_own_blocks)
        tier->max_own_blocks = count;
    }
    if (total > tier->max_blocks) tier->max_blocks = total;
  }
}

/* A run of n leaves has at most two blocks of each size up to n, and never more than leaves. */
static size_t most_blocks(size_t n)
{
  size_t blocks = 0;
  for (size_t size = 1; size <= n; size *= 2) blocks += 2;
  return lks_min(blocks, n);
}

/* Nearly as few as there are: ranks that many have few leaves each. */
static void bound_most(lks_sum_tier *tier, size_t max_leaves)
{
  const size_t own = lks_divide_up(max_leaves * (size_t)tier->span, (size_t)tier->ranks);
  tier->max_own_blocks = most_blocks(own);
  tier->max_blocks = lks_min(max_leaves, (size_t)tier->size * tier->max_own_blocks);
}

lks_sum_tier lks_sum_tier_make(int rank, int size, int ranks, int first, int span, size_t max_leaves)
{
  lks_sum_tier tier = {.exchanges = MPI_COMM_NULL,
                       .gathers = MPI_COMM_NULL,
                       .rank = rank,
                       .size = size,
                       .ranks = ranks,
                       .first = first,
                       .span = span};
  if (max_leaves <= PAIRS_MOST / (size_t)size)
    count_most(&tier, max_leaves);
  else
    bound_most(&tier, max_leaves);
  return tier;
}

lks_status lks_sum_tier_connect_all(lks_sum_tier *tier, MPI_Comm parent, int color)
{
  int rank, code = MPI_Comm_rank(parent, &rank);
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  if (code == MPI_SUCCESS) code = MPI_Comm_split(parent, color, rank, &tier->exchanges);
  if (code == MPI_SUCCESS) code = MPI_Comm_split(parent, color, rank, &tier->gathers);
  lks_life_go();
  return lks_mpi_status(code, "MPI_Comm_split"); /* the error handler is inherited */
}

void lks_sum_tier_disconnect_all(lks_sum_tier *tier)
{
  if (tier->exchanges != MPI_COMM_NULL) MPI_Comm_free(&tier->exchanges);
  if (tier->gathers != MPI_COMM_NULL) MPI_Comm_free(&tier->gathers);
}

void lks_sum_tier_reserve(lks_sum_tier *tier, lks_arena *arena)
{
  lks_arena_reserve(arena, &tier->block, tier->max_blocks, sizeof *tier->block);
  lks_arena_reserve(arena, &tier->member_blocks, (size_t)tier->size, sizeof *tier->member_blocks);
}

static size_t slice_begin(size_t elements, int size, int member)
{
  size_t at = UNIT * lks_partition_begin(lks_divide_up(elements, UNIT), (size_t)size, (size_t)member);
  return lks_min(at, elements);
}

size_t lks_sum_buffers_slice(const lks_sum_buffers *buffers, const lks_sum_tier *tier)
{
  return slice_begin(buffers->max_elements, tier->size, 1); /* the first one is a largest */
}

lks_status lks_sum_buffers_reserve(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_arena *arena)
{
  size_t send = tier->max_own_blocks * buffers->max_elements,
         receive = tier->max_blocks * lks_sum_buffers_slice(buffers, tier);
  /* Without elements, send would have the address of receive: Open MPI takes that for MPI_IN_PLACE, which the
   * other ranks did not pass. */
  if (send == 0) send = 1;
  int checked;
  lks_status status = lks_mpi_count(&checked, lks_max(send, receive));
  if (status) return status;
  lks_arena_reserve(arena, &buffers->send, send, sizeof *buffers->send);
  lks_arena_reserve(arena, &buffers->receive, receive, sizeof *buffers->receive);
  int **counts[] = {&buffers->send_count, &buffers->send_at,     &buffers->receive_count,
                    &buffers->receive_at, &buffers->slice_count, &buffers->slice_at};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    lks_arena_reserve(arena, counts[i], (size_t)tier->size, sizeof **counts[i]);
  return LKS_OK;
}

void lks_sum_tier_begin(lks_sum_tier *tier, size_t leaves)
{
  tier->blocks = 0;
  for (int member = 0; member < tier->size; member++) {
    lks_tree_block block[LKS_TREE_MAX_BLOCKS];
    int count = blocks_of(block, tier, leaves, member);
    tier->member_blocks[member] = count;
    for (int i = 0; i < count; i++) tier->block[tier->blocks++] = block[i];
  }
}

/* Where everything goes and comes from. Nothing is sent to this member itself: pack puts it in place. */
static void find_counts(lks_sum_buffers *buffers, const lks_sum_tier *tier)
{
  int own = tier->rank, size = tier->size, send_at = 0, receive_at = 0;
  for (int m = 0; m < size; m++) {
    buffers->slice_at[m] = (int)slice_begin(buffers->elements, size, m);
    buffers->slice_count[m] = (int)slice_begin(buffers->elements, size, m + 1) - buffers->slice_at[m];
  }
  for (int m = 0; m < size; m++) {
    int received = tier->member_blocks[m] * buffers->slice_count[own];
    buffers->send_count[m] = m == own ? 0 : tier->member_blocks[own] * buffers->slice_count[m];
    buffers->receive_count[m] = m == own ? 0 : received;
    buffers->send_at[m] = send_at;
    buffers->receive_at[m] = receive_at;
    send_at += buffers->send_count[m];
    receive_at += received;
  }
}

static void pack(lks_sum_buffers *buffers, const lks_sum_tier *tier, const lks_sum_vectors *own)
{
  for (int m = 0; m < tier->size; m++) {
    size_t slice = (size_t)buffers->slice_count[m];
    float *to =
        m == tier->rank ? buffers->receive + buffers->receive_at[m] : buffers->send + buffers->send_at[m];
    for (int i = 0; i < own->count; i++)
      memcpy(to + (size_t)i * slice, own->vector + (size_t)i * own->stride + buffers->slice_at[m],
             slice * sizeof *to);
  }
}

lks_status lks_sum_exchange_start_all(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_comm *comm,
                                      const lks_sum_vectors *own, size_t elements, float *out)
{
  buffers->elements = elements;
  buffers->out = out;
  find_counts(buffers, tier);
  pack(buffers, tier, own);
  int last = tier->size - 1;
  size_t sent = (size_t)buffers->send_at[last] + (size_t)buffers->send_count[last];
  lks_comm_book(comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code = MPI_Ialltoallv(buffers->send, buffers->send_count, buffers->send_at, MPI_FLOAT, buffers->receive,
                            buffers->receive_count, buffers->receive_at, MPI_FLOAT, tier->exchanges,
                            &buffers->exchange);
  return lks_mpi_status(code, "MPI_Ialltoallv");
}

/* Pushes elements at .. at+chunk-1 of the own slice of all blocks. */
static void push_chunk(lks_tree_stack *stack, const lks_sum_buffers *buffers, const lks_sum_tier *tier,
                       float *workspace, size_t at, size_t chunk)
{
  size_t slice = (size_t)buffers->slice_count[tier->rank];
  lks_tree_stack_begin(stack, workspace, chunk);
  for (size_t i = 0; i < tier->blocks; i++) {
    memcpy(lks_tree_stack_top(stack), buffers->receive + i * slice + at, chunk * sizeof(float));
    lks_tree_stack_push(stack, tier->block[i].height, tier->block[i].index);
  }
}

void lks_sum_combine(lks_sum_buffers *buffers, const lks_sum_tier *tier, float *workspace)
{
  size_t slice = (size_t)buffers->slice_count[tier->rank];
  float *out = buffers->out + buffers->slice_at[tier->rank];
  for (size_t at = 0; at < slice; at += CHUNK) {
    lks_tree_stack stack;
    push_chunk(&stack, buffers, tier, workspace, at, slice - at < CHUNK ? slice - at : CHUNK);
    lks_tree_stack_root(out + at, &stack);
  }
}

lks_sum_vectors lks_sum_join(float *joined, const lks_sum_buffers *buffers, const lks_sum_tier *tier,
                             float *workspace)
{
  size_t slice = (size_t)buffers->slice_count[tier->rank];
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  size_t first = tier->blocks ? tier->block[0].index << tier->block[0].height : 0, leaves = 0;
  for (size_t i = 0; i < tier->blocks; i++) leaves += (size_t)1 << tier->block[i].height;
  lks_sum_vectors vectors = {joined, slice, lks_tree_blocks(block, first, leaves)};
  for (size_t at = 0; at < slice; at += CHUNK) {
    size_t chunk = slice - at < CHUNK ? slice - at : CHUNK;
    lks_tree_stack stack;
    push_chunk(&stack, buffers, tier, workspace, at, chunk);
    for (int i = 0; i < stack.count; i++)
      memcpy(joined + (size_t)i * slice + at, workspace + (size_t)i * stack.stride, chunk * sizeof *joined);
  }
  return vectors;
}

lks_status lks_sum_gather_start_all(lks_sum_buffers *buffers, const lks_sum_tier *tier, lks_comm *comm)
{
  size_t sent = (size_t)buffers->slice_count[tier->rank] * (size_t)(tier->size - 1);
  lks_comm_book(comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code = MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buffers->out, buffers->slice_count,
                             buffers->slice_at, MPI_FLOAT, tier->gathers, &buffers->gather);
  return lks_mpi_status(code, "MPI_Iallgatherv");
}

/* A run of n leaves has at most two blocks of each size; one more is being pushed. */
size_t lks_sum_workspace(size_t max_leaves)
{
  size_t vectors = 2;
  for (size_t grow = 1; grow < max_leaves + 1; grow *= 2) vectors += 2;
  return vectors * CHUNK;
}
