#include "dataset/window_share.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"

enum { NEVER, MEMBER, LEFT };

/* Of a rank in a stream. The epoch of a seek is written before the seek is; that of the one before stays until then. */
typedef struct place {
  _Alignas(64) atomic_ullong at;
  atomic_ullong epoch[2]; /* by seek % 2 */
  int membership;         /* under the share's lock */
} place;

struct lks_window_stream {
  _Alignas(64) bool used; /* these under the share's lock */
  uint64_t key[2];
  uint64_t number;                   /* streams grow older */
  size_t ranks, bytes, buffer_at[2]; /* of a buffer; from the beginning of the stream */
  atomic_bool closed;                /* node rank 0 has left */
  atomic_ullong filled[2];           /* by window % 2: what a buffer holds */
  atomic_ullong failed;              /* the seek that was not read to its end, */
  lks_status status;                 /* for this reason; not written while a rank may read it */
  char message[1024];
  place place[];
};

struct lks_window_share {
  _Alignas(64) atomic_flag lock; /* held for moments */
  uint64_t numbers;
  size_t stream_at[LKS_WINDOW_STREAMS]; /* from the beginning of the share */
};

static size_t stream_bytes(size_t ranks, size_t buffer_bytes)
{
  return lks_whole_lines(sizeof(lks_window_stream) + ranks * sizeof(place)) + 2 * buffer_bytes;
}

size_t lks_window_share_bytes(size_t ranks, size_t large, size_t small)
{
  return sizeof(lks_window_share) + LKS_WINDOW_LARGE * stream_bytes(ranks, large) +
         LKS_WINDOW_SMALL * stream_bytes(ranks, small);
}

static lks_window_stream *stream_of(lks_window_share *share, size_t i)
{
  return (lks_window_stream *)(void *)((char *)share + share->stream_at[i]);
}

/* The small ones stand first, and are taken first. */
void lks_window_share_begin(lks_window_share *share, size_t ranks, size_t large, size_t small)
{
  size_t end = sizeof *share;
  atomic_flag_clear(&share->lock);
  share->numbers = 0;
  for (size_t i = 0; i < LKS_WINDOW_STREAMS; i++) {
    const size_t bytes = i < LKS_WINDOW_SMALL ? small : large;
    share->stream_at[i] = end;
    end += stream_bytes(ranks, bytes);
    lks_window_stream *stream = stream_of(share, i);
    stream->used = false;
    stream->ranks = ranks;
    stream->bytes = bytes;
    stream->buffer_at[0] = stream_bytes(ranks, 0);
    stream->buffer_at[1] = stream->buffer_at[0] + bytes;
  }
}

static void take_lock(lks_window_share *share)
{
  while (atomic_flag_test_and_set(&share->lock)) sched_yield();
}

/* The oldest one of that key which this rank has not had; else one that nobody has. */
static lks_window_stream *find(lks_window_share *share, size_t rank, const uint64_t key[2], size_t bytes)
{
  lks_window_stream *mine = NULL, *free_one = NULL;
  for (size_t i = 0; i < LKS_WINDOW_STREAMS; i++) {
    lks_window_stream *s = stream_of(share, i);
    const bool wanted = s->used && s->key[0] == key[0] && s->key[1] == key[1];
    if (!s->used && !free_one && s->bytes >= bytes) free_one = s;
    if (wanted && s->place[rank].membership == NEVER && (!mine || s->number < mine->number)) mine = s;
  }
  return mine ? mine : free_one;
}

static void reset(lks_window_stream *stream, uint64_t number, const uint64_t key[2])
{
  stream->used = true;
  stream->number = number;
  memcpy(stream->key, key, sizeof stream->key);
  atomic_store(&stream->closed, false);
  atomic_store(&stream->failed, 0);
  for (int b = 0; b < 2; b++) atomic_store(&stream->filled[b], 0);
  for (size_t r = 0; r < stream->ranks; r++) {
    atomic_store(&stream->place[r].at, 0);
    stream->place[r].membership = NEVER;
  }
}

