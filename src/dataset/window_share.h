#ifndef LKS_DATASET_WINDOW_SHARE_H
#define LKS_DATASET_WINDOW_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** Windows of samples on their way to the ranks of a node, in memory that these share. Each loader of a dataset has a stream: node
 * rank 0 fills one of its two buffers with the next window while the ranks take samples from the other.
 *
 * A rank says which window it needs, and thereby that it needs none before it: the smallest number of all ranks says what may be
 * overwritten. Numbers have the seek in front, so that who has gone elsewhere needs nothing of where it was. There is no lock
 * that a rank could die with; who waits looks again after a short sleep. */
typedef struct lks_window_share lks_window_share;   /* in shared memory */
typedef struct lks_window_stream lks_window_stream; /* a part of it */

/** Loaders that a dataset may have at a time: with buffers for a whole window, and with smaller ones. */
enum { LKS_WINDOW_LARGE = 2, LKS_WINDOW_SMALL = 3, LKS_WINDOW_STREAMS = LKS_WINDOW_LARGE + LKS_WINDOW_SMALL };

/** The window of that number after the seek of that number, from 1. They grow. */
typedef uint64_t lks_window_at;
#define LKS_WINDOW_AT(seek, window) ((lks_window_at)(seek) << 32 | (uint32_t)(window))

/** Local. Bytes for the ranks of a node, with buffers of so many bytes: multiples of 64. */
size_t lks_window_share_bytes(size_t ranks, size_t large, size_t small);
/** Local. On node rank 0, before a barrier of the node; the memory is aligned to 64 bytes. */
void lks_window_share_begin(lks_window_share *share, size_t ranks, size_t large, size_t small);

/** Local; each rank of the node calls it for the same loaders, in the same order, and leaves after all have called it. `key` tells
 * loaders apart; those with the same key get streams in the order in which they join. bytes: that a buffer must have. LKS_ERR_USAGE:
 * there are too many. */
lks_status lks_window_stream_join(lks_window_stream **stream, lks_window_share *share, size_t rank,
                                  const uint64_t key[2], size_t bytes);
/** Local. Once node rank 0 has left, nobody gets a window any more. Takes NULL, sets NULL. */
void lks_window_stream_leave(lks_window_stream **stream, lks_window_share *share, size_t rank);

/** Local. This rank needs no window before `at`; epoch: of this seek, the same on all ranks. */
void lks_window_stream_need(lks_window_stream *stream, size_t rank, lks_window_at at, size_t epoch);

typedef bool (*lks_window_given_up)(const void *context);
/** Local. Waits for a window that was said to be needed; *values: its samples in their order, until another one is needed. The
 * failure of reading it; LKS_ERR_RANK when node rank 0 has left; LKS_STOPPED when `given_up` says so. */
lks_status lks_window_stream_await(const void **values, lks_window_stream *stream, lks_window_at at,
                                   lks_window_given_up given_up, const void *context);

/** Local. Node rank 0: the first window that a rank needs, and its epoch. 0: not all ranks have said so. */
lks_window_at lks_window_stream_needed(size_t *epoch, const lks_window_stream *stream);
/** Local. Node rank 0: the buffer for a window, which nobody reads. */
void *lks_window_stream_buffer(lks_window_stream *stream, lks_window_at at);
/** Local. Node rank 0: it is filled; or it, and what would come after it, cannot be, for lks_message(). */
void lks_window_stream_filled(lks_window_stream *stream, lks_window_at at);
void lks_window_stream_failed(lks_window_stream *stream, lks_window_at at, lks_status status);

/** Local. A sleep that grows from 20 microseconds to 2 milliseconds. *turns begins with 0. */
void lks_window_nap(unsigned *turns);

#endif
