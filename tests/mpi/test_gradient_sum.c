#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "comm/communicator.h"
#include "comm/gradient_sum.h"
#include "sums/partition.h"
#include "support/mpi_test.h"

enum { MAX_LEAVES = 20, BUCKETS = 5 };
static const size_t bucket_elements[BUCKETS] = {1, 15, 16, 1000, 70001};

/* Element e of leaf i in bucket b: of either sign and of magnitudes 2^-8 to 2^8, so that every order rounds
 * otherwise. */
static void fill_leaf(float *leaf, size_t elements, size_t i, size_t b)
{
  uint64_t state = (i * BUCKETS + b + 1) * UINT64_C(0x9E3779B97F4A7C15);
  for (size_t e = 0; e < elements; e++) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    float unit = (float)(state >> 40) / 8388608.0F - 1.0F;
    leaf[e] = ldexpf(unit, (int)(state >> 33 & 15) - 8);
  }
}

/* Leaves [first, last) of bucket b, summed by a stack. The workspace is made with lks_new and owned by the
 * caller. */
static float *sum_leaves(lks_tree_stack *stack, size_t first, size_t last, size_t b)
{
  size_t elements = bucket_elements[b];
  size_t vectors = 2; /* growing blocks, then shrinking ones, and the next leaf */
  for (size_t n = last - first; n > 0; n /= 2) vectors += 2;
  float *workspace = lks_new(vectors * lks_tree_stride(elements), sizeof *workspace);
  if (workspace == NULL) return NULL;
  lks_tree_stack_begin(stack, workspace, elements);
  for (size_t i = first; i < last; i++) {
    fill_leaf(lks_tree_stack_top(stack), elements, i, b);
    lks_tree_stack_push(stack, 0, i);
  }
  return workspace;
}

/* The root over all leaves by its definition, one element at a time: leaf[i] are the values of one element.
 */
static float root_of(const float *leaf, size_t begin, size_t width, size_t leaves)
{
  if (width == 1) return leaf[begin];
  float left = root_of(leaf, begin, width / 2, leaves);
  size_t middle = begin + width / 2;
  return middle < leaves ? left + root_of(leaf, middle, width / 2, leaves) : left;
}

/* sum[elements]: what one process gets for bucket b, from the definition alone. */
static bool sum_alone(float *sum, size_t leaves, size_t b)
{
  size_t elements = bucket_elements[b], width = 1;
  while (width < leaves) width *= 2;
  float *all = lks_new(leaves * elements, sizeof *all);
  if (all == NULL) return false;
  for (size_t i = 0; i < leaves; i++) fill_leaf(all + i * elements, elements, i, b);
  for (size_t e = 0; e < elements; e++) {
    float leaf[MAX_LEAVES];
    for (size_t i = 0; i < leaves; i++) leaf[i] = all[i * elements + e];
    sum[e] = root_of(leaf, 0, width, leaves);
  }
  lks_free(all);
  return true;
}

typedef struct step {
  float *out[BUCKETS];
  long made; /* allocations between begin and finish, those of the leaves not counted */
  lks_status status;
} step;

static bool step_create(step *s)
{
  bool ok = true;
  for (size_t b = 0; b < BUCKETS; b++) {
    s->out[b] = lks_new(bucket_elements[b], sizeof(float));
    ok = ok && s->out[b] != NULL;
  }
  return ok;
}

static void step_destroy(step *s)
{
  for (size_t b = 0; b < BUCKETS; b++) lks_free(s->out[b]);
}

/* One step with all buckets in flight. Odd ranks look after their reductions, even ranks leave them alone. */
static void run_step_all(step *s, lks_gradient_sum *sum, lks_comm *comm, size_t leaves)
{
  size_t rank = (size_t)lks_comm_rank(comm), size = (size_t)lks_comm_size(comm);
  size_t first = lks_partition_begin(leaves, size, rank), last = lks_partition_begin(leaves, size, rank + 1);
  s->status = LKS_OK;
  s->made = 0;
  lks_gradient_sum_begin(sum, leaves);
  for (size_t b = 0; b < BUCKETS; b++) {
    lks_tree_stack stack;
    float *workspace = sum_leaves(&stack, first, last, b);
    long before = lks_allocations_made();
    s->status = lks_status_worse(s->status, lks_gradient_sum_start_all(sum, s->out[b], &stack));
    for (int i = 0; i < 20 && rank % 2 == 1; i++) lks_gradient_sum_progress(sum);
    s->made += lks_allocations_made() - before;
    lks_free(workspace); /* the stack may be reused, so its vectors may go */
  }
  long before = lks_allocations_made();
  s->status = lks_status_worse(s->status, lks_gradient_sum_finish_all(sum));
  s->made += lks_allocations_made() - before;
}

