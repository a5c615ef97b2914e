#include "comm/gradient_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "comm/communicator.h"
#include "comm/sum_tier.h"

enum { TIERS = 2, PHASES = 2 * TIERS };

typedef struct bucket {
  lks_sum_buffers at[TIERS];
} bucket;

/* Exchanges go up the tiers and gathers down again; each of these phases takes the buckets in their order,
 * on a communicator of its own: a phase starts when the one before it is complete here, which may be earlier
 * or later than other ranks' next bucket. */
struct lks_gradient_sum {
  lks_comm *comm; /* borrowed */
  int rank, size;
  lks_reduce reduce;
  int tiers; /* 1: all ranks; 2: those of a node, then those with the same place on each node */
  int nodes; /* of all ranks */
  lks_sum_tier tier[TIERS];
  lks_arena *arena;
  bucket *bucket;
  size_t buckets, started, passed[PHASES]; /* how many buckets are through each phase */
  size_t max_leaves;
  float *workspace;  /* of the stack that combines one chunk */
  float *joined;     /* a node's blocks of one slice */
  lks_status status; /* the first failure of this step */
};

static bool has_tree(const lks_gradient_sum *sum)
{
  return sum->reduce == LKS_REDUCE_TREE && sum->size > 1;
}

/* Memory of the tree; the other reduction and a single rank work in the caller's. */
static lks_status reserve_tree(lks_gradient_sum *sum)
{
  size_t joined = 0;
  for (int t = 0; t < sum->tiers; t++) lks_sum_tier_reserve(&sum->tier[t], sum->arena);
  lks_arena_reserve(sum->arena, &sum->workspace, lks_sum_workspace(sum->max_leaves), sizeof(float));
  for (size_t i = 0; i < sum->buckets; i++) {
    lks_sum_buffers *buffers = sum->bucket[i].at;
    lks_status status = lks_sum_buffers_reserve(&buffers[0], &sum->tier[0], sum->arena);
    if (!status && sum->tiers > 1) {
      buffers[1].max_elements = lks_sum_buffers_slice(&buffers[0], &sum->tier[0]);
      status = lks_sum_buffers_reserve(&buffers[1], &sum->tier[1], sum->arena);
      size_t floats = sum->tier[1].max_own_blocks * buffers[1].max_elements;
      joined = lks_max(joined, floats);
    }
    if (status) return lks_fail_in(status, "gradients of a layer: ");
  }
  lks_arena_reserve(sum->arena, &sum->joined, joined, sizeof(float));
  return LKS_OK;
}

static lks_status allocate_buckets(lks_gradient_sum *sum, const size_t *max_elements)
{
  lks_status status = lks_arena_create(&sum->arena);
  if (status) return status;
  lks_arena_reserve(sum->arena, &sum->bucket, sum->buckets, sizeof *sum->bucket);
  status = lks_arena_commit(sum->arena);
  if (status) return status;
  for (size_t i = 0; i < sum->buckets; i++) {
    for (int t = 0; t < TIERS; t++)
      sum->bucket[i].at[t].exchange = sum->bucket[i].at[t].gather = MPI_REQUEST_NULL;
    sum->bucket[i].at[0].max_elements = max_elements[i];
  }
  return LKS_OK;
}

static lks_status allocate(lks_gradient_sum *sum, const size_t *max_elements)
{
  lks_status status = allocate_buckets(sum, max_elements);
  if (status || !has_tree(sum)) return status;
  status = reserve_tree(sum);
  return status ? status : lks_arena_commit(sum->arena);
}

/* One tier; or, when `on_node` ranks in a row share each of several nodes, two. rank may be negative. */
static void make_tiers(lks_gradient_sum *sum, int on_node)
{
  int rank = sum->rank, size = sum->size;
  bool nodes = has_tree(sum) && on_node > 1 && on_node < size && rank >= 0;
  sum->tiers = nodes ? 2 : 1;
  if (!nodes) {
    sum->tier[0] = lks_sum_tier_make(rank, size, size, 0, 1, sum->max_leaves);
    return;
  }
  int place = rank % on_node, node = rank / on_node;
  sum->tier[0] = lks_sum_tier_make(place, on_node, size, node * on_node, 1, sum->max_leaves);
  sum->tier[1] = lks_sum_tier_make(node, size / on_node, size, 0, on_node, sum->max_leaves);
}

