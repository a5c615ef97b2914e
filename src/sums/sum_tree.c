#include "sums/sum_tree.h"

#include <string.h>

#include "base/integers.h"

size_t lks_tree_stride(size_t elements)
{
  return lks_round_up(elements, 16);
}

/* The height of the largest aligned block that begins at `first` and has at most `count` leaves (> 0). */
static int block_height(size_t first, size_t count)
{
  int fits = 63 - __builtin_clzll(count);
  int aligned = first == 0 ? fits : __builtin_ctzll(first);
  return aligned < fits ? aligned : fits;
}

int lks_tree_blocks(lks_tree_block block[LKS_TREE_MAX_BLOCKS], size_t first, size_t count)
{
  int blocks = 0;
  while (count > 0) {
    int height = block_height(first, count);
    block[blocks++] = (lks_tree_block){height, first >> height};
    first += (size_t)1 << height;
    count -= (size_t)1 << height;
  }
  return blocks;
}

void lks_tree_stack_begin(lks_tree_stack *stack, float *workspace, size_t elements)
{
  stack->elements = elements;
  stack->stride = lks_tree_stride(elements);
  stack->workspace = workspace;
  stack->count = 0;
}

static float *vector_of(const lks_tree_stack *stack, int block)
{
  return stack->workspace + (size_t)block * stack->stride;
}

float *lks_tree_stack_top(lks_tree_stack *stack)
{
  return vector_of(stack, stack->count);
}

static void add(float *restrict left, const float *restrict right, size_t elements)
{
  for (size_t i = 0; i < elements; i++) left[i] += right[i];
}

static int are_siblings(lks_tree_block left, lks_tree_block right)
{
  return left.height == right.height && left.index % 2 == 0 && right.index == left.index + 1;
}

void lks_tree_stack_push(lks_tree_stack *stack, int height, size_t index)
{
  stack->block[stack->count++] = (lks_tree_block){height, index};
  while (stack->count > 1 && are_siblings(stack->block[stack->count - 2], stack->block[stack->count - 1])) {
    int left = stack->count - 2;
    add(vector_of(stack, left), vector_of(stack, left + 1), stack->elements);
    stack->block[left].height++;
    stack->block[left].index /= 2;
    stack->count--;
  }
}

void lks_tree_stack_append(lks_tree_stack *stack, const lks_tree_stack *next)
{
  for (int b = 0; b < next->count; b++) {
    memcpy(lks_tree_stack_top(stack), vector_of(next, b), stack->elements * sizeof(float));
    lks_tree_stack_push(stack, next->block[b].height, next->block[b].index);
  }
}

void lks_tree_stack_root(float *out, lks_tree_stack *stack)
{
  if (stack->count == 0) {
    memset(out, 0, stack->elements * sizeof(float));
    return;
  }
  /* From leaf 0 the heights descend. The last block stands for each node above it that lacks a right child,
   * up to the height of the block on its left, whose sibling that node is. */
  for (int left = stack->count - 2; left >= 0; left--) {
    add(vector_of(stack, left), vector_of(stack, left + 1), stack->elements);
  }
  memcpy(out, stack->workspace, stack->elements * sizeof(float));
}
