#ifndef LKS_DATASET_SAMPLE_READER_H
#define LKS_DATASET_SAMPLE_READER_H

#include "dataset/sample_cache.h"
#include "dataset/window_reader.h"

/** Copies chosen samples of a split out of a dataset, which lie in memory or in a cache: those of a file that is read window by
 * window are a loader's alone. */
typedef struct lks_sample_reader {
  const lks_sample_cache *cache; /* or NULL: borrowed, as are the samples */
  lks_split split;
  lks_samples samples;
  size_t sample_bytes;
  char *block; /* room for a block of the cache that holds several samples */
} lks_sample_reader;

/** Local. dataset is borrowed. On failure there is nothing to clear. LKS_ERR_RANK. */
lks_status lks_sample_reader_begin(lks_sample_reader *reader, const lks_dataset *dataset, lks_split split);

/** Local, one thread at a time. values [count], label [count] out: those of the samples, one behind the other. On
 * failure (lks_sample_cache_read; LKS_ERR_USAGE: samples are read window by window) values are zeros. */
lks_status lks_sample_reader_get(const lks_sample_reader *reader, void *values, int32_t *label,
                                 const uint32_t *sample, size_t count);

/** Local. */
void lks_sample_reader_end(lks_sample_reader *reader);

/** Local. The cache that holds a dataset's samples, or NULL; borrowed. */
const lks_sample_cache *lks_dataset_cache(const lks_dataset *dataset);

/** Local. What a dataset's samples are read with that stay in its file, or NULL; borrowed. */
const lks_window *lks_dataset_window(const lks_dataset *dataset);

#endif
