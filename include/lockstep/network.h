#ifndef LOCKSTEP_NETWORK_H
#define LOCKSTEP_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/batch.h"
#include "lockstep/comm.h"
#include "lockstep/model.h"
#include "lockstep/profile.h"
#include "lockstep/public.h"
#include "lockstep/settings.h"

LKS_PUBLIC_BEGIN

/** A model with its parameters, compiled to stages for this rank's shard of the mini-batch. */
typedef struct lks_network lks_network;

typedef struct lks_network_options {
  size_t batch_size; /* of the mini-batch, over all ranks */
  size_t microbatch;
  lks_norm norm;    /* of batch norms whose layers do not name another */
  bool norms_alike; /* of those that do, too */
  lks_reduce reduce;
  lks_type precision; /* of activations and their gradients */
  lks_isa_choice isa;
  double epsilon;   /* of batch norm */
  double momentum;  /* weight a of the newest value in the running statistics */
  double smoothing; /* of labels */
  int crop;         /* images are moved by up to this many pixels each way; 0: never */
  bool flip;        /* images are mirrored with probability 1/2 */
  uint64_t seed;
  int threads;
  bool measure_noise; /* of the normalization batches, for lks_network_noise */
  bool freeze_norm;   /* batch norm trains with its running statistics, and these stay as they are */
  /* Layers, as names and patterns with commas between, whose gradients are not wanted and stay 0; NULL: none. Not
   * needed any more once the network is there. */
  const char *freeze;
  double disturb; /* of each batch norm's output in training: times 1 + disturb n, plus disturb n' */
} lks_network_options;

/** Which statistics batch norm uses, and what a pass does. */
typedef enum lks_pass {
  LKS_PASS_TRAIN, /* the mini-batch's own; dropout and augmentation; gradients; running statistics are updated
                   */
  LKS_PASS_RUNNING, /* running statistics */
  LKS_PASS_BATCH,   /* the mini-batch's own (grouped as in training), nothing updated */
  LKS_PASS_PRECISE, /* as BATCH, and the pooled sums of every batch norm are added up for
                       lks_network_precise_set_all */
  LKS_PASS_PROBE    /* as BATCH, with outputs of batch norm disturbed as in TRAIN of that step */
} lks_pass;

/** What a rank may ask of all ranks with a pass; they learn of it in its last reduction. */
enum { LKS_REQUEST_STOP = 1, LKS_REQUEST_SAVE = 2, LKS_REQUEST_CHECKPOINT = 4 };

/** Exact over the whole mini-batch, equal on all ranks. */
typedef struct lks_pass_result {
  double loss;     /* sum over the samples of the mini-batch, not divided */
  int64_t correct; /* samples whose label has the largest logit */
  int64_t samples;
  int64_t stop, save, checkpoint; /* number of ranks that asked for it (LKS_REQUEST_*) */
  int64_t loss_limbs[7];          /* the loss as an exact accumulator: epochs are added up without rounding */
} lks_pass_result;

/** Parameters: one flat array; tensors in the model's order. Running statistics: another. */
typedef enum lks_tensor_kind {
  LKS_TENSOR_WEIGHT,
  LKS_TENSOR_BIAS,
  LKS_TENSOR_GAMMA,
  LKS_TENSOR_BETA,
  LKS_TENSOR_RUNNING_MEAN,
  LKS_TENSOR_RUNNING_VAR
} lks_tensor_kind;

typedef struct lks_tensor {
  lks_tensor_kind kind;
  char name[LKS_NAME_MAX + 16]; /* PyTorch's: "conv1.weight", "bn1.running_mean" */
  int dimensions;               /* 1, 2 or 4 */
  size_t extent[4];             /* PyTorch's order: OIHW, (out,in), or (channels) */
  size_t offset, elements;      /* in the flat array that its kind belongs to */
  lks_shape image;              /* that a dense layer is on, else height 0 */
} lks_tensor;

/* Making and freeing, and lks_network_profile: src/model/network.c */

/** Collective; model and options equal on all ranks. model and comm are borrowed and must outlive the
 * network. Parameters are initialized from the seed. LKS_ERR_USAGE for a bad option. A process works with one
 * instruction set: that of its first network, which "auto" stands for in those that follow. */