lks_status lks_window_stream_join(lks_window_stream **stream, lks_window_share *share, size_t rank,
                                  const uint64_t key[2], size_t bytes)
{
  take_lock(share);
  lks_window_stream *found = *stream = find(share, rank, key, bytes);
  if (found && !found->used) reset(found, share->numbers++, key);
  if (found) found->place[rank].membership = MEMBER;
  atomic_flag_clear(&share->lock);
  return found ? LKS_OK
               : lks_fail(LKS_ERR_USAGE, "more than %d loaders read a dataset through windows at a time",
                          bytes > stream_of(share, 0)->bytes ? LKS_WINDOW_LARGE : LKS_WINDOW_STREAMS);
}

void lks_window_stream_leave(lks_window_stream **stream, lks_window_share *share, size_t rank)
{
  lks_window_stream *s = *stream;
  if (!s) return;
  atomic_store(&s->place[rank].at, UINT64_MAX);
  if (rank == 0) atomic_store(&s->closed, true);
  take_lock(share);
  s->place[rank].membership = LEFT;
  bool used = false;
  for (size_t r = 0; r < s->ranks; r++) used = used || s->place[r].membership == MEMBER;
  s->used = used;
  atomic_flag_clear(&share->lock);
  *stream = NULL;
}

void lks_window_stream_need(lks_window_stream *stream, size_t rank, lks_window_at at, size_t epoch)
{
  place *p = &stream->place[rank];
  atomic_store_explicit(&p->epoch[at >> 32 & 1], epoch, memory_order_relaxed);
  atomic_store_explicit(&p->at, at, memory_order_release);
}

lks_status lks_window_stream_await(const void **values, lks_window_stream *stream, lks_window_at at,
                                   lks_window_given_up given_up, const void *context)
{
  const size_t buffer = at & 1;
  for (unsigned turns = 0;; lks_window_nap(&turns)) {
    *values = (const char *)stream + stream->buffer_at[buffer];
    if (atomic_load_explicit(&stream->filled[buffer], memory_order_acquire) == at) return LKS_OK;
    if (atomic_load_explicit(&stream->failed, memory_order_acquire) == at >> 32)
      return lks_fail(stream->status, "%s", stream->message);
    if (atomic_load(&stream->closed))
      return lks_fail(LKS_ERR_RANK, "the rank that reads the samples of this node has ended its loader");
    if (given_up(context)) return LKS_STOPPED;
  }
}

lks_window_at lks_window_stream_needed(size_t *epoch, const lks_window_stream *stream)
{
  lks_window_at least = UINT64_MAX;
  const place *of = NULL;
  for (size_t r = 0; r < stream->ranks; r++) {
    const lks_window_at at = atomic_load_explicit(&stream->place[r].at, memory_order_acquire);
    if (!of || at < least) of = &stream->place[r];
    least = at < least ? at : least;
  }
  if (!of || least >> 32 == 0) return 0;
  *epoch = (size_t)atomic_load_explicit(&of->epoch[least >> 32 & 1], memory_order_acquire);
  /* Who has gone on to the next seek but one may have written there. */
  return atomic_load_explicit(&of->at, memory_order_relaxed) >> 32 == least >> 32 ? least : 0;
}

void *lks_window_stream_buffer(lks_window_stream *stream, lks_window_at at)
{
  atomic_store_explicit(&stream->filled[at & 1], 0, memory_order_relaxed);
  return (char *)stream + stream->buffer_at[at & 1];
}

void lks_window_stream_filled(lks_window_stream *stream, lks_window_at at)
{
  atomic_store_explicit(&stream->filled[at & 1], at, memory_order_release);
}

void lks_window_stream_failed(lks_window_stream *stream, lks_window_at at, lks_status status)
{
  stream->status = status;
  snprintf(stream->message, sizeof stream->message, "%s", lks_message());
  atomic_store_explicit(&stream->failed, at >> 32, memory_order_release);
}

void lks_window_nap(unsigned *turns)
{
  const long nanoseconds = *turns < 100 ? 20000 + 20000L * *turns : 2000000;
  nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
  ++*turns;
}
