#ifndef LOCKSTEP_BATCH_H
#define LOCKSTEP_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/** This rank's shard of a mini-batch, as the loader hands it out: raw samples one after another, not yet
 * normalized. */
typedef struct lks_batch {
  size_t samples;         /* of this rank's shard */
  size_t total;           /* of the whole mini-batch, over all ranks */
  const uint8_t *pixels;  /* [samples,h,w,c], or NULL */
  const float *features;  /* [samples,d], or NULL */
  const int32_t *label;   /* [samples]; NULL when there are none (predict) */
  const uint32_t *sample; /* [samples] position of each in the dataset: keys augmentation and dropout */
  lks_status status;      /* of getting them; a pass over what could not be had fails on all ranks, */
  const char *message;    /* with this, borrowed */
} lks_batch;

/** How raw samples become inputs: (value - mean) * scale, computed in double and rounded once to fp32. mean and scale have
 * one value a channel, or a feature. */
typedef struct lks_input_scaling {
  const double *mean,
      *scale; /* of what a dataset calls mean and std; pixels: 255 mean, 1/(255 std); else mean, 1/std */
} lks_input_scaling;

LKS_PUBLIC_END

#endif
