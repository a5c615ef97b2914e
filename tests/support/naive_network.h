#ifndef LKS_TESTS_NAIVE_NETWORK_H
#define LKS_TESTS_NAIVE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/network.h"

/* A chain of layers (1x1 convolution, dense, batch norm, relu, sigmoid, gelu, silu, tanh, dropout) on pictures or features,
 * in double and without microbatches, ranks or sums that are clever: what a pass of a network must give. All
 * are local. */

enum { NAIVE_NORMS = 8 };

/** How a pass is made; what does not belong to it is left out (crop 0, smoothing 0, no dropout). */
typedef struct naive_settings {
  bool running;        /* statistics: the running ones; else those of each group */
  bool frozen;         /* the running ones in training, which stay as they are, with gamma and beta */
  const size_t *bound; /* [groups + 1] samples */
  size_t groups;
  struct {
    const size_t *bound;
    size_t groups;    /* 0: those above */
  } own[NAIVE_NORMS]; /* of each batch norm */
  bool dropout, flip;
  int crop;
  double epsilon, momentum, smoothing;
  double disturb; /* of the outputs of batch norms; 0: they are not */
  uint64_t seed;
  uint32_t step;
} naive_settings;

typedef struct naive_layer {
  const lks_layer *layer;
  size_t pixels, in, out;           /* a dense layer has one pixel */
  size_t first, second;             /* where weight and bias, or gamma and beta, lie among the parameters */
  size_t mean, variance;            /* where the running statistics lie */
  uint32_t dropout, norm;           /* its number among the dropouts, and among the batch norms */
  double *y, *dy;                   /* [samples, pixels, out] and the gradient of it */
  double *x_hat, *deviation;        /* of a batch norm: normalized inputs; by group and channel */
  long double *sum, *square, count; /* of a batch norm: its inputs since the last naive_network_forget */
} naive_layer;

typedef struct naive_network {
  lks_network *network; /* borrowed: parameters and running statistics are read from it at each pass */
  size_t layers, samples, classes;
  naive_layer *layer;
  double *logits;   /* [samples, classes] */
  double *gradient; /* as lks_network_parameters, of the mean loss */
  double *updated;  /* as lks_network_running: what they become by a training pass */
  double loss;      /* sum over the samples */
  int64_t correct;
} naive_network;

/** model and network are borrowed; for up to `samples` samples. NULL: no memory, or a layer that it does not
 * know. */
naive_network *naive_network_create(const lks_model *model, lks_network *network, size_t samples);
void naive_network_destroy(naive_network **naive);

/** Forward and backward over batch->total samples, all of them in `batch`. */
void naive_network_pass(naive_network *naive, const lks_batch *batch, const lks_input_scaling *scaling,
                        const naive_settings *settings);

/** Begins the sums of all batch norms anew. */
void naive_network_forget(naive_network *naive);
/** running [as lks_network_running]: mean and unbiased variance of all that went into each batch norm. */
void naive_network_gathered(double *running, const naive_network *naive);

/** Of values from what they should be, in units of these. */
double naive_distance(const float *got, const double *want, size_t count);

#endif