lks_status lks_gradient_sum_footprint(size_t *bytes, lks_reduce reduce, size_t buckets,
                                      const size_t *max_elements, size_t max_leaves, int size)
{
  lks_gradient_sum sum = {
      .rank = -1, .size = size, .reduce = reduce, .buckets = buckets, .max_leaves = max_leaves};
  make_tiers(&sum, 1);
  lks_status status = allocate_buckets(&sum, max_elements);
  if (!status && has_tree(&sum)) status = reserve_tree(&sum);
  if (!status) *bytes = lks_arena_bytes(sum.arena) + lks_arena_reserved(sum.arena);
  lks_arena_destroy(&sum.arena);
  return status;
}

size_t lks_gradient_sum_bytes(const lks_gradient_sum *sum)
{
  return lks_arena_bytes(sum->arena);
}

int lks_gradient_sum_tiers(const lks_gradient_sum *sum)
{
  return sum->tiers;
}

bool lks_gradient_sum_is_flat(const lks_gradient_sum *sum)
{
  return has_tree(sum) && sum->tiers == 1 && sum->nodes > 1 && sum->nodes < sum->size;
}

static lks_status connect_all(lks_gradient_sum *sum)
{
  MPI_Comm all = sum->comm->all;
  if (sum->tiers == 1) return lks_sum_tier_connect_all(&sum->tier[0], all, 0);
  lks_status status = lks_sum_tier_connect_all(&sum->tier[0], all, sum->tier[1].rank);
  return status ? status : lks_sum_tier_connect_all(&sum->tier[1], all, sum->tier[0].rank);
}

/* Collective. How many ranks in a row share each node, when they are as many on all; else 1. Nodes may be
 * pretended. */
static lks_status ranks_on_node_all(int *on_node, int *nodes, lks_comm *comm)
{
  const char *pretended = getenv("LOCKSTEP_NODE_RANKS");
  int count = pretended != NULL ? atoi(pretended) : comm->node_size;
  *nodes = pretended != NULL && count > 0 ? (comm->size + count - 1) / count : comm->node_count;
  int place = pretended != NULL && count > 0 ? comm->rank % count : comm->node_rank;
  bool fits = count > 0 && comm->size % count == 0 && comm->rank % count == place;
  int most[2] = {fits ? count : comm->size + 1, fits ? -count : 0};
  lks_life_wait(LKS_WAIT_AGREEMENT);
  int code = MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT, MPI_MAX, comm->all);
  lks_life_go();
  bool same_nodes = most[0] <= comm->size && most[0] == -most[1];
  *on_node = same_nodes ? most[0] : 1;
  return lks_mpi_status(code, "MPI_Allreduce");
}

lks_status lks_gradient_sum_create_all(lks_gradient_sum **sum, lks_comm *comm, lks_reduce reduce,
                                       size_t buckets, const size_t *max_elements, size_t max_leaves)
{
  int on_node = 1, nodes = 1;
  lks_gradient_sum *made = lks_new(1, sizeof *made);
  lks_status status = made != NULL ? LKS_OK : LKS_ERR_RANK;
  lks_status asked = ranks_on_node_all(&on_node, &nodes, comm);
  if (made != NULL) {
    *made = (lks_gradient_sum){.comm = comm,
                               .rank = comm->rank,
                               .size = comm->size,
                               .reduce = reduce,
                               .buckets = buckets,
                               .nodes = nodes,
                               .max_leaves = max_leaves};
    make_tiers(made, on_node);
    status = allocate(made, max_elements);
  }
  status = lks_comm_agree_all(comm, lks_status_worse(status, asked));
  if (!status && made != NULL) status = connect_all(made);
  if (status) lks_gradient_sum_destroy_all(&made);
  *sum = made;
  return status;
}

void lks_gradient_sum_destroy_all(lks_gradient_sum **sum)
{
  if (*sum == NULL) return;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  for (int t = 0; t < (*sum)->tiers; t++) lks_sum_tier_disconnect_all(&(*sum)->tier[t]);
  lks_life_go();
  lks_arena_destroy(&(*sum)->arena);
  lks_free(*sum);
  *sum = NULL;
}

