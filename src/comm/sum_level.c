#include "comm/sum_level.h"

#include <string.h>

#include "base/integers.h"
#include "sums/partition.h"

/* Elements are dealt out to the members in units of one cache line, and combined in chunks whose blocks stay
 * in cache. */
enum { UNIT = 16, CHUNK = 2048 };

/* The blocks of a member when there are `leaves` leaves; returns how many. */
static int blocks_of(lks_tree_block block[LKS_TREE_MAX_BLOCKS], const lks_sum_level *level, size_t leaves,
                     int member)
{
  size_t ranks = (size_t)level->ranks, span = (size_t)level->span;
  size_t from = (size_t)level->first + (size_t)member * span;
  size_t begin = lks_partition_begin(leaves, ranks, from),
         end = lks_partition_begin(leaves, ranks, from + span);
  return lks_tree_blocks(block, begin, end - begin);
}

lks_sum_level lks_sum_level_make(int rank, int size, int ranks, int first, int span, size_t max_leaves)
{
  lks_sum_level level = {.exchanges = MPI_COMM_NULL,
                         .gathers = MPI_COMM_NULL,
                         .rank = rank,
                         .size = size,
                         .ranks = ranks,
                         .first = first,
                         .span = span};
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  for (size_t leaves = 1; leaves <= max_leaves; leaves++) {
    size_t total = 0;
    for (int member = 0; member < size; member++) {
      size_t count = (size_t)blocks_of(block, &level, leaves, member);
      total += count;
      if ((member == rank || rank < 0) && count > level.max_own_blocks) level.max_own_blocks = count;
    }
    if (total > level.max_blocks) level.max_blocks = total;
  }
  return level;
}

lks_status lks_sum_level_connect_all(lks_sum_level *level, MPI_Comm parent, int color)
{
  int rank, code = MPI_Comm_rank(parent, &rank);
  if (code == MPI_SUCCESS) code = MPI_Comm_split(parent, color, rank, &level->exchanges);
  if (code == MPI_SUCCESS) code = MPI_Comm_split(parent, color, rank, &level->gathers);
  return lks_mpi_status(code, "MPI_Comm_split"); /* the error handler is inherited */
}

void lks_sum_level_disconnect_all(lks_sum_level *level)
{
  if (level->exchanges != MPI_COMM_NULL) MPI_Comm_free(&level->exchanges);
  if (level->gathers != MPI_COMM_NULL) MPI_Comm_free(&level->gathers);
}

void lks_sum_level_reserve(lks_sum_level *level, lks_arena *arena)
{
  lks_arena_reserve(arena, &level->block, level->max_blocks, sizeof *level->block);
  lks_arena_reserve(arena, &level->member_blocks, (size_t)level->size, sizeof *level->member_blocks);
}

static size_t slice_begin(size_t elements, int size, int member)
{
  size_t at = UNIT * lks_partition_begin(lks_divide_up(elements, UNIT), (size_t)size, (size_t)member);
  return lks_min(at, elements);
}

size_t lks_sum_stage_slice(const lks_sum_stage *stage, const lks_sum_level *level)
{
  return slice_begin(stage->max_elements, level->size, 1); /* the first one is a largest */
}

lks_status lks_sum_stage_reserve(lks_sum_stage *stage, const lks_sum_level *level, lks_arena *arena)
{
  size_t send = level->max_own_blocks * stage->max_elements,
         receive = level->max_blocks * lks_sum_stage_slice(stage, level);
  if (send == 0) send = 1; /* Open MPI takes equal addresses for MPI_IN_PLACE, here and not on other ranks */
  int checked;
  lks_status status = lks_mpi_count(&checked, lks_max(send, receive));
  if (status != LKS_OK) return status;
  lks_arena_reserve(arena, &stage->send, send, sizeof *stage->send);
  lks_arena_reserve(arena, &stage->receive, receive, sizeof *stage->receive);
  int **counts[] = {&stage->send_count, &stage->send_at,     &stage->receive_count,
                    &stage->receive_at, &stage->slice_count, &stage->slice_at};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    lks_arena_reserve(arena, counts[i], (size_t)level->size, sizeof **counts[i]);
  return LKS_OK;
}

void lks_sum_level_begin(lks_sum_level *level, size_t leaves)
{
  level->blocks = 0;
  for (int member = 0; member < level->size; member++) {
    lks_tree_block block[LKS_TREE_MAX_BLOCKS];
    int count = blocks_of(block, level, leaves, member);
    level->member_blocks[member] = count;
    for (int i = 0; i < count; i++) level->block[level->blocks++] = block[i];
  }
}

