#include "comm/gradient_sum.h"

#include <string.h>

#include "base/arena.h"
#include "comm/communicator.h"
#include "sums/partition.h"

/* Elements are dealt out to the ranks in units of one cache line, and combined in chunks whose blocks stay in
 * cache. */
enum { UNIT = 16, CHUNK = 2048 };

typedef struct bucket {
  size_t max_elements, elements;
  float *out; /* the caller's, [elements] */
  float *send,
      *receive; /* send: by other rank, then by own block, its slice; receive: all blocks' own slice */
  int *send_count, *send_at; /* [size] each, of the exchange */
  int *receive_count, *receive_at;
  int *slice_count, *slice_at; /* [size], of the elements */
  MPI_Request exchange, gather;
} bucket;

/* Buckets go through two phases, each in the order of the buckets on every rank, each on its own
 * communicator: a gather starts when the exchange before it is complete here, which may be earlier or later
 * than other ranks' next exchange. */
struct lks_gradient_sum {
  lks_comm *comm; /* borrowed */
  int rank, size;
  lks_reduce reduce;
  MPI_Comm exchanges, gathers; /* owned */
  lks_arena *arena;
  bucket *bucket;
  size_t buckets, started, exchanged, gathered; /* gathered <= exchanged <= started */
  size_t max_leaves, max_blocks, max_own_blocks;
  lks_tree_block *block; /* all ranks' blocks of this step, in order */
  size_t blocks;
  int *rank_blocks;  /* [size] how many of them each rank has */
  float *workspace;  /* of the stack that combines one chunk */
  lks_status status; /* the first failure of this step */
};

/* The blocks of rank `rank` when there are `leaves` leaves; returns how many. */
static int blocks_of(lks_tree_block block[LKS_TREE_MAX_BLOCKS], size_t leaves, int size, int rank)
{
  size_t first = lks_partition_begin(leaves, (size_t)size, (size_t)rank);
  size_t last = lks_partition_begin(leaves, (size_t)size, (size_t)rank + 1);
  return lks_tree_blocks(block, first, last - first);
}

/* The most blocks that all ranks together, and this one (any, if rank is negative), can have in a step. */
static void count_most_blocks(lks_gradient_sum *sum)
{
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  for (size_t leaves = 1; leaves <= sum->max_leaves; leaves++) {
    size_t total = 0;
    for (int rank = 0; rank < sum->size; rank++) {
      size_t count = (size_t)blocks_of(block, leaves, sum->size, rank);
      total += count;
      if ((rank == sum->rank || sum->rank < 0) && count > sum->max_own_blocks) sum->max_own_blocks = count;
    }
    if (total > sum->max_blocks) sum->max_blocks = total;
  }
}

static size_t slice_begin(size_t elements, int size, int rank)
{
  size_t at = UNIT * lks_partition_begin((elements + UNIT - 1) / UNIT, (size_t)size, (size_t)rank);
  return at < elements ? at : elements;
}

static lks_status reserve_bucket(lks_gradient_sum *sum, bucket *b)
{
  size_t size = (size_t)sum->size;
  size_t slice = slice_begin(b->max_elements, (int)size, 1); /* the first one is a largest */
  size_t send = sum->max_own_blocks * b->max_elements, receive = sum->max_blocks * slice;
  if (send == 0) send = 1; /* Open MPI takes equal addresses for MPI_IN_PLACE, here and not on other ranks */
  int checked;
  lks_status status = lks_mpi_count(&checked, send > receive ? send : receive);
  if (status != LKS_OK) return status;
  lks_arena_reserve(sum->arena, &b->send, send, sizeof *b->send);
  lks_arena_reserve(sum->arena, &b->receive, receive, sizeof *b->receive);
  int **counts[] = {&b->send_count, &b->send_at,     &b->receive_count,
                    &b->receive_at, &b->slice_count, &b->slice_at};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    lks_arena_reserve(sum->arena, counts[i], size, sizeof **counts[i]);
  return LKS_OK;
}

static bool has_tree(const lks_gradient_sum *sum)
{
  return sum->reduce == LKS_REDUCE_TREE && sum->size > 1;
}

/* Memory of the tree; the other reduction and a single rank work in the caller's. */
static lks_status reserve_tree(lks_gradient_sum *sum)
{
  size_t size = (size_t)sum->size;
  count_most_blocks(sum);
  lks_arena_reserve(sum->arena, &sum->block, sum->max_blocks, sizeof *sum->block);
  lks_arena_reserve(sum->arena, &sum->rank_blocks, size, sizeof *sum->rank_blocks);
  lks_arena_reserve(sum->arena, &sum->workspace, (size_t)lks_tree_capacity(0, sum->max_leaves) * CHUNK,
                    sizeof(float));
  for (size_t i = 0; i < sum->buckets; i++) {
    lks_status status = reserve_bucket(sum, &sum->bucket[i]);
    if (status != LKS_OK) return lks_fail_in(status, "gradients of a layer: ");
  }
  return LKS_OK;
}

