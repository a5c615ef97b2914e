#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "comm/gradient_sum.h"
#include "lockstep/exact_sum.h"
#include "lockstep/profile.h"
#include "sums/partition.h"

/* Reductions in pairs, A B A B ..., in one run: the canonical tree against MPI_Allreduce in fp32, and the
 * exact sum against the plain MPI_Allreduce inside it. Medians over the repetitions of the slowest rank's
 * time.
 *
 *   mpirun -np N bench_reduce [LEAVES]        default: 16 */

enum { REPEATS = 41 };

typedef struct pair {
  lks_comm *comm;
  lks_gradient_sum *tree;
  size_t elements, leaves;
  float *workspace, *vector;
  int64_t *limbs;
} pair;

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds)
{
  qsort(seconds, REPEATS, sizeof *seconds, compare);
  return seconds[REPEATS / 2];
}

/* This rank's blocks, all of ones: computing leaves is not what is measured. */
static void fill(lks_tree_stack *stack, const pair *p)
{
  size_t rank = (size_t)lks_comm_rank(p->comm), size = (size_t)lks_comm_size(p->comm);
  size_t first = lks_partition_begin(p->leaves, size, rank),
         last = lks_partition_begin(p->leaves, size, rank + 1);
  lks_tree_stack_begin(stack, p->workspace, p->elements);
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
  int blocks = lks_tree_blocks(block, first, last - first);
  for (int b = 0; b < blocks; b++) lks_tree_stack_push(stack, block[b].height, block[b].index);
}

static void sum_tree(pair *p)
{
  lks_tree_stack stack;
  fill(&stack, p);
  lks_gradient_sum_begin(p->tree, p->leaves);
  lks_gradient_sum_start_all(p->tree, p->vector, &stack);
  lks_gradient_sum_finish_all(p->tree);
}

static void sum_plain(pair *p)
{
  MPI_Allreduce(MPI_IN_PLACE, p->vector, (int)p->elements, MPI_FLOAT, MPI_SUM, lks_comm_handle(p->comm));
}

static void sum_exact(pair *p)
{
  lks_comm_exact_sum_all(p->comm, p->limbs, p->elements / LKS_EXACT_LIMBS, LKS_TRAFFIC_NORM);
}

static void sum_plain_exact(pair *p)
{
  int n = (int)(p->elements / LKS_EXACT_LIMBS * LKS_EXACT_LIMBS);
  MPI_Allreduce(MPI_IN_PLACE, p->limbs, n, MPI_INT64_T, MPI_SUM, lks_comm_handle(p->comm));
}

/* The time of `calls` calls on the slowest rank, for one call. */
static double time_all(pair *p, void (*run)(pair *), int calls)
{
  MPI_Barrier(MPI_COMM_WORLD);
  double begin = lks_seconds();
  for (int i = 0; i < calls; i++) run(p);
  double seconds = (lks_seconds() - begin) / calls;
  MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return seconds;
}

static void report_pair(pair *p, const char *what, size_t bytes, void (*ours)(pair *), void (*plain)(pair *),
                        int calls)
{
  double a[REPEATS], b[REPEATS];
  for (int i = 0; i < REPEATS; i++) {
    a[i] = time_all(p, ours, calls);
    b[i] = time_all(p, plain, calls);
  }
  double ours_median = median(a), plain_median = median(b);
  lks_say("%-10s %9zu bytes  ours %9.1f us  MPI_Allreduce %9.1f us  ratio %.2f", what, bytes,
          1e6 * ours_median, 1e6 * plain_median, ours_median / plain_median);
}

static lks_status bench_tree_all(pair *p)
{
  lks_status status =
      lks_gradient_sum_create_all(&p->tree, p->comm, LKS_REDUCE_TREE, 1, &p->elements, p->leaves);
  if (status) return status;
  p->workspace = lks_new((size_t)LKS_TREE_MAX_BLOCKS * lks_tree_stride(p->elements), sizeof(float));
  p->vector = lks_new(p->elements, sizeof(float));
  status = lks_comm_agree_all(p->comm, p->workspace && p->vector ? LKS_OK : LKS_ERR_RANK);
  if (!status) report_pair(p, "tree", p->elements * sizeof(float), sum_tree, sum_plain, 1);
  lks_free(p->workspace);
  lks_free(p->vector);
  lks_gradient_sum_destroy_all(&p->tree);
  return status;
}

static lks_status bench_exact_all(pair *p)
{
  p->limbs = lks_new(p->elements, sizeof *p->limbs);
  lks_status status = lks_comm_agree_all(p->comm, p->limbs ? LKS_OK : LKS_ERR_RANK);
  if (!status) report_pair(p, "exact sum", p->elements * sizeof(int64_t), sum_exact, sum_plain_exact, 50);
  lks_free(p->limbs);
  return status;
}

int main(int argc, char **argv)
{
  int provided;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  pair p = {.leaves = argc > 1 ? strtoul(argv[1], NULL, 10) : 16};
  lks_status status = lks_comm_create_all(&p.comm, MPI_COMM_WORLD);
  if (!status) {
    lks_log_enable(lks_comm_rank(p.comm) == 0);
    lks_comm_stall_limit(p.comm, 60);
    lks_say("%d ranks, %zu leaves", lks_comm_size(p.comm), p.leaves);
    for (p.elements = 7; !status && p.elements <= 8192; p.elements *= 4) status = bench_exact_all(&p);
    for (p.elements = 16384; !status && p.elements <= 1048576; p.elements *= 4) status = bench_tree_all(&p);
    if (status && lks_comm_rank(p.comm) == 0) lks_error_print(lks_message());
    lks_comm_destroy_all(&p.comm);
  }
  MPI_Finalize();
  return status;
}