void lks_gradient_sum_begin(lks_gradient_sum *sum, size_t leaves)
{
  sum->started = 0;
  memset(sum->passed, 0, sizeof sum->passed);
  sum->status = LKS_OK;
  for (int t = 0; t < sum->tiers && has_tree(sum); t++) lks_sum_tier_begin(&sum->tier[t], leaves);
}

static lks_status start_mpi_all(lks_gradient_sum *sum, bucket *b, float *out, lks_tree_stack *stack)
{
  size_t elements = stack->elements;
  lks_tree_stack_root(out, stack); /* from the right, whatever run of leaves this is */
  lks_comm_book(sum->comm, LKS_TRAFFIC_GRADIENT, elements * sizeof(float));
  int n;
  lks_status status = lks_mpi_count(&n, elements);
  if (status) return status;
  int code = MPI_Iallreduce(MPI_IN_PLACE, out, n, MPI_FLOAT, MPI_SUM, sum->tier[0].gathers, &b->at[0].gather);
  return lks_mpi_status(code, "MPI_Iallreduce");
}

lks_status lks_gradient_sum_start_all(lks_gradient_sum *sum, float *out, lks_tree_stack *stack)
{
  bucket *b = &sum->bucket[sum->started++];
  lks_status status = LKS_OK;
  if (sum->size == 1)
    lks_tree_stack_root(out, stack);
  else if (sum->reduce == LKS_REDUCE_TREE) {
    const lks_sum_vectors own = {stack->workspace, stack->stride, stack->count};
    status = lks_sum_exchange_start_all(&b->at[0], &sum->tier[0], sum->comm, &own, stack->elements, out);
  } else
    status = start_mpi_all(sum, b, out, stack);
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

/* With two tiers: exchange 0, exchange 1, gather 1, gather 0. */
static bool is_exchange(const lks_gradient_sum *sum, int phase)
{
  return phase < sum->tiers;
}
static int tier_of(const lks_gradient_sum *sum, int phase)
{
  return is_exchange(sum, phase) ? phase : 2 * sum->tiers - 1 - phase;
}

/* What follows a phase of a bucket that is complete. */
static lks_status go_on_all(lks_gradient_sum *sum, bucket *b, int phase)
{
  int t = tier_of(sum, phase);
  lks_sum_buffers *buffers = &b->at[t];
  const lks_sum_tier *tier = &sum->tier[t];
  if (!has_tree(sum)) return LKS_OK;
  if (!is_exchange(sum, phase))
    return t > 0 ? lks_sum_gather_start_all(&b->at[t - 1], &sum->tier[t - 1], sum->comm) : LKS_OK;
  if (t + 1 == sum->tiers) {
    lks_sum_combine(buffers, tier, sum->workspace);
    return lks_sum_gather_start_all(buffers, tier, sum->comm);
  }
  const lks_sum_vectors own = lks_sum_join(sum->joined, buffers, tier, sum->workspace);
  return lks_sum_exchange_start_all(&b->at[t + 1], &sum->tier[t + 1], sum->comm, &own,
                                    (size_t)buffers->slice_count[tier->rank],
                                    buffers->out + buffers->slice_at[tier->rank]);
}

static void advance(lks_gradient_sum *sum, bool wait)
{
  for (int phase = 0; phase < 2 * sum->tiers; phase++) {
    const size_t ready = phase == 0 ? sum->started : sum->passed[phase - 1];
    for (; sum->passed[phase] < ready; sum->passed[phase]++) {
      bucket *b = &sum->bucket[sum->passed[phase]];
      lks_sum_buffers *buffers = &b->at[tier_of(sum, phase)];
      if (!is_done(sum, is_exchange(sum, phase) ? &buffers->exchange : &buffers->gather, wait)) break;
      sum->status = lks_status_worse(sum->status, go_on_all(sum, b, phase));
    }
  }
}

void lks_gradient_sum_progress(lks_gradient_sum *sum)
{
  advance(sum, false);
}

lks_status lks_gradient_sum_finish_all(lks_gradient_sum *sum)
{
  lks_life_wait(LKS_WAIT_GRADIENTS);
  advance(sum, true);
  lks_life_go();
  return sum->status;
}
