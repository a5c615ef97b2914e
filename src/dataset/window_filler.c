#include "dataset/window_filler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/thread.h"

struct lks_window_filler {
  lks_window_stream *stream;
  lks_chunk_source source;
  lks_window_planner *planner;
  lks_window_order order; /* of the seek at hand */
  lks_window_at begun;    /* the window with which the source began; 0: it has not, or failed */
  lks_window_at seek;     /* the number of the seek at hand */
  size_t next;            /* window to be filled */
  lks_arena *arena;
  uint64_t *wanted; /* [largest window] of a window: sample, and its place in the window, ascending */
  uint32_t *chunk;  /* [count] of all windows that are to come */
  char *values;     /* [chunk samples] */
  pthread_t thread;
  bool runs;
  atomic_bool quit;
};

static size_t begin_of(const lks_window_order *order, size_t window)
{
  return window ? order->end[window - 1] : 0;
}

static int compare(const void *a, const void *b)
{
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* filler->wanted of a window; returns how many. */
static size_t list_wanted(lks_window_filler *filler, size_t window)
{
  const size_t begin = begin_of(&filler->order, window), count = filler->order.end[window] - begin;
  for (size_t i = 0; i < count; i++) filler->wanted[i] = (uint64_t)filler->order.sample[begin + i] << 32 | i;
  qsort(filler->wanted, count, sizeof *filler->wanted, compare);
  return count;
}

static size_t chunk_of(const lks_window_filler *filler, size_t i)
{
  return (size_t)(filler->wanted[i] >> 32) / filler->source.chunk;
}

/* The chunks of all windows from `window` on, one window after another. */
static lks_status begin_source(lks_window_filler *filler, size_t window)
{
  size_t chunks = 0;
  for (size_t w = window; w < filler->order.windows; w++) {
    const size_t count = list_wanted(filler, w);
    for (size_t i = 0; i < count; i++)
      if (i == 0 || chunk_of(filler, i) != chunk_of(filler, i - 1))
        filler->chunk[chunks++] = (uint32_t)chunk_of(filler, i);
  }
  return filler->source.begin(filler->source.context, filler->chunk, chunks);
}

/* The samples that are wanted from wanted[first] on lie in this chunk; returns the first one that does not. */
static size_t hand_out(char *buffer, const lks_window_filler *filler, size_t first, size_t count)
{
  const size_t bytes = filler->source.sample_bytes, chunk = chunk_of(filler, first);
  size_t i = first;
  for (; i < count && chunk_of(filler, i) == chunk; i++) {
    const size_t within = (size_t)(filler->wanted[i] >> 32) % filler->source.chunk;
    memcpy(buffer + (uint32_t)filler->wanted[i] * bytes, filler->values + within * bytes, bytes);
  }
  return i;
}

static lks_status fill(lks_window_filler *filler, size_t window)
{
  char *buffer = lks_window_stream_buffer(filler->stream, LKS_WINDOW_AT(filler->seek, window));
  const size_t count = list_wanted(filler, window);
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status && !atomic_load(&filler->quit);) {
    status = filler->source.next(filler->source.context, filler->values);
    if (!status) i = hand_out(buffer, filler, i, count);
  }
  return status;
}

/* Whether there was anything to do. The windows before `needed` are needed by nobody, and those in both buffers may still be. */
static bool work(lks_window_filler *filler)
{
  size_t epoch = 0;
  const lks_window_at needed = lks_window_stream_needed(&epoch, filler->stream), seek = needed >> 32;
  const size_t window = (uint32_t)needed;
  if (!needed) return false;
  if (seek != filler->seek) {
    filler->order = lks_window_planner_order(filler->planner, epoch);
    filler->seek = seek;
    filler->next = window;
    filler->begun = 0;
  }
  if (filler->next < window) filler->begun = 0, filler->next = window;
  if (filler->next >= filler->order.windows || filler->next >= window + 2) return false;
  lks_status status = filler->begun ? LKS_OK : begin_source(filler, filler->next);
  filler->begun = 1;
  if (!status) status = fill(filler, filler->next);
  if (atomic_load(&filler->quit)) return false;
  if (status)
    lks_window_stream_failed(filler->stream, needed, status);
  else
    lks_window_stream_filled(filler->stream, LKS_WINDOW_AT(filler->seek, filler->next));
  filler->next = status ? filler->order.windows : filler->next + 1;
  return true;
}

static void *run(void *argument)
{
  lks_window_filler *filler = argument;
  unsigned turns = 0;
  while (!atomic_load(&filler->quit))
    if (work(filler))
      turns = 0;
    else
      lks_window_nap(&turns);
  return NULL;
}

static lks_status start(lks_window_filler *filler)
{
  const int error = lks_thread_start(&filler->thread, run, filler);
  filler->runs = !error;
  return error
             ? lks_fail(LKS_ERR_RANK, "the thread that reads windows cannot be started: %s", strerror(error))
             : LKS_OK;
}

lks_status lks_window_filler_create(lks_window_filler **filler, lks_window_stream *stream,
                                    const lks_window_options *options, const lks_chunk_source *source)
{
  lks_window_filler *f = *filler = lks_new(1, sizeof *f);
  if (!f) {
    source->end(source->context);
    return LKS_ERR_RANK;
  }
  f->stream = stream;
  f->source = *source;
  lks_status status = lks_window_planner_create(&f->planner, options);
  if (!status) status = lks_arena_create(&f->arena);
  if (!status) {
    lks_arena_reserve(f->arena, &f->wanted, lks_window_planner_most(f->planner), sizeof *f->wanted);
    lks_arena_reserve(f->arena, &f->chunk, options->count, sizeof *f->chunk);
    lks_arena_reserve(f->arena, &f->values, source->chunk, source->sample_bytes);
    status = lks_arena_commit(f->arena);
  }
  if (!status) status = start(f);
  if (status) lks_window_filler_destroy(filler);
  return status;
}

void lks_window_filler_destroy(lks_window_filler **filler)
{
  lks_window_filler *f = *filler;
  if (!f) return;
  atomic_store(&f->quit, true);
  if (f->runs) pthread_join(f->thread, NULL);
  f->source.end(f->source.context);
  lks_window_planner_destroy(&f->planner);
  lks_arena_destroy(&f->arena);
  lks_free(f);
  *filler = NULL;
}
