#ifndef LKS_MODEL_NETWORK_PARTS_H
#define LKS_MODEL_NETWORK_PARTS_H

#include "base/arena.h"
#include "base/profile.h"
#include "comm/gradient_sum.h"
#include "kernels/batch_norm.h"
#include "kernels/onednn.h"
#include "lockstep/exact_sum.h"
#include "lockstep/network.h"
#include "model/op_times.h"
#include "model/stages.h"
#include "sums/batch_plan.h"

/* The inside of a network, shared by the files of this room: parameters.c (tensors and initial weights),
 * network.c (making and freeing), input.c (scaling and augmentation), forward.c, backward.c, norm.c (statistics
 * of batch norm), microbatches.c (the threads), pass.c (one mini-batch from end to end). */

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
  size_t gamma, beta;               /* among the parameters */
  size_t running_mean, running_var; /* among the running statistics */
  size_t message_begin; /* sets of the norms before it in the reduction of its stage, in channels */
  lks_pool_grid grid;   /* with a pool: its windows */
  char *chosen;         /* with a pool: inputs that won [microbatches][op->stride] */
  uint8_t *winner;      /* with a pool: their places [microbatches][winner_stride] */
  size_t winner_stride;
  double *segment_sums;      /* [segments][2*channels] */
  int64_t *local;            /* [local groups] sets: groups that lie on this rank alone */
  lks_batch_norm_form *form; /* [local groups] */
  double *mean;              /* [local groups][2*channels]: means of dy and of dy*x_hat over a group */
  int64_t *pooled_forward, *pooled_backward; /* a set each, over the whole mini-batch once known */
  double *moments; /* [2*channels]: mean and biased variance of the whole mini-batch, once known */
  lks_batch_norm_form running; /* for LKS_PASS_RUNNING */
  int64_t *precise;            /* a set, over the mini-batches of LKS_PASS_PRECISE */
  int64_t *noise;              /* a set: sums of n var and of n var^2 over the groups of the mini-batch */
  double noise_steps, mean_noise, variance_noise; /* sums over steps */
} lks_norm_unit;

typedef struct lks_pool_unit {
  lks_pool *pool;
  char *workspace; /* [microbatches][workspace_stride] */
  size_t workspace_stride;
} lks_pool_unit;

/** What the last reduction of a pass carries before the pooled sums. */
enum { LKS_LAST_LOSS, LKS_LAST_CORRECT, LKS_LAST_SAMPLES, LKS_LAST_STOP, LKS_LAST_FAILED, LKS_LAST_COUNT };

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
  size_t classes;

  size_t tensors;
  lks_tensor *tensor;
  size_t parameter_count, running_count;
  float *parameters, *gradients, *running;
  int64_t batches_tracked;
  bool packed, running_formed; /* whether packed weights and running forms are those of the parameters */

  lks_linear_unit *linear; /* by number of the operator */
  lks_norm_unit *unit_norm;
  lks_pool_unit *pool;
  lks_gradient_sum *gradient_sum;

  size_t shard_max;  /* microbatches */
  size_t groups_max; /* local groups */
  size_t segments_max;
  char *values, *buffers; /* [value or buffer][microbatch] */
  float *logits;          /* [shard samples, classes], without padding */
  double *loss;           /* [shard samples] */
  uint8_t *correct;
  int64_t *message; /* accumulators of the groups of one stage that span ranks */
  int64_t *last;    /* LKS_LAST_COUNT accumulators, then pooled sets */
  double *moments;  /* work space: [2*channels] */

  int threads;
  char **scratch;        /* one a thread */
  float **coefficient;   /* one a thread: [2*channels] */
  float **leaf_sums;     /* one a thread: vectors of a tree stack */
  float *rank_sums;      /* vectors of the stack that joins the threads' */
  lks_tree_stack *stack; /* [threads + 1] */

  lks_batch_plan *plan[LKS_MAX_PLANS]; /* by mini-batch size */
  int plans;

  double noise_steps, noise_theory, noise_group; /* steps; sums over them */
  double precise_samples;                        /* mini-batch samples that the precise sums hold */
  lks_status failure;                            /* of this rank, in the pass under way */
  char failure_message[1024];
};

/** What a pass is about; passed down to the operators. */
typedef struct lks_pass_context {
  lks_network *network;
  lks_pass pass;
  const lks_batch_plan *plan;
  const lks_batch *batch;
  const lks_input_form *form;
  uint32_t step;
  int stage;
} lks_pass_context;

