#ifndef LKS_BENCH_BENCH_COST_H
#define LKS_BENCH_BENCH_COST_H

#include "model/op_times.h"

/** What one kind of work of an operator has to compute and to move for one sample. */
typedef struct lks_op_cost {
  double flops; /* of convolutions and dense layers: an addition and a multiplication are two */
  double bytes; /* activations and gradients that are read or written; not weights, which stay in cache */
} lks_op_cost;

/** Local. element: bytes of an activation; input: bytes of a raw value of a sample. */
lks_op_cost lks_op_cost_of(const lks_stages *stages, int op, lks_work work, size_t element, size_t input);

#endif
