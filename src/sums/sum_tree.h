#ifndef LKS_SUMS_SUM_TREE_H
#define LKS_SUMS_SUM_TREE_H

#include <stddef.h>

/** The canonical binary tree. Leaf i is the vector of microbatch i. Node (height k, index j) covers the
 *  leaves [j*2^k, (j+1)*2^k) and is its left child plus its right child, elementwise in fp32; where the right child
 * has no leaf below the total it is the left child alone. The root's bits depend on the leaves alone, never
 * on who summed what.
 *
 *  A stack holds the sum of a contiguous run of leaves as its maximal aligned blocks, in order. */
enum { LKS_TREE_MAX_BLOCKS = 64 }; /* a run below 2^32 has at most 62 */

typedef struct lks_tree_block {
  int height;
  size_t index;
} lks_tree_block;

typedef struct lks_tree_stack {
  size_t elements;  /* length of each vector */
  size_t stride;    /* distance of two vectors in the workspace, a multiple of 16 */
  float *workspace; /* borrowed: one vector of stride floats more than the most blocks that it holds */
  int count;        /* blocks on the stack; block b's vector is workspace + b * stride */
  lks_tree_block block[LKS_TREE_MAX_BLOCKS];
} lks_tree_stack;

/** Local. elements rounded up so that vectors stay aligned to 64 bytes. */
size_t lks_tree_stride(size_t elements);

/** Local. The maximal aligned blocks of the leaves [first, first+count), in order; returns how many. */
int lks_tree_blocks(lks_tree_block block[LKS_TREE_MAX_BLOCKS], size_t first, size_t count);

/** Local. Empties the stack and gives it its workspace. */
void lks_tree_stack_begin(lks_tree_stack *stack, float *workspace, size_t elements);

/** Local. Where the next leaf (or block) is to be written. */
float *lks_tree_stack_top(lks_tree_stack *stack);

/** Local. Takes the vector written at lks_tree_stack_top as block (height, index) and combines while the two
 * topmost blocks are the two children of one node. Blocks come in order: each begins where the last one
 * ended. */
void lks_tree_stack_push(lks_tree_stack *stack, int height, size_t index);

/** Local. Appends the blocks of `next`, whose run begins where this stack's ends (copies its vectors). */
void lks_tree_stack_append(lks_tree_stack *stack, const lks_tree_stack *next);

/** Local. out[elements]: the root, when the run is all leaves from 0; zeros when there is none. Destroys the
 * vectors. */
void lks_tree_stack_root(float *out, lks_tree_stack *stack);

#endif
