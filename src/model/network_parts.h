#ifndef LKS_MODEL_NETWORK_PARTS_H
#define LKS_MODEL_NETWORK_PARTS_H

#include "base/arena.h"
#include "comm/gradient_sum.h"
#include "kernels/batch_norm.h"
#include "kernels/group_norm.h"
#include "kernels/onednn.h"
#include "lockstep/exact_sum.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"
#include "model/op_times.h"
#include "model/stages.h"
#include "sums/batch_plan.h"

/* The inside of a network, which these files share: network.c (making and freeing), parameters.c (tensors and
 * initial weights), pass.c (one mini-batch from end to end), microbatches.c (the threads), input.c (scaling
 * and augmentation), forward.c, backward.c, norm.c (statistics of batch norm), noise.c (how much they
 * scatter), disturbance.c (batch norm that is disturbed on purpose), nonfinite.c (where the first value that is
 * not finite arose), tap.c (values for whoever measures them), op_times.c. lockstep/network.h is the door of network.c, parameters.c, pass.c, norm.c, noise.c and tap.c. */

/** A convolution or dense layer. */
typedef struct lks_linear_unit {
  const lks_op *op;
  lks_linear *linear;
  size_t weight, bias; /* where its tensors lie among the parameters */
  void *packed;        /* the weights as oneDNN likes them */
  float *gradient;     /* [gradient_elements] summed over the mini-batch, packed */
  size_t gradient_elements;
} lks_linear_unit;

/** A batch norm. Accumulators come in sets of 2*channels: sums and squared sums, or sums of dy and of
 * dy*x_hat. */
typedef struct lks_norm_unit {
  const lks_op *op;
  size_t channels, pixels;          /* of one sample */
  double epsilon, momentum;         /* its own or those of the run */
  size_t gamma, beta;               /* among the parameters */
  size_t running_mean, running_var; /* among the running statistics */
  size_t plan; /* number of the one among the plans of a mini-batch that is cut for its groups */
  size_t groups_max, segments_max; /* of a shard */
  size_t message_begin; /* accumulators, by two, of the norms before it in the reduction of its stage */
  lks_pool_grid grid;   /* with a pool: its windows */
  char *chosen;         /* with a pool: inputs that won [microbatches][op->stride] */
  uint8_t *argmax;      /* with a pool: the places of their maxima [microbatches][argmax_stride] */
  size_t argmax_stride;
  double *segment_sums;      /* [segments][2*channels] */
  int64_t *local;            /* [local groups] sets: groups that lie on this rank alone */
  lks_batch_norm_form *form; /* [local groups] */
  double *mean;              /* [local groups][2*channels]: means of dy and of dy*x_hat over a group */
  int64_t *pooled_forward, *pooled_backward; /* a set each, over the whole mini-batch once known */
  double *moments; /* [2*channels]: mean and biased variance of the whole mini-batch, once known */
  lks_batch_norm_form running; /* for LKS_PASS_RUNNING */
  int64_t *precise;            /* a set, over the mini-batches of LKS_PASS_PRECISE */
  float *disturbance;          /* [4*channels] of this step, see disturbance.h */
  int64_t *noise;              /* a set: sums of n var and of n var^2 over the groups of the mini-batch */
  double noise_steps, mean_noise, variance_noise, noise_theory, noise_group; /* sums over steps */
} lks_norm_unit;

/** A group norm or layer norm. */
typedef struct lks_group_norm_unit {
  const lks_op *op;
  size_t channels, pixels, groups;
  double epsilon;
  size_t gamma, beta; /* among the parameters */
  double *moments;    /* [microbatches][samples][2*groups]: means and variances, for the backward pass */
  double *sums;       /* [microbatches][2*channels]: of dy and of dy*x_hat */
  int64_t *pooled;    /* a set: the same over the whole mini-batch once known */
} lks_group_norm_unit;

typedef struct lks_pool_unit {
  lks_pool *pool;
  char *workspace; /* [microbatches][workspace_stride] */
  size_t workspace_stride;
} lks_pool_unit;

/** What the last reduction of a pass carries before the pooled sums. */
enum {
  LKS_LAST_LOSS,
  LKS_LAST_CORRECT,
  LKS_LAST_SAMPLES,
  LKS_LAST_STOP,
  LKS_LAST_SAVE,
  LKS_LAST_CHECKPOINT,
  LKS_LAST_FAILED,
  LKS_LAST_DAMAGED,
  LKS_LAST_INFINITE, /* ranks whose share of the weight gradients has a value that is not finite */
  LKS_LAST_COUNT
};