/* Steps of 1 to max_leaves leaves, growing and shrinking, give the bits of one process; on few ranks and on
 * more than leaves. */
static void run_tree_all(lks_comm *comm, size_t max_leaves)
{
  lks_gradient_sum *sum;
  step s;
  float *alone = lks_new(bucket_elements[BUCKETS - 1], sizeof *alone);
  lks_assert_all(comm, step_create(&s) && alone != NULL);
  lks_assert_ok_all(
      comm, lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_TREE, BUCKETS, bucket_elements, max_leaves));
  for (size_t i = 0; i < max_leaves; i++) {
    size_t leaves = 1 + i * 7 % max_leaves;
    run_step_all(&s, sum, comm, leaves);
    bool ok = s.status == LKS_OK && s.made == 0;
    for (size_t b = 0; b < BUCKETS; b++) {
      ok = ok && sum_alone(alone, leaves, b);
      ok = ok && memcmp(alone, s.out[b], bucket_elements[b] * sizeof *alone) == 0;
    }
    lks_assert_all(comm, ok);
  }
  lks_gradient_sum_destroy_all(&sum);
  lks_assert_all(comm, sum == NULL);
  lks_free(alone);
  step_destroy(&s);
}

static void test_tree_has_the_bits_of_one_process(lks_comm *comm)
{
  run_tree_all(comm, MAX_LEAVES);
}

/* No step has anything for some ranks to send. */
static void test_ranks_without_leaves(lks_comm *comm)
{
  run_tree_all(comm, 1);
  run_tree_all(comm, 2);
}

/* Inside pretended nodes first, and then between them, wherever they have equally many ranks in a row. */
static void test_nodes_change_no_bit(lks_comm *comm)
{
  int size = lks_comm_size(comm);
  for (int on_node = 1; on_node <= 3; on_node++) {
    lks_gradient_sum *sum;
    char text[8];
    snprintf(text, sizeof text, "%d", on_node);
    setenv("LOCKSTEP_NODE_RANKS", text, 1);
    lks_assert_ok_all(
        comm, lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_TREE, BUCKETS, bucket_elements, MAX_LEAVES));
    int tiers = lks_gradient_sum_tiers(sum);
    lks_gradient_sum_destroy_all(&sum);
    lks_assert_all(comm, tiers == (on_node > 1 && on_node < size && size % on_node == 0 ? 2 : 1));
    run_tree_all(comm, MAX_LEAVES);
    run_tree_all(comm, 2);
    unsetenv("LOCKSTEP_NODE_RANKS");
  }
}

/* Tiers, and the bits of one process, where `comm` is told that this rank is number `place` of the `count`
 * ranks of a node. */
static void run_on_nodes_all(lks_comm *comm, int count, int place, int tiers)
{
  lks_gradient_sum *sum;
  lks_comm *told;
  lks_assert_ok_all(comm, lks_comm_create_all(&told, lks_comm_handle(comm)));
  told->node_size = count;
  told->node_rank = place;
  lks_assert_ok_all(
      comm, lks_gradient_sum_create_all(&sum, told, LKS_REDUCE_TREE, BUCKETS, bucket_elements, MAX_LEAVES));
  const int found = lks_gradient_sum_tiers(sum);
  lks_gradient_sum_destroy_all(&sum);
  lks_assert_all(comm, found == tiers);
  run_tree_all(told, 9);
  lks_comm_destroy_all(&told);
}

/* Two tiers where nodes have equally many ranks in a row, one where ranks are dealt out to the nodes in
 * turns, or where nodes differ in size; the right sums everywhere. */