/* Where everything goes and comes from. Nothing is sent to this member itself: pack puts it in place. */
static void plan(lks_sum_stage *stage, const lks_sum_level *level)
{
  int own = level->rank, size = level->size, send_at = 0, receive_at = 0;
  for (int m = 0; m < size; m++) {
    stage->slice_at[m] = (int)slice_begin(stage->elements, size, m);
    stage->slice_count[m] = (int)slice_begin(stage->elements, size, m + 1) - stage->slice_at[m];
  }
  for (int m = 0; m < size; m++) {
    int received = level->member_blocks[m] * stage->slice_count[own];
    stage->send_count[m] = m == own ? 0 : level->member_blocks[own] * stage->slice_count[m];
    stage->receive_count[m] = m == own ? 0 : received;
    stage->send_at[m] = send_at;
    stage->receive_at[m] = receive_at;
    send_at += stage->send_count[m];
    receive_at += received;
  }
}

static void pack(lks_sum_stage *stage, const lks_sum_level *level, const lks_sum_vectors *own)
{
  for (int m = 0; m < level->size; m++) {
    size_t slice = (size_t)stage->slice_count[m];
    float *to = m == level->rank ? stage->receive + stage->receive_at[m] : stage->send + stage->send_at[m];
    for (int i = 0; i < own->count; i++)
      memcpy(to + (size_t)i * slice, own->vector + (size_t)i * own->stride + stage->slice_at[m],
             slice * sizeof *to);
  }
}

lks_status lks_sum_exchange_start_all(lks_sum_stage *stage, const lks_sum_level *level, lks_comm *comm,
                                      const lks_sum_vectors *own, size_t elements, float *out)
{
  stage->elements = elements;
  stage->out = out;
  plan(stage, level);
  pack(stage, level, own);
  int last = level->size - 1;
  size_t sent = (size_t)stage->send_at[last] + (size_t)stage->send_count[last];
  lks_comm_book(comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code =
      MPI_Ialltoallv(stage->send, stage->send_count, stage->send_at, MPI_FLOAT, stage->receive,
                     stage->receive_count, stage->receive_at, MPI_FLOAT, level->exchanges, &stage->exchange);
  return lks_mpi_status(code, "MPI_Ialltoallv");
}

/* Pushes elements at .. at+chunk-1 of the own slice of all blocks. */
static void push_chunk(lks_tree_stack *stack, const lks_sum_stage *stage, const lks_sum_level *level,
                       float *workspace, size_t at, size_t chunk)
{
  size_t slice = (size_t)stage->slice_count[level->rank];
  lks_tree_stack_begin(stack, workspace, chunk);
  for (size_t i = 0; i < level->blocks; i++) {
    memcpy(lks_tree_stack_top(stack), stage->receive + i * slice + at, chunk * sizeof(float));
    lks_tree_stack_push(stack, level->block[i].level, level->block[i].index);
  }
}

void lks_sum_combine(lks_sum_stage *stage, const lks_sum_level *level, float *workspace)
{
  size_t slice = (size_t)stage->slice_count[level->rank];
  float *out = stage->out + stage->slice_at[level->rank];
  for (size_t at = 0; at < slice; at += CHUNK) {
    lks_tree_stack stack;
    push_chunk(&stack, stage, level, workspace, at, slice - at < CHUNK ? slice - at : CHUNK);
    lks_tree_stack_root(out + at, &stack);
  }
}

lks_sum_vectors lks_sum_join(float *joined, const lks_sum_stage *stage, const lks_sum_level *level,
                             float *workspace)
{
  size_t slice = (size_t)stage->slice_count[level->rank];
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  size_t first = level->blocks ? level->block[0].index << level->block[0].level : 0, leaves = 0;
  for (size_t i = 0; i < level->blocks; i++) leaves += (size_t)1 << level->block[i].level;
  lks_sum_vectors vectors = {joined, slice, lks_tree_blocks(block, first, leaves)};
  for (size_t at = 0; at < slice; at += CHUNK) {
    size_t chunk = slice - at < CHUNK ? slice - at : CHUNK;
    lks_tree_stack stack;
    push_chunk(&stack, stage, level, workspace, at, chunk);
    for (int i = 0; i < stack.count; i++)
      memcpy(joined + (size_t)i * slice + at, workspace + (size_t)i * stack.stride, chunk * sizeof *joined);
  }
  return vectors;
}

lks_status lks_sum_gather_start_all(lks_sum_stage *stage, const lks_sum_level *level, lks_comm *comm)
{
  size_t sent = (size_t)stage->slice_count[level->rank] * (size_t)(level->size - 1);
  lks_comm_book(comm, LKS_TRAFFIC_GRADIENT, sent * sizeof(float));
  int code = MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, stage->out, stage->slice_count,
                             stage->slice_at, MPI_FLOAT, level->gathers, &stage->gather);
  return lks_mpi_status(code, "MPI_Iallgatherv");
}

/* A run of n leaves has at most two blocks of each size; one more is being pushed. */
size_t lks_sum_workspace(size_t max_leaves)
{
  size_t vectors = 2;
  for (size_t grow = 1; grow < max_leaves + 1; grow *= 2) vectors += 2;
  return vectors * CHUNK;
}
