#include "train/probe_feed.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"

/* What is held back of the run's samples leaves those that are wanted. */
lks_status lks_probe_choose(lks_selection **selection, const lks_dataset *dataset, const lks_config *config,
                            size_t count)
{
  const size_t all =
      config->train_samples ? config->train_samples : lks_dataset_split(dataset, LKS_SPLIT_TRAIN).count;
  const size_t trained = all - lks_min(all, config->holdout);
  return lks_selection_create(selection, dataset, config->train_samples, all - lks_min(count, trained));
}

lks_status lks_probe_feed_create(lks_probe_feed *feed, lks_comm *comm, const lks_setup *setup,
                                 const lks_dataset *dataset, size_t batch_size)
{
  const lks_shape shape = lks_dataset_shape(dataset);
  size_t first, room;
  lks_network_shard(setup->network, batch_size, &first, &room);
  *feed = (lks_probe_feed){.comm = comm,
                           .setup = setup,
                           .batch_size = batch_size,
                           .sample_values = shape.height * shape.width * shape.channels};
  room++; /* shards of smaller mini-batches are no larger, but none is of no size at all */
  lks_status status = lks_sample_reader_begin(&feed->source, dataset, LKS_SPLIT_TRAIN);
  if (status) return status;
  if (!lks_dataset_has_features(dataset))
    feed->pixels = lks_new(room * feed->sample_values, 1);
  else
    feed->features = lks_new(room * feed->sample_values, sizeof *feed->features);
  feed->label = lks_new(room, sizeof *feed->label);
  feed->sample = lks_new(room, sizeof *feed->sample);
  return (feed->pixels || feed->features) && feed->label && feed->sample ? LKS_OK : LKS_ERR_RANK;
}

void lks_probe_feed_clear(lks_probe_feed *feed)
{
  lks_free(feed->pixels);
  lks_free(feed->features);
  lks_free(feed->label);
  lks_free(feed->sample);
  lks_sample_reader_end(&feed->source);
  *feed = (lks_probe_feed){0};
}

lks_batch lks_probe_feed_batch(lks_probe_feed *feed, const uint32_t *sample, size_t total)
{
  size_t first, count;
  lks_network_shard(feed->setup->network, total, &first, &count);
  memcpy(feed->sample, sample + first, count * sizeof *sample);
  const lks_status status = lks_sample_reader_get(
      &feed->source, feed->pixels ? (void *)feed->pixels : feed->features, feed->label, feed->sample, count);
  if (status) snprintf(feed->message, sizeof feed->message, "%s", lks_message());
  return (lks_batch){.samples = count,
                     .total = total,
                     .pixels = feed->pixels,
                     .features = feed->features,
                     .label = feed->label,
                     .sample = feed->sample,
                     .status = status,
                     .message = feed->message};
}

static lks_status pass_and_gather_all(float *values, lks_probe_feed *feed, const float *mine, size_t elements,
                                      lks_pass pass, uint32_t step, const uint32_t *sample, size_t count)
{
  lks_network *network = feed->setup->network;
  lks_status status = LKS_OK;
  for (size_t begin = 0; begin < count && !status; begin += feed->batch_size) {
    lks_pass_result result;
    const lks_batch batch =
        lks_probe_feed_batch(feed, sample + begin, lks_min(count - begin, feed->batch_size));
    status = lks_network_pass_all(network, &result, pass, &batch, &feed->setup->scaling, step, 0);
    if (!status)
      status = lks_comm_gatherv_all(feed->comm, values ? values + begin * elements : NULL, mine,
                                    batch.samples * elements, sizeof *mine);
  }
  return status;
}

lks_status lks_probe_feed_gather_all(float *values, lks_probe_feed *feed, const char *layer, lks_pass pass,
                                     uint32_t step, const uint32_t *sample, size_t count)
{
  lks_network *network = feed->setup->network;
  lks_shape shape = {0};
  size_t first, room;
  lks_status status = lks_network_tap_shape(&shape, network, layer, LKS_TAP_INPUT);
  const size_t elements = shape.height * shape.width * shape.channels;
  lks_network_shard(network, feed->batch_size, &first, &room);
  if (!status && feed->batch_size * elements > INT_MAX)
    status =
        lks_fail(LKS_ERR_USAGE, "layer %.64s is too large to be probed: take a smaller batch-size", layer);
  float *mine = status ? NULL : lks_new(room * elements + 1, sizeof *mine);
  if (!status && !mine) status = LKS_ERR_RANK;
  if (!status) status = lks_network_tap(network, layer, LKS_TAP_INPUT, mine);
  status = lks_comm_agree_all(feed->comm, status);
  if (!status) status = pass_and_gather_all(values, feed, mine, elements, pass, step, sample, count);
  lks_network_taps_end(network);
  lks_free(mine);
  return status;
}