lks_status lks_network_create_all(lks_network **network, const lks_model *model, lks_comm *comm,
                                  const lks_network_options *options);
void lks_network_destroy_all(lks_network **network);

/** Bytes of a network, by purpose. */
typedef struct lks_network_memory {
  size_t values;          /* kept from the forward to the backward pass */
  size_t value_gradients; /* what the backward pass hands down */
  size_t parameters;      /* and their gradients, and running statistics */
  size_t workspaces;      /* packed weights and their gradients, scratch of each thread */
  size_t sums;            /* of batch norm and of gradients, with their messages */
} lks_network_memory;

/** Local. What any rank of a run of `ranks` ranks would hold at most; it is counted, not allocated.
 * LKS_ERR_USAGE for a bad option. */
lks_status lks_network_footprint(lks_network_memory *memory, const lks_model *model,
                                 const lks_network_options *options, int ranks);
/** Local. All purposes together. */
size_t lks_network_memory_sum(const lks_network_memory *memory);

/** Local. Bytes that the network holds. */
size_t lks_network_bytes(const lks_network *network);

/* Parameters and running statistics: src/model/parameters.c */

/** Local. How many parameters and running statistics there are, and each of them. */
size_t lks_network_tensors(const lks_network *network);
const lks_tensor *lks_network_tensor(const lks_network *network, size_t number);
/** Local. The tensor of that name, or NULL. */
const lks_tensor *lks_network_find(const lks_network *network, const char *name);

/** Local; borrowed. Flat arrays: parameters and gradients [lks_network_parameter_count], running
 * [lks_network_running_count]. */
float *lks_network_parameters(lks_network *network);
const float *lks_network_gradients(const lks_network *network);
float *lks_network_running(lks_network *network);
size_t lks_network_parameter_count(const lks_network *network);
size_t lks_network_running_count(const lks_network *network);
/** Local. Steps that updated the running statistics: PyTorch's num_batches_tracked. */
int64_t lks_network_batches_tracked(const lks_network *network);
void lks_network_batches_tracked_set(lks_network *network, int64_t count);

/** Local. Copies a tensor's values, or those of a moment of it, from here to PyTorch's layout, and back. Only
 * the weights of dense layers differ: (out,in) there and (in,out) here; on an image, the inputs are C,H,W
 * there and H,W,C here. */
void lks_tensor_export(float *out, const float *in, const lks_tensor *tensor);
void lks_tensor_import(float *out, const float *in, const lks_tensor *tensor);

/** Local. The same with the values of the network. */
void lks_network_export(float *out, const lks_network *network, const lks_tensor *tensor);
void lks_network_import(lks_network *network, const lks_tensor *tensor, const float *in);

/** Logically collective. Tells the network that parameters were changed (by an optimizer, or import), so that
 * it repacks them. */
void lks_network_parameters_changed(lks_network *network);
/** Local. Whether the last update left values behind that are not finite; if so, each pass from here on tells all ranks,
 * with LKS_ERR_DIVERGED. Optimizers set it. */
void lks_network_damaged_set(lks_network *network, bool damaged);
bool lks_network_damaged(const lks_network *network);

/* Passes: src/model/pass.c */

/** Local. Gets ready for mini-batches of `total` samples (at most batch_size), so that no pass has to
 * allocate. In training, LKS_ERR_USAGE when a normalization batch would have one value a channel, whose
 * variance is nothing to divide by. */
lks_status lks_network_prepare(lks_network *network, size_t total, bool training);
/** Local. Forgets what that made. If it has failed on one rank, all ranks call this before they go on with the
 * network: ranks that are ready for different mini-batches would wait for each other in the next pass. */
void lks_network_plans_forget(lks_network *network);

/** Collective. One pass over one mini-batch; batch->samples must be this rank's shard of batch->total. `step`
 * keys dropout and augmentation. requests: LKS_REQUEST_*, of this rank (they ride on the last reduction).
 * LKS_ERR_DIVERGED, on all ranks, when a sum is not finite. LKS_STOPPED, on all ranks, when a signal asked one
 * of them to stop at once (lks_stop_handlers_install): as after any failure, nothing but the gradients has
 * changed. LKS_PASS_TRAIN leaves the gradients, of the mean
 * loss, in lks_network_gradients. */