enum { LKS_MAX_PLANS = 8 };

struct lks_network {
  const lks_model *model;
  lks_comm *comm;
  int ranks;
  lks_network_options options;
  lks_stages *stages;
  lks_arena *arena;
  lks_network_memory memory; /* what is reserved in the arena */
  lks_profile *profile;
  lks_op_times *op_times;
  struct lks_nonfinite *nonfinite; /* what a pass looks for values that are not finite with, or NULL */
  float **tap; /* [operators] where the output of each is copied to, or NULL; NULL: of none */
  size_t classes;

  size_t tensors;
  lks_tensor *tensor;
  size_t parameter_count, running_count;
  float *parameters, *gradients, *running;
  int64_t batches_tracked;
  bool damaged;                /* a parameter or a moment of it is not finite */
  bool packed, running_formed; /* whether packed weights and running forms are those of the parameters */

  lks_linear_unit *linear; /* by number of the operator */
  lks_norm_unit *unit_norm;
  lks_pool_unit *pool;
  lks_group_norm_unit *group_norm;
  lks_gradient_sum *gradient_sum;

  size_t shard_max;       /* microbatches */
  char *values, *buffers; /* [value or buffer][microbatch] */
  float *logits;          /* [shard samples, classes], without padding */
  double *loss;           /* [shard samples] */
  uint8_t *correct;
  int64_t *message; /* accumulators of the groups of one stage that span ranks */
  int64_t *last;    /* LKS_LAST_COUNT accumulators, then pooled sets */
  double *moments;  /* work space: [2*channels] */

  int threads;
  char **scratch;                       /* one a thread */
  lks_group_norm_work *group_norm_work; /* one a thread */
  float **coefficient;                  /* one a thread: [2*channels] */
  float **leaf_sums;                    /* one a thread: vectors of a tree stack */
  float *rank_sums;                     /* vectors of the stack that joins the threads' */
  lks_tree_stack *stack;                /* [threads + 1] */

  lks_norm *norm; /* [norms] normalization batches that differ; number 0 is the run's */
  size_t norms;
  lks_batch_plan **plan[LKS_MAX_PLANS]; /* by mini-batch size: [norms], alike but for groups and segments */
  int plans;

  double noise_steps, noise_theory, noise_group; /* steps; sums over them, of the run's normalization batch */
  double precise_samples;                        /* mini-batch samples that the precise sums hold */
  lks_status failure;                            /* of this rank, in the pass under way */
  char failure_message[1024];
};

/** What a pass is about; passed down to the operators. */
typedef struct lks_pass_context {
  lks_network *network;
  lks_pass pass;
  const lks_batch_plan *plan;       /* whose groups and segments are those of the run's normalization batch */
  lks_batch_plan *const *norm_plan; /* [norms] */
  const lks_batch *batch;
  const lks_input_scaling *scaling;
  uint32_t step;
  int stage;
} lks_pass_context;

static inline void *lks_value(const lks_network *network, int op, size_t microbatch)
{
  const lks_op *o = &network->stages->op[op];
  return network->values + o->value * network->shard_max + o->stride * microbatch;
}

/* Groups and segments of a batch norm. */
static inline const lks_batch_plan *lks_plan_of(const lks_pass_context *context, const lks_norm_unit *unit)
{
  return context->norm_plan[unit->plan];
}

/* Of what the pool in a batch norm chose: from this sample of a microbatch on. */
static inline char *lks_chosen(const lks_norm_unit *unit, size_t microbatch, size_t sample)
{
  size_t bytes = unit->op->elements * lks_type_bytes(unit->op->type);
  return unit->chosen + microbatch * unit->op->stride + sample * bytes;
}

static inline uint8_t *lks_argmax(const lks_norm_unit *unit, size_t microbatch, size_t sample)
{
  return unit->argmax + microbatch * unit->argmax_stride + sample * unit->op->elements;
}

static inline void *lks_gradient(const lks_network *network, int buffer, size_t microbatch)
{
  const lks_buffer *b = &network->stages->buffer[buffer];
  return network->buffers + b->offset * network->shard_max + b->stride * microbatch;
}

#endif