typedef lks_status (*lks_microbatch_work)(const lks_pass_context *context, size_t microbatch, int thread);

/* microbatches.c */
/** Local. Runs `work` for every microbatch of this rank; each thread takes a contiguous run, always the same
 * one. A failure is kept in network->failure; the others go on. */
void lks_microbatches_run(const lks_pass_context *context, lks_microbatch_work work);
/** Local, and may be called by several threads at once. Keeps this thread's message and status for the
 * agreement at the end of the pass; of several failures the first. */
void lks_microbatches_fail(lks_network *network, lks_status status);

static inline void *lks_value(const lks_network *network, int op, size_t microbatch)
{
  const lks_op *o = &network->stages->op[op];
  return network->values + o->value * network->shard_max + o->stride * microbatch;
}

/* Of what the pool in a batch norm chose: from this sample of a microbatch on. */
static inline char *lks_chosen(const lks_norm_unit *unit, size_t microbatch, size_t sample)
{
  size_t bytes = unit->op->elements * lks_type_bytes(unit->op->type);
  return unit->chosen + microbatch * unit->op->stride + sample * bytes;
}

static inline uint8_t *lks_winner(const lks_norm_unit *unit, size_t microbatch, size_t sample)
{
  return unit->winner + microbatch * unit->winner_stride + sample * unit->op->elements;
}

static inline void *lks_gradient(const lks_network *network, int buffer, size_t microbatch)
{
  const lks_buffer *b = &network->stages->buffer[buffer];
  return network->buffers + b->offset * network->shard_max + b->stride * microbatch;
}

/* parameters.c */
/** Local. Counts and describes the tensors; the flat arrays are reserved in the network's arena. */
lks_status lks_parameters_describe(lks_network *network);
/** Collective. Initial values: rank 0 draws them, all get them. */
lks_status lks_parameters_initialize_all(lks_network *network);

/* forward.c, backward.c: one stage for one microbatch */
/** Local. */
lks_status lks_forward_microbatch(const lks_pass_context *context, size_t microbatch, int thread);
lks_status lks_backward_microbatch(const lks_pass_context *context, size_t microbatch, int thread);
/** Collective: weight gradients of a stage leave for the network of ranks. */
lks_status lks_backward_weights_all(const lks_pass_context *context);
/** Collective. Waits for those of all stages, and writes them where the parameters' gradients are. */
lks_status lks_backward_weights_finish_all(const lks_pass_context *context);

/* norm.c */
/** Local. Number of the first batch norm whose statistics are taken at the end of `stage`, and of the first
 * one after it. */
void lks_norms_of_stage(const lks_network *network, int stage, int *first, int *end);
/** Collective. From the segments' sums to the forms of every local group. */
lks_status lks_norm_forward_reduce_all(const lks_pass_context *context);
/** Collective, without waiting / waiting: from the segments' sums to the groups' means of dy and dy*x_hat. */
lks_status lks_norm_backward_start_all(const lks_pass_context *context);
lks_status lks_norm_backward_finish_all(const lks_pass_context *context);
/** Local. Forms from the running statistics, if they have changed. */
void lks_norm_running_forms(lks_network *network);
/** Local. Whether a norm's pooled sums are known to all ranks without the last reduction. */
bool lks_norm_pooled_known(const lks_batch_plan *plan);
/** Local. After the last reduction of a training pass, which brings the sums of dy and of dy*x_hat that nobody
 * had to wait for: they are the gradients of beta and gamma. */
void lks_norm_gradients(const lks_pass_context *context);
/** Local. After a training pass that all ranks found good: running statistics. */
void lks_norm_update(const lks_pass_context *context);
/** Local. After a pass of LKS_PASS_PRECISE: adds its sums to those before, for lks_network_precise_set_all. */
void lks_norm_precise_add(const lks_pass_context *context);

/* noise.c: all local; the sums travel with the last reduction */
/** Local. */
void lks_noise_begin(const lks_pass_context *context);
/** Local. variance [channels] and n: of one local group, as soon as they are known. */
void lks_noise_add_group(const lks_pass_context *context, lks_norm_unit *unit, size_t local_group,
                         const double *variance, double n);
/** Local. After lks_norm_update, whose moments of the whole mini-batch it takes. */
void lks_noise_finish(const lks_pass_context *context);
/** Whether this pass measures noise. */
static inline bool lks_noise_measured(const lks_pass_context *context)
{
  return context->network->options.measure_noise && context->pass == LKS_PASS_TRAIN;
}

#endif