static void test_ranks_of_a_node_not_in_a_row(lks_comm *comm)
{
  const int size = lks_comm_size(comm), rank = lks_comm_rank(comm);
  for (int nodes = 2; nodes < size; nodes++) {
    if (size % nodes != 0) continue;
    const int count = size / nodes;
    run_on_nodes_all(comm, count, rank % count, 2);
    run_on_nodes_all(comm, count, rank / nodes, 1); /* 0,2 | 1,3 */
  }
  if (size == 1) return;
  const bool last = rank == size - 1, pair = rank >= size - 2;
  run_on_nodes_all(comm, last ? 1 : size - 1, last ? 0 : rank, 1);
  if (size > 2) run_on_nodes_all(comm, pair ? 2 : 1, pair ? rank - (size - 2) : 0, 1); /* 0 | 1 | 2,3 */
}

/* The other reduction is a sum as well, but not always this one: the test above can fail. */
static void test_mpi_is_near_and_not_the_same(lks_comm *comm)
{
  lks_gradient_sum *sum;
  step s;
  size_t elements = bucket_elements[BUCKETS - 1], differ = 0;
  float *alone = lks_new(elements, sizeof *alone);
  lks_assert_all(comm, step_create(&s) && alone != NULL);
  lks_assert_ok_all(
      comm, lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_MPI, BUCKETS, bucket_elements, MAX_LEAVES));
  bool ok = true;
  for (size_t leaves = 1; leaves <= MAX_LEAVES; leaves += 6) {
    run_step_all(&s, sum, comm, leaves);
    ok = ok && !s.status && s.made == 0 && sum_alone(alone, leaves, BUCKETS - 1);
    /* Each of `leaves` roundings is at most half a unit in the last place of a partial sum below leaves *
     * 2^7. */
    float bound = (float)leaves * ldexpf((float)leaves, 7 - 24);
    for (size_t e = 0; e < elements; e++) {
      ok = ok && fabsf(s.out[BUCKETS - 1][e] - alone[e]) <= bound;
      differ += s.out[BUCKETS - 1][e] != alone[e];
    }
  }
  lks_assert_all(comm, ok);
  lks_assert_all(comm, lks_comm_size(comm) != 3 || differ > 0);
  lks_assert_all(comm, lks_comm_size(comm) != 1 || differ == 0);
  lks_gradient_sum_destroy_all(&sum);
  lks_free(alone);
  step_destroy(&s);
}

/* For a power-of-two rank count no more bytes leave a rank than in a ring allreduce: 2 (size-1)/size of the
 * vector. */
static void test_bytes(lks_comm *comm)
{
  int size = lks_comm_size(comm);
  if ((size & (size - 1)) != 0) return;
  lks_gradient_sum *sum;
  step s;
  lks_assert_all(comm, step_create(&s));
  lks_assert_ok_all(
      comm, lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_TREE, BUCKETS, bucket_elements, MAX_LEAVES));
  int64_t before = lks_comm_traffic(comm, LKS_TRAFFIC_GRADIENT).bytes, elements = 0;
  run_step_all(&s, sum, comm, 16);
  int64_t bytes = lks_comm_traffic(comm, LKS_TRAFFIC_GRADIENT).bytes - before;
  for (size_t b = 0; b < BUCKETS; b++) elements += (int64_t)bucket_elements[b] + 16 * size;
  lks_assert_all(comm, s.status == LKS_OK && bytes <= 2 * (size - 1) * elements / size * 4);
  lks_gradient_sum_destroy_all(&sum);
  step_destroy(&s);
}

/* A bucket that no MPI count can address is refused on every rank, with nothing left behind. */
static void test_bucket_too_large(lks_comm *comm)
{
  if (lks_comm_size(comm) == 1) return;
  lks_gradient_sum *sum;
  const size_t huge = (size_t)1 << 40;
  lks_status status = lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_TREE, 1, &huge, MAX_LEAVES);
  lks_assert_all(comm, status == LKS_ERR_RANK && sum == NULL);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_tree_has_the_bits_of_one_process),
    LKS_MPI_TEST(test_ranks_without_leaves),
    LKS_MPI_TEST(test_nodes_change_no_bit),
    LKS_MPI_TEST(test_ranks_of_a_node_not_in_a_row),
    LKS_MPI_TEST(test_mpi_is_near_and_not_the_same),
    LKS_MPI_TEST(test_bytes),
    LKS_MPI_TEST(test_bucket_too_large),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
