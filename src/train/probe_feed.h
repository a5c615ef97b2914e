#ifndef LKS_TRAIN_PROBE_FEED_H
#define LKS_TRAIN_PROBE_FEED_H

#include "dataset/sample_reader.h"
#include "lockstep/config.h"
#include "lockstep/dataset.h"
#include "train/setup.h"

/** Hands chosen training samples to a network, mini-batch by mini-batch, without a loader's reader thread, and brings
 * what a layer makes of them together on rank 0. */
typedef struct lks_probe_feed {
  lks_comm *comm; /* all borrowed */
  const lks_setup *setup;
  lks_sample_reader source;
  size_t batch_size, sample_values; /* the largest mini-batch; pixels or features of a sample */
  uint8_t *pixels;                  /* of this rank's shard, as label and sample */
  float *features;
  int32_t *label;
  uint32_t *sample;
  char message[1024]; /* why samples could not be had */
} lks_probe_feed;

/** Local. `count` of the samples that a run of this configuration trains on, in selection->train: the first ones of each class in
 * proportion. All of them when it has no more. */
lks_status lks_probe_choose(lks_selection **selection, const lks_dataset *dataset, const lks_config *config,
                            size_t count);

/** Local. setup, comm and dataset are borrowed; batch_size: of the network. */
lks_status lks_probe_feed_create(lks_probe_feed *feed, lks_comm *comm, const lks_setup *setup,
                                 const lks_dataset *dataset, size_t batch_size);
void lks_probe_feed_clear(lks_probe_feed *feed);

/** Local. This rank's shard of the mini-batch of these samples of the training split, at most batch_size; valid
 * until the next call. */
lks_batch lks_probe_feed_batch(lks_probe_feed *feed, const uint32_t *sample, size_t total);

/** Collective. What goes into a layer in a pass over these samples, in mini-batches of batch_size: values [count,
 * elements of the layer's input] on rank 0, in order; ignored elsewhere. */
lks_status lks_probe_feed_gather_all(float *values, lks_probe_feed *feed, const char *layer, lks_pass pass,
                                     uint32_t step, const uint32_t *sample, size_t count);

#endif