static lks_status allocate_buckets(lks_gradient_sum *sum, const size_t *max_elements)
{
  lks_status status = lks_arena_create(&sum->arena);
  if (status != LKS_OK) return status;
  lks_arena_reserve(sum->arena, &sum->bucket, sum->buckets, sizeof *sum->bucket);
  status = lks_arena_commit(sum->arena);
  if (status != LKS_OK) return status;
  for (size_t i = 0; i < sum->buckets; i++) {
    sum->bucket[i].max_elements = max_elements[i];
    sum->bucket[i].exchange = sum->bucket[i].gather = MPI_REQUEST_NULL;
  }
  return LKS_OK;
}

static lks_status allocate(lks_gradient_sum *sum, const size_t *max_elements)
{
  lks_status status = allocate_buckets(sum, max_elements);
  if (status != LKS_OK || !has_tree(sum)) return status;
  status = reserve_tree(sum);
  return status == LKS_OK ? lks_arena_commit(sum->arena) : status;
}

lks_status lks_gradient_sum_footprint(size_t *bytes, lks_reduce reduce, size_t buckets,
                                      const size_t *max_elements, size_t max_leaves, int size)
{
  lks_gradient_sum sum = {
      .rank = -1, .size = size, .reduce = reduce, .buckets = buckets, .max_leaves = max_leaves};
  lks_status status = allocate_buckets(&sum, max_elements);
  if (status == LKS_OK && has_tree(&sum)) status = reserve_tree(&sum);
  if (status == LKS_OK) *bytes = lks_arena_bytes(sum.arena) + lks_arena_reserved(sum.arena);
  lks_arena_destroy(&sum.arena);
  return status;
}

size_t lks_gradient_sum_bytes(const lks_gradient_sum *sum)
{
  return lks_arena_bytes(sum->arena);
}

static lks_status duplicate_all(lks_gradient_sum *sum)
{
  int code = MPI_Comm_dup(sum->comm->all, &sum->exchanges);
  if (code == MPI_SUCCESS) code = MPI_Comm_dup(sum->comm->all, &sum->gathers);
  return lks_mpi_status(code, "MPI_Comm_dup"); /* the error handler is inherited */
}

lks_status lks_gradient_sum_create_all(lks_gradient_sum **sum, lks_comm *comm, lks_reduce reduce,
                                       size_t buckets, const size_t *max_elements, size_t max_leaves)
{
  lks_gradient_sum *made = lks_new(1, sizeof *made);
  lks_status status = LKS_ERR_RANK;
  if (made != NULL) {
    *made = (lks_gradient_sum){.comm = comm,
                               .rank = comm->rank,
                               .size = comm->size,
                               .reduce = reduce,
                               .exchanges = MPI_COMM_NULL,
                               .gathers = MPI_COMM_NULL,
                               .buckets = buckets,
                               .max_leaves = max_leaves};
    status = allocate(made, max_elements);
  }
  status = lks_comm_agree_all(comm, status);
  if (status == LKS_OK && made != NULL) status = duplicate_all(made);
  if (status != LKS_OK) lks_gradient_sum_destroy_all(&made);
  *sum = made;
  return status;
}

void lks_gradient_sum_destroy_all(lks_gradient_sum **sum)
{
  if (*sum == NULL) return;
  if ((*sum)->exchanges != MPI_COMM_NULL) MPI_Comm_free(&(*sum)->exchanges);
  if ((*sum)->gathers != MPI_COMM_NULL) MPI_Comm_free(&(*sum)->gathers);
  lks_arena_destroy(&(*sum)->arena);
  lks_free(*sum);
  *sum = NULL;
}

void lks_gradient_sum_begin(lks_gradient_sum *sum, size_t leaves)
{
  sum->started = sum->exchanged = sum->gathered = 0;
  sum->status = LKS_OK;
  if (sum->block == NULL) return;
  sum->blocks = 0;
  for (int rank = 0; rank < sum->size; rank++) {
    lks_tree_block block[LKS_TREE_MAX_BLOCKS];
    int count = blocks_of(block, leaves, sum->size, rank);
    sum->rank_blocks[rank] = count;
    for (int i = 0; i < count; i++) sum->block[sum->blocks++] = block[i];
  }
}

/* Where everything of this bucket goes and comes from. Nothing is sent to this rank itself: pack puts it in
 * place. */
static void plan(const lks_gradient_sum *sum, bucket *b)
{
  int rank = sum->rank, size = sum->size, send_at = 0, receive_at = 0;
  for (int r = 0; r < size; r++) {
    b->slice_at[r] = (int)slice_begin(b->elements, size, r);
    b->slice_count[r] = (int)slice_begin(b->elements, size, r + 1) - b->slice_at[r];
  }
  for (int r = 0; r < size; r++) {
    int received = sum->rank_blocks[r] * b->slice_count[rank];
    b->send_count[r] = r == rank ? 0 : sum->rank_blocks[rank] * b->slice_count[r];
    b->receive_count[r] = r == rank ? 0 : received;
    b->send_at[r] = send_at;
    b->receive_at[r] = receive_at;
    send_at += b->send_count[r];
    receive_at += received;
  }
}

