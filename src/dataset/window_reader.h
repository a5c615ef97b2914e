#ifndef LKS_DATASET_WINDOW_READER_H
#define LKS_DATASET_WINDOW_READER_H

#include "dataset/contents.h"
#include "dataset/window_filler.h"

/** The samples of a dataset that stay in its file and are read window by window: what a rank has to know for it. */
typedef struct lks_window {
  lks_window_share *share; /* that of its node */
  size_t rank;             /* of the node */
  size_t samples;          /* of a window, at least */
  size_t chunk[LKS_SPLITS], sample_bytes;
  size_t portion, large, small; /* samples: lks_window_measure */
  /** Node rank 0: makes the source of a split; its begin and next come from one thread, and so may its end. */
  lks_status (*open)(lks_chunk_source *source, const struct lks_window *window, lks_split split);
  const void *context; /* of open */
} lks_window;

/** Local. From `samples` and the layout: how many samples are read at once where they are not shuffled, and what the buffers
 * of a stream have to hold. */
void lks_window_measure(lks_window *window, const lks_layout *layout);

/** Local. Bytes that training and evaluation hold of a dataset with windows of so many samples, once a node. */
size_t lks_window_footprint(const lks_layout *layout, size_t samples);

/** What a loader takes from it: the samples of an epoch, from any position on. */
typedef struct lks_window_reader lks_window_reader;

typedef struct lks_window_request {
  size_t count;           /* samples of an epoch */
  const uint32_t *subset; /* [count], borrowed; NULL: all of the split */
  bool shuffled;
  uint64_t seed;
} lks_window_request;

/** Local; each rank of the node calls it with the same request, in the same order. window is borrowed. LKS_ERR_USAGE as
 * lks_window_planner_create and lks_window_stream_join; LKS_ERR_RANK. */
lks_status lks_window_reader_create(lks_window_reader **reader, const lks_window *window, lks_split split,
                                    const lks_window_request *request);
/** Local, after all ranks have created it. Takes NULL, sets NULL. */
void lks_window_reader_destroy(lks_window_reader **reader);

/** Local. Whether it is another rank that reads what this one waits for. */
bool lks_window_reader_is_served(const lks_window_reader *reader);

/** Local; what follows is for one thread. Logically collective over the node: the number-th seek, from 1, to an epoch, of which this
 * rank needs nothing before `position`. Returns the epoch's samples in their order; borrowed until the next call. */
const uint32_t *lks_window_reader_seek(lks_window_reader *reader, uint64_t number, size_t epoch,
                                       size_t position);

/** Local. values: the samples from `position` on, as many as `count`. On failure they are zeros; LKS_STOPPED when `given_up` said
 * so, else as lks_window_stream_await. */
lks_status lks_window_reader_get(lks_window_reader *reader, void *values, size_t position, size_t count,
                                 lks_window_given_up given_up, const void *context);
/** Local. This rank needs no sample before `position` any more. */
void lks_window_reader_need(lks_window_reader *reader, size_t position);

#endif
