#ifndef LOCKSTEP_BATCH_NORM_H
#define LOCKSTEP_BATCH_NORM_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/comm.h"
#include "lockstep/public.h"
#include "lockstep/settings.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/** A batch norm whose normalization batch lies on several ranks: a layer for any MPI program. It needs MPI_Init,
 * lks_comm_create_all and nothing else of the library. Every rank gives it the rows that it has, as many as it
 * likes, also none; sums over the ranks are exact, so uneven shards count by their true sizes, and how the rows
 * are dealt out changes no bit of the result, nor does the number of ranks or threads.
 *
 *  Arrays are row-major, of samples x pixels x channels: pixels is 1 for plain rows x channels, and
 * height*width for images N,H,W,C. */
typedef struct lks_batch_norm lks_batch_norm;

/** Which samples share one mean and variance. */
enum {
  LKS_BATCH_NORM_SYNC,    /* those of all ranks */
  LKS_BATCH_NORM_SAMPLES, /* group_size consecutive ones, counted over the ranks in their order; a group may lie
                             on several ranks, and the last one may be smaller */
  LKS_BATCH_NORM_RANKS,   /* those of group_size consecutive ranks; the last group may have fewer */
  LKS_BATCH_NORM_NONE     /* nothing is normalized: y = act(x + residual) */
};

/** Options of a batch norm. The last word of each comment is the default.
 *
 *  microbatch: samples that are summed in one piece. When each rank but the last has a multiple of it, the bits do not
 * depend on how the samples are dealt out. 1 fits everything; plain rows x channels are many times faster with 64.
 *
 *  own_gradients: 1 leaves dgamma and dbeta this rank's share, for programs that add gradients up themselves; 0 gives
 * every rank the sum of all. */
typedef struct lks_batch_norm_options {
  double epsilon;    /* added to the variance, inside the root; 1e-5 */
  double momentum;   /* weight of a new batch in the running statistics, from 0 to 1; 0.1 */
  int group;         /* one of the constants above; LKS_BATCH_NORM_SYNC */
  int type;          /* LKS_FP32 or LKS_BF16, of all arrays of samples; LKS_FP32 */
  size_t group_size; /* samples or ranks of a group, where the group has such a size; 0 */
  size_t microbatch; /* samples; 1 */
  int relu;          /* whether y = max(0, .); 0 */
  int threads;       /* of this rank, 0: as many as OpenMP would take; they change no bit; 1 */
  int own_gradients; /* 0 */
} lks_batch_norm_options;

/** Local. Fills in the default of every option. */
void lks_batch_norm_options_default(lks_batch_norm_options *options);

/** Collective; channels and options equal on all ranks, but for threads. Creates a batch norm of so many channels,
 * with running mean 0 and variance 1. options may be NULL: the default. comm is borrowed and must outlive it.
 *  LKS_ERR_USAGE on all ranks for options that make no sense or differ. */
lks_status lks_batch_norm_create_all(lks_batch_norm **norm, lks_comm *comm, size_t channels,
                                     const lks_batch_norm_options *options);

/** Collective. Destroys it; takes NULL, sets NULL. */
void lks_batch_norm_destroy_all(lks_batch_norm **norm);

/** Collective; samples and pixels as this rank has them. Training's forward pass: normalizes with the statistics of
 * the normalization batch, and takes those of the whole mini-batch into the running ones.
 *  y [samples,pixels,channels] out, may be x if no backward pass follows; x in; residual, shaped as x, is added
 * before the activation, or NULL; gamma, beta [channels] in, or NULL (1, 0). Computes y = act(gamma*(x -
 * mean)/sqrt(var + epsilon) + beta + residual) with the biased variance. Nothing is allocated after the first call
 * of a shape, of the last eight.
 *  On all ranks, with y not to be used and the running statistics as they were: LKS_ERR_USAGE for a wrong argument
 * on any rank, or a normalization batch of one value a channel; LKS_ERR_DIVERGED for a value in x that is not
 * finite or whose square is not below 2^80. When no rank has a sample, nothing happens.
 *  Source: Ioffe & Szegedy 2015, algorithm 1. */
lks_status lks_batch_norm_forward_all(lks_batch_norm *norm, void *y, const void *x, const void *residual,
                                      const float *gamma, const float *beta, size_t samples, size_t pixels);

/** Local. The forward pass at test time: the same with the running statistics. Ranks may call it as they like. */
lks_status lks_batch_norm_forward_running(lks_batch_norm *norm, void *y, const void *x, const void *residual,
                                          const float *gamma, const float *beta, size_t samples,
                                          size_t pixels);

/** Collective, but Local after lks_batch_norm_forward_running with own_gradients. Gradients of the last forward pass,
 * with its samples and pixels, which must be of the same kind on all ranks.
 *  dx out, may be dy; dresidual out, the gradient of the residual, or NULL; dgamma, dbeta [channels] out, each or
 * both NULL if they are not wanted; dy in; x in, and y in, as they were given and made there; y may be NULL without
 * relu. dx = gamma/sqrt(var + epsilon) * (dy' - mean(dy') - x_hat*mean(dy'*x_hat)), where dy' is dy where y > 0 (with
 * relu) and the means are over the normalization batch; after lks_batch_norm_forward_running, whose statistics are
 * constants, dx = gamma/sqrt(var + epsilon) * dy'. dgamma = sum(dy'*x_hat) and dbeta = sum(dy') are exact sums over all
 * ranks, or over this one with own_gradients.
 *  On all ranks: LKS_ERR_USAGE for a wrong argument on any rank; LKS_ERR_DIVERGED for sums that are not finite.
 *  Source: Ioffe & Szegedy 2015, section 3. */
lks_status lks_batch_norm_backward_all(lks_batch_norm *norm, void *dx, void *dresidual, float *dgamma,
                                       float *dbeta, const void *dy, const void *x, const void *y);

/** Local. Copies the running statistics out: mean, variance (unbiased) [channels], updates: forward passes of training
 * so far. Each may be NULL. */
void lks_batch_norm_get_running(const lks_batch_norm *norm, float *mean, float *variance, uint64_t *updates);

/** Logically collective; all arguments equal on all ranks. Sets the running statistics, from a checkpoint say; mean or
 * variance may be NULL: as they are. */
void lks_batch_norm_set_running(lks_batch_norm *norm, const float *mean, const float *variance,
                                uint64_t updates);

/** Logically collective; momentum equal on all ranks. Sets the weight of a new batch in the running statistics,
 * from 0 to 1; 1/(updates + 1) before each pass makes them the plain average. */
void lks_batch_norm_set_momentum(lks_batch_norm *norm, double momentum);

/** Local. Moments of the last training forward pass over the whole mini-batch of all ranks, whatever the groups: mean,
 * biased variance [channels], and n, the values of a channel. Each may be NULL. */
void lks_batch_norm_get_moments(const lks_batch_norm *norm, double *mean, double *variance, double *n);

/** Logically collective. Begins to recompute the running statistics for weights that do not change: until
 * lks_batch_norm_precise_end, forward passes of training add up their sums, exactly, and leave the running
 * statistics as they are. */
void lks_batch_norm_precise_begin(lks_batch_norm *norm);

/** Logically collective. Sets the running statistics to those of all values since lks_batch_norm_precise_begin: as if
 * they had been one mini-batch, however many passes there were. LKS_ERR_USAGE if there was none. */
lks_status lks_batch_norm_precise_end(lks_batch_norm *norm);

LKS_PUBLIC_END

#endif