static void pack(bucket *b, const lks_tree_stack *stack, int rank, int size)
{
  for (int r = 0; r < size; r++) {
    size_t slice = (size_t)b->slice_count[r];
    float *to = r == rank ? b->receive + b->receive_at[r] : b->send + b->send_at[r];
    for (int i = 0; i < stack->count; i++) {
      const float *vector = stack->workspace + (size_t)i * stack->stride;
      memcpy(to + (size_t)i * slice, vector + b->slice_at[r], slice * sizeof *to);
    }
  }
}

/* This rank's slice of the sum, from all ranks' blocks of it. */
static void combine(const lks_gradient_sum *sum, const bucket *b)
{
  size_t slice = (size_t)b->slice_count[sum->rank];
  float *out = b->out + b->slice_at[sum->rank];
  for (size_t at = 0; at < slice; at += CHUNK) {
    size_t chunk = slice - at < CHUNK ? slice - at : CHUNK;
    lks_tree_stack stack;
    lks_tree_stack_begin(&stack, sum->workspace, chunk);
    for (size_t i = 0; i < sum->blocks; i++) {
      memcpy(lks_tree_stack_top(&stack), b->receive + i * slice + at, chunk * sizeof *out);
      lks_tree_stack_push(&stack, sum->block[i].level, sum->block[i].index);
    }
    lks_tree_stack_root(out + at, &stack);
  }
}

static lks_status start_tree_all(lks_gradient_sum *sum, bucket *b, const lks_tree_stack *stack)
{
  plan(sum, b);
  int rank = sum->rank, last = sum->size - 1;
  pack(b, stack, rank, sum->size);
  size_t sent = (size_t)b->send_at[last] + (size_t)b->send_count[last];
  lks_comm_book(sum->comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code = MPI_Ialltoallv(b->send, b->send_count, b->send_at, MPI_FLOAT, b->receive, b->receive_count,
                            b->receive_at, MPI_FLOAT, sum->exchanges, &b->exchange);
  return lks_mpi_status(code, "MPI_Ialltoallv");
}

static lks_status start_gather_all(lks_gradient_sum *sum, bucket *b)
{
  combine(sum, b);
  size_t sent = (size_t)b->slice_count[sum->rank] * (size_t)(sum->size - 1);
  lks_comm_book(sum->comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code = MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, b->out, b->slice_count, b->slice_at,
                             MPI_FLOAT, sum->gathers, &b->gather);
  return lks_mpi_status(code, "MPI_Iallgatherv");
}

static lks_status start_mpi_all(lks_gradient_sum *sum, bucket *b, lks_tree_stack *stack)
{
  lks_tree_stack_root(b->out, stack); /* from the right, whatever run of leaves this is */
  lks_comm_book(sum->comm, LKS_TRAFFIC_GRADIENT, b->elements * sizeof(float));
  int n;
  lks_status status = lks_mpi_count(&n, b->elements);
  if (status != LKS_OK) return status;
  int code = MPI_Iallreduce(MPI_IN_PLACE, b->out, n, MPI_FLOAT, MPI_SUM, sum->gathers, &b->gather);
  return lks_mpi_status(code, "MPI_Iallreduce");
}

lks_status lks_gradient_sum_start_all(lks_gradient_sum *sum, float *out, lks_tree_stack *stack)
{
  bucket *b = &sum->bucket[sum->started++];
  b->out = out;
  b->elements = stack->elements;
  lks_status status = LKS_OK;
  if (sum->size == 1)
    lks_tree_stack_root(out, stack);
  else if (sum->reduce == LKS_REDUCE_TREE)
    status = start_tree_all(sum, b, stack);
  else
    status = start_mpi_all(sum, b, stack);
  sum->status = lks_status_worse(sum->status, status);
  return status;
}

/* Whether the request is done; if `wait`, not before it is. A failed one is done: it will never be more. */
static bool is_done(lks_gradient_sum *sum, MPI_Request *request, bool wait)
{
  int done = 1;
  int code = wait ? MPI_Wait(request, MPI_STATUS_IGNORE) : MPI_Test(request, &done, MPI_STATUS_IGNORE);
  if (code == MPI_SUCCESS) return done != 0;
  sum->status = lks_mpi_status(code, wait ? "MPI_Wait" : "MPI_Test");
  return true;
}

static void advance(lks_gradient_sum *sum, bool wait)
{
  for (; sum->exchanged < sum->started; sum->exchanged++) {
    bucket *b = &sum->bucket[sum->exchanged];
    if (!is_done(sum, &b->exchange, wait)) break;
    if (sum->block != NULL) sum->status = lks_status_worse(sum->status, start_gather_all(sum, b));
  }
  while (sum->gathered < sum->exchanged && is_done(sum, &sum->bucket[sum->gathered].gather, wait))
    sum->gathered++;
}

void lks_gradient_sum_progress(lks_gradient_sum *sum)
{
  advance(sum, false);
}

lks_status lks_gradient_sum_finish_all(lks_gradient_sum *sum)
{
  lks_comm_enter(sum->comm, "the sum of gradients");
  advance(sum, true);
  lks_comm_leave(sum->comm);
  return sum->status;
}