lks_status lks_network_pass_all(lks_network *network, lks_pass_result *result, lks_pass pass,
                                const lks_batch *batch, const lks_input_scaling *scaling, uint32_t step,
                                unsigned requests);

/** Local. The samples of the shard of a mini-batch of `total` samples that this rank takes: [*first, *first +
 * *count). */
void lks_network_shard(const lks_network *network, size_t total, size_t *first, size_t *count);

/** Local. After a pass: logits [batch->samples, classes] of this rank's shard, in order. Borrowed. */
const float *lks_network_logits(const lks_network *network);

/** Local. Whether gradients are not summed inside the hosts first although ranks share them, because these do not lie in blocks or are
 * not as many on each: a host then sends them over the network once a rank, and not once. */
bool lks_network_sums_flat(const lks_network *network);

/* Statistics for test time: src/model/norm.c */

/** Logically collective. Forgets the sums that LKS_PASS_PRECISE gathered. */
void lks_network_precise_begin(lks_network *network);
/** Collective. Makes the gathered statistics (exact, pooled) the running statistics. */
lks_status lks_network_precise_set_all(lks_network *network);

/* Noise of normalization batches: src/model/noise.c */

/** What smaller normalization batches do to the statistics of one batch norm, relative to the mini-batch's
 * own variance V of a channel; averages over channels that vary, and over the training steps since the last
 * reset. */
typedef struct lks_noise {
  const char *layer; /* borrowed */
  size_t channels;
  size_t values;  /* of a channel in one sample: 1, or the pixels of a convolution */
  double epsilon; /* that is added to its variances */
  size_t steps;
  double variance_of_mean;     /* of the groups' means around the mini-batch's, over V */
  double variance_of_variance; /* of the groups' variances around the mini-batch's, over V^2 */
  double theory; /* variance_of_mean if values were independent: (groups - 1)/(B - 1), about 1/K - 1/B */
  double effective_samples; /* independent ones that are as noisy as a group: K * theory/variance_of_mean */
} lks_noise;

/** Local. Batch norms of the network, and the noise of one of them; zeros when it was not measured. Equal on
 * all ranks. */
size_t lks_network_norms(const lks_network *network);
lks_noise lks_network_noise(const lks_network *network, size_t norm);
/** Logically collective. Forgets the noise that was measured. */
void lks_network_noise_reset(lks_network *network);

/** The sums behind the noise, so that a run that is interrupted loses none. */
enum { LKS_NOISE_NORMS_MAX = 256, LKS_NOISE_STATE_MAX = 3 + 5 * LKS_NOISE_NORMS_MAX };
/** Local. Copies them out; returns how many there are, 0 when no noise is measured. */
size_t lks_network_noise_save(const lks_network *network, double state[LKS_NOISE_STATE_MAX]);
/** Logically collective. Takes them back; does nothing if `count` is not this network's. */
void lks_network_noise_restore(lks_network *network, const double *state, size_t count);

/* Values on their way: src/model/tap.c */

/** What goes into a layer, or comes out of it. Of a batch norm it comes out with the add, the relu and the max
 * pool that follow it, as the next layer takes it. */
typedef enum lks_tap_side { LKS_TAP_INPUT, LKS_TAP_OUTPUT } lks_tap_side;

/** Local. The shape of a sample there. LKS_ERR_USAGE when no convolution, dense layer, batch norm or other
 * layer that works alone has that name. */
lks_status lks_network_tap_shape(lks_shape *shape, const lks_network *network, const char *layer,
                                 lks_tap_side side);

/** Local. From now on each pass copies them to values [batch->samples, height, width, channels], this rank's
 * shard in order; borrowed. NULL: no more. There may be taps at several layers. Errors as above. */
lks_status lks_network_tap(lks_network *network, const char *layer, lks_tap_side side, float *values);
/** Local. Ends all of them: passes are as fast again as without. */
void lks_network_taps_end(lks_network *network);

/** Local. Books the time of the parts of a pass there; NULL: nowhere. Borrowed. */
void lks_network_profile(lks_network *network, lks_profile *profile);

LKS_PUBLIC_END

#endif
