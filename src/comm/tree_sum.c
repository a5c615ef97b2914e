#include <string.h>

#include "base/arena.h"
#include "comm/gradient_sum.h"
#include "lockstep/reduce.h"
#include "sums/partition.h"

struct lks_tree_sum {
  lks_comm *comm; /* borrowed */
  lks_gradient_sum *sum;
  lks_tree_stack stack;
  size_t elements, max_leaves, leaves, first, count, added; /* leaves: 0 when no sum was begun */
  float *workspace;                                         /* owned: of the stack */
};

/* Vectors that a rank's stack holds: a run of n leaves is at most two blocks of each height; one more is being
 * pushed. */
static size_t stack_vectors(size_t max_leaves)
{
  size_t vectors = 3;
  for (size_t grow = 1; grow < max_leaves; grow *= 2) vectors += 2;
  return vectors;
}

static lks_status check(lks_tree_sum *made, size_t elements, size_t max_leaves)
{
  if (!made) return LKS_ERR_RANK;
  if (elements == 0 || max_leaves == 0 || max_leaves > UINT32_MAX)
    return lks_fail(LKS_ERR_USAGE, "a sum of vectors needs elements, and 1 to 2^32 - 1 leaves: %zu, %zu",
                    elements, max_leaves);
  made->workspace = lks_new(stack_vectors(max_leaves) * lks_tree_stride(elements), sizeof *made->workspace);
  return made->workspace ? LKS_OK : LKS_ERR_RANK;
}

lks_status lks_tree_sum_create_all(lks_tree_sum **sum, lks_comm *comm, size_t elements, size_t max_leaves)
{
  lks_tree_sum *made = lks_new(1, sizeof *made);
  const bool alike = lks_comm_equal_all(comm, elements) && lks_comm_equal_all(comm, max_leaves);
  lks_status status = check(made, elements, max_leaves);
  if (!alike)
    status =
        lks_fail(LKS_ERR_USAGE, "elements and leaves of a sum must be the same on all ranks: %zu, %zu here",
                 elements, max_leaves);
  status = lks_comm_agree_all(comm, status);
  if (!status && made) {
    made->comm = comm;
    made->elements = elements;
    made->max_leaves = max_leaves;
    status = lks_gradient_sum_create_all(&made->sum, comm, LKS_REDUCE_TREE, 1, &elements, max_leaves);
  }
  *sum = made;
  if (status) lks_tree_sum_destroy_all(sum);
  return status;
}

void lks_tree_sum_destroy_all(lks_tree_sum **sum)
{
  if (!*sum) return;
  lks_gradient_sum_destroy_all(&(*sum)->sum);
  lks_free((*sum)->workspace);
  lks_free(*sum);
  *sum = NULL;
}

lks_status lks_tree_sum_begin(lks_tree_sum *sum, size_t leaves, size_t *first, size_t *count)
{
  const size_t rank = (size_t)lks_comm_rank(sum->comm), size = (size_t)lks_comm_size(sum->comm);
  *first = *count = sum->leaves = sum->first = sum->count = sum->added = 0;
  if (leaves == 0 || leaves > sum->max_leaves)
    return lks_fail(LKS_ERR_USAGE, "a sum of %zu leaves was begun; it was created for 1 to %zu", leaves,
                    sum->max_leaves);
  sum->leaves = leaves;
  *first = sum->first = lks_partition_begin(leaves, size, rank);
  *count = sum->count = lks_partition_begin(leaves, size, rank + 1) - sum->first;
  lks_gradient_sum_begin(sum->sum, leaves);
  lks_tree_stack_begin(&sum->stack, sum->workspace, sum->elements);
  return LKS_OK;
}

void lks_tree_sum_add(lks_tree_sum *sum, const float *leaf)
{
  if (sum->added < sum->count) {
    memcpy(lks_tree_stack_top(&sum->stack), leaf, sum->elements * sizeof *leaf);
    lks_tree_stack_push(&sum->stack, 0, sum->first + sum->added);
  }
  sum->added++; /* one too many is told at the end */
}

static lks_status check_sum(const lks_tree_sum *sum, bool alike)
{
  if (sum->leaves == 0) return lks_fail(LKS_ERR_USAGE, "a sum was ended that was not begun");
  if (!alike)
    return lks_fail(LKS_ERR_USAGE, "the ranks have begun sums of different numbers of leaves: %zu here",
                    sum->leaves);
  if (sum->added != sum->count)
    return lks_fail(LKS_ERR_USAGE, "%zu leaves were added to a sum; this rank has %zu of them", sum->added,
                    sum->count);
  return LKS_OK;
}

lks_status lks_tree_sum_finish_all(lks_tree_sum *sum, float *out)
{
  const bool alike = lks_comm_equal_all(sum->comm, sum->leaves);
  lks_status status = lks_comm_agree_all(sum->comm, check_sum(sum, alike));
  sum->leaves = 0;
  if (status) return status;
  status = lks_gradient_sum_start_all(sum->sum, out, &sum->stack);
  return lks_status_worse(status, lks_gradient_sum_finish_all(sum->sum));
}
