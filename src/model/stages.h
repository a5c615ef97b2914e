#ifndef LKS_MODEL_STAGES_H
#define LKS_MODEL_STAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/type.h"
#include "lockstep/model.h"

/** A model compiled to operators in stages. Inside a stage each microbatch runs through all operators;
 * between two stages lies one reduction, of the batch norms whose inputs the stage made. Knows shapes and
 * order, but no data and no ranks. */
typedef enum lks_op_kind {
  LKS_OP_INPUT,
  LKS_OP_LINEAR, /* convolution, dense */
  LKS_OP_NORM,   /* batch norm, with the residual add, the relu and the max pool that follow it */
  LKS_OP_RELU,
  LKS_OP_LEAKY_RELU,
  LKS_OP_SIGMOID,
  LKS_OP_GELU,
  LKS_OP_SILU,
  LKS_OP_TANH,
  LKS_OP_GROUP_NORM, /* and layer norm */
  LKS_OP_POOL,
  LKS_OP_DROPOUT,
  LKS_OP_ADD
} lks_op_kind;

/** What takes one output: the next layer, and shortcuts of blocks that begin there, one in the other. */
enum { LKS_CONSUMERS_MAX = 18 };

typedef struct lks_op {
  lks_op_kind kind;
  const lks_layer *layer; /* borrowed; of a NORM: the batch norm */
  int stage;
  int unit;              /* number among the operators of its kind */
  int input, residual;   /* operators whose outputs it takes; -1: none */
  bool relu;             /* NORM: the activation is part of it */
  const lks_layer *pool; /* NORM: the max pool that is part of it, or NULL; borrowed */
  bool in_place;         /* the output takes the memory of the input */
  bool trained;          /* it has parameters that training changes */
  bool wanted;           /* the gradient of its output is: it is trained, or an operator below it is */
  lks_shape out;
  size_t elements;                 /* of the output, a sample */
  int gradient[LKS_CONSUMERS_MAX]; /* buffers that hold the contributions to the gradient of the output, one a
                                      consumer, from 0 on; -1: none */
  int dx;                          /* buffer that the gradient of the input goes to; -1: not wanted */
  int dresidual;                   /* ADD: likewise, where it is not the gradient of the output itself */
  lks_type type;                   /* of the output */
  size_t value;                    /* where a microbatch's output lies among the values, in bytes */
  size_t stride;                   /* bytes of a microbatch's output, a multiple of 64 */
} lks_op;

/** A gradient buffer, of the stages' type; buffers that are not alive in the same stage may share memory. */
typedef struct lks_buffer {
  int first_stage, last_stage; /* the backward pass goes down from first_stage to last_stage */
  size_t offset, stride;       /* in bytes of a microbatch, like lks_op.value */
} lks_buffer;

typedef struct lks_stages {
  lks_type type; /* of values and gradients; but a linear operator that gives the logits gives them in fp32 */
  size_t microbatch; /* samples */
  lks_op *op;        /* [ops], by stage, in topological order; the last one gives the logits */
  int ops;
  int stages;
  int *begin; /* [stages+1]: stage s has the operators begin[s] .. begin[s+1]-1 */
  int lowest; /* stage with an operator whose gradient is wanted; the backward pass ends there */
  int units[LKS_OP_ADD + 1]; /* operators of each kind */
  lks_buffer *buffer;
  int buffers;
  size_t value_bytes, buffer_bytes; /* of a microbatch, all together */
} lks_stages;

/** Parameters that stay as they are, so that their gradients need not be known. */
typedef struct lks_frozen {
  const char *layers; /* as patterns, see layer_patterns.h; NULL: none */
  bool norm;          /* gamma and beta of every batch norm */
} lks_frozen;

/** Local. model is borrowed; microbatch: samples that strides are reckoned for. */
lks_status lks_stages_create(lks_stages **stages, const lks_model *model, size_t microbatch, lks_type type,
                             lks_frozen frozen);
void lks_stages_destroy(lks_stages **stages);

#endif
