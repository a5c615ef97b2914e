#ifndef LKS_DATASET_WINDOW_FILLER_H
#define LKS_DATASET_WINDOW_FILLER_H

#include "dataset/window_order.h"
#include "dataset/window_share.h"

/** Where the samples of a split come from, chunk by chunk in an order that is said beforehand. */
typedef struct lks_chunk_source {
  void *context;
  size_t chunk,
      sample_bytes; /* samples of a chunk, of which the split's last one may have fewer; bytes of each */
  /** Begins anew; chunk [count] is borrowed until the next call. */
  lks_status (*begin)(void *context, const uint32_t *chunk, size_t count);
  /** values [chunk samples]: of the next one, checked. */
  lks_status (*next)(void *context, void *values);
  void (*end)(void *context); /* whether it has begun or not */
} lks_chunk_source;

/** The thread of node rank 0 that fills the windows of a stream. */
typedef struct lks_window_filler lks_window_filler;

/** Local. stream is borrowed; source is consumed, and ended in any case. options->chunk is that of the source. LKS_ERR_RANK. */
lks_status lks_window_filler_create(lks_window_filler **filler, lks_window_stream *stream,
                                    const lks_window_options *options, const lks_chunk_source *source);
/** Local. Ends it, after the chunk that it reads. Takes NULL, sets NULL. */
void lks_window_filler_destroy(lks_window_filler **filler);

#endif
