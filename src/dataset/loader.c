#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/life.h"
#include "base/random.h"
#include "base/thread.h"
#include "dataset/sample_reader.h"

enum { SLOTS = 3 }; /* one in use, one ready, one being filled */

typedef struct lks_slot {
  void *values;
  int32_t *label;
  uint32_t *sample;
  lks_status status; /* of reading them */
  char message[1024];
} lks_slot;

/* Which samples of a mini-batch are this rank's. */
typedef struct lks_span {
  size_t total, first, count;
} lks_span;

struct lks_loader {
  lks_sample_reader source; /* of the reader thread */
  bool features;
  size_t sample_bytes;
  size_t count, batch_size, steps; /* of an epoch */
  lks_span full, last;
  uint64_t seed;
  lks_arena *arena;
  const uint32_t *subset;    /* [count] borrowed; NULL: all of the split */
  uint32_t *order;           /* [count] of the reader's epoch; NULL: as they stand */
  lks_window_reader *window; /* that gives samples and their order; NULL: the source gives them */
  const uint32_t *listed;    /* [count] the order that it gives */
  atomic_ullong
      called_off; /* seeks that came, or UINT64_MAX: what is read for an earlier one is for nothing */
  lks_slot slot[SLOTS];

  pthread_t reader;
  bool has_lock, has_work, has_ready, has_reader;
  pthread_mutex_t lock; /* of all that follows */
  pthread_cond_t work, ready;
  bool quit;
  uint64_t seeks; /* tells the reader that what it has gathered is of the past */
  size_t epoch;
  size_t filled; /* mini-batches of the epoch gathered */
  size_t handed; /* and handed out */
  size_t kept;   /* the first whose slot may not be filled again */
};

static const lks_span *span_of(const lks_loader *loader, size_t step)
{
  return step + 1 == loader->steps ? &loader->last : &loader->full;
}

/* The place of this rank's first sample of a mini-batch; behind the last one, that of none. */
static size_t begin_of(const lks_loader *loader, size_t step)
{
  return step < loader->steps ? step * loader->batch_size + span_of(loader, step)->first : loader->count;
}

/* For one of the seeks. */
typedef struct errand {
  lks_loader *loader;
  uint64_t seeks;
} errand;

static bool is_called_off(const void *context)
{
  const errand *e = context;
  return atomic_load(&e->loader->called_off) != e->seeks;
}

static lks_status gather_of_window(const errand *e, lks_slot *slot, size_t step, size_t count)
{
  lks_loader *loader = e->loader;
  const size_t begin = begin_of(loader, step);
  for (size_t i = 0; i < count; i++) {
    slot->sample[i] = loader->listed[begin + i];
    slot->label[i] = loader->source.samples.label[slot->sample[i]];
  }
  const lks_status status =
      lks_window_reader_get(loader->window, slot->values, begin, count, is_called_off, e);
  lks_window_reader_need(loader->window, begin_of(loader, step + 1));
  return status;
}

static lks_status gather_of_source(const lks_loader *loader, lks_slot *slot, size_t step, size_t count)
{
  const size_t begin = begin_of(loader, step);
  for (size_t i = 0; i < count; i++) {
    uint32_t at = loader->order ? loader->order[begin + i] : (uint32_t)(begin + i);
    slot->sample[i] = loader->subset ? loader->subset[at] : at;
  }
  return lks_sample_reader_get(&loader->source, slot->values, slot->label, slot->sample, count);
}

static void gather(const errand *e, size_t step)
{
  lks_loader *loader = e->loader;
  lks_slot *slot = &loader->slot[step % SLOTS];
  const size_t count = span_of(loader, step)->count;
  slot->status =
      loader->window ? gather_of_window(e, slot, step, count) : gather_of_source(loader, slot, step, count);
  if (slot->status) snprintf(slot->message, sizeof slot->message, "%s", lks_message());
}

static void shuffle(const lks_loader *loader, size_t epoch)
{
  const lks_random_key key = lks_random_key_make(loader->seed, LKS_RANDOM_SHUFFLE, 0, (uint32_t)epoch, 0);
  if (loader->order) lks_random_permutation(loader->order, loader->count, &key);
}

/* What a seek changes for the reader thread: *of is the one that it knows of. */
static void follow(lks_loader *loader, errand *of, size_t *shuffled, uint64_t seeks, size_t epoch,
                   size_t step)
{
  if (!loader->window && *shuffled != epoch) shuffle(loader, epoch);
  if (loader->window && of->seeks != seeks)
    loader->listed = lks_window_reader_seek(loader->window, seeks, epoch, begin_of(loader, step));
  *shuffled = epoch;
  of->seeks = seeks;
}

static bool may_fill(const lks_loader *loader)
{
  return loader->seeks && loader->filled < loader->steps && loader->filled < loader->kept + SLOTS;
}

/* Gathers without the lock. A seek meanwhile wastes one mini-batch, whose slot is filled anew. */
static void *read_ahead(void *argument)
{
  lks_loader *loader = argument;
  size_t shuffled = SIZE_MAX;
  errand of = {loader, 0};
  pthread_mutex_lock(&loader->lock);
  for (;;) {
    while (!loader->quit && !may_fill(loader)) pthread_cond_wait(&loader->work, &loader->lock);
    if (loader->quit) break;
    const uint64_t seeks = loader->seeks;
    const size_t epoch = loader->epoch, step = loader->filled;
    pthread_mutex_unlock(&loader->lock);
    follow(loader, &of, &shuffled, seeks, epoch, step);
    gather(&of, step);
    pthread_mutex_lock(&loader->lock);
    if (seeks != loader->seeks) continue;
    loader->filled++;
    pthread_cond_signal(&loader->ready);
  }
  pthread_mutex_unlock(&loader->lock);
  return NULL;
}

static lks_span span_make(size_t total, lks_shard_function shard, const void *context)
{
  lks_span span = {.total = total};
  shard(context, total, &span.first, &span.count);
  return span;
}

static lks_status find_shards(lks_loader *loader, lks_shard_function shard, const void *context)
{
  loader->steps = lks_divide_up(loader->count, loader->batch_size);
  loader->full = span_make(loader->batch_size, shard, context);
  loader->last = span_make(loader->count - (loader->steps - 1) * loader->batch_size, shard, context);
  for (const lks_span *span = &loader->full;; span = &loader->last) {
    if (span->first > span->total || span->count > span->total - span->first)
      return lks_fail(LKS_ERR_USAGE, "a shard of samples %zu to %zu does not lie in a mini-batch of %zu",
                      span->first, span->first + span->count, span->total);
    if (span == &loader->last) return LKS_OK;
  }
}

static lks_status reserve(lks_loader *loader, size_t shard, bool shuffled)
{
  lks_status status = lks_arena_create(&loader->arena);
  if (status) return status;
  for (int i = 0; i < SLOTS; i++) {
    lks_arena_reserve(loader->arena, &loader->slot[i].values, shard, loader->sample_bytes);
    lks_arena_reserve(loader->arena, &loader->slot[i].label, shard, sizeof(int32_t));
    lks_arena_reserve(loader->arena, &loader->slot[i].sample, shard, sizeof(uint32_t));
  }
  if (shuffled && !loader->window)
    lks_arena_reserve(loader->arena, &loader->order, loader->count, sizeof(uint32_t));
  return LKS_OK;
}

static lks_status allocate(lks_loader *loader, bool shuffled)
{
  const size_t most = lks_max(loader->full.count, loader->last.count);
  lks_status status = reserve(loader, most, shuffled);
  return status ? status : lks_arena_commit(loader->arena);
}

size_t lks_loader_footprint(size_t sample_bytes, size_t samples, size_t shard, bool shuffled)
{
  lks_loader loader = {.sample_bytes = sample_bytes, .count = samples};
  size_t bytes = reserve(&loader, shard, shuffled) ? 0 : lks_arena_reserved(loader.arena);
  lks_arena_destroy(&loader.arena);
  return bytes;
}

static lks_status start(lks_loader *loader)
{
  int error = pthread_mutex_init(&loader->lock, NULL);
  loader->has_lock = !error;
  if (!error) loader->has_work = !(error = pthread_cond_init(&loader->work, NULL));
  if (!error) loader->has_ready = !(error = pthread_cond_init(&loader->ready, NULL));
  if (!error) loader->has_reader = !(error = lks_thread_start(&loader->reader, read_ahead, loader));
  return error ? lks_fail(LKS_ERR_RANK, "the thread that reads ahead cannot be started: %s", strerror(error))
               : LKS_OK;
}

static lks_status begin_window(lks_loader *loader, const lks_window *window, lks_split split,
                               const lks_loader_options *options)
{
  const lks_window_request request = {loader->count, options->subset, options->shuffled, options->seed};
  return window ? lks_window_reader_create(&loader->window, window, split, &request) : LKS_OK;
}

lks_status lks_loader_create(lks_loader **loader, const lks_dataset *dataset, lks_split split,
                             const lks_loader_options *options)
{
  *loader = NULL;
  if (!options->batch_size || (options->subset && !options->subset_count))
    return lks_fail(LKS_ERR_USAGE, "a mini-batch must have at least one sample");
  *loader = lks_new(1, sizeof **loader);
  if (!*loader) return LKS_ERR_RANK;
  (*loader)->batch_size = options->batch_size;
  (*loader)->seed = options->seed;
  (*loader)->subset = options->subset;
  lks_status status = lks_sample_reader_begin(&(*loader)->source, dataset, split);
  (*loader)->features = lks_dataset_has_features(dataset);
  (*loader)->sample_bytes = (*loader)->source.sample_bytes;
  (*loader)->count = options->subset ? options->subset_count : (*loader)->source.samples.count;
  if (!status) status = begin_window(*loader, lks_dataset_window(dataset), split, options);
  if (!status) status = find_shards(*loader, options->shard, options->context);
  if (!status) status = allocate(*loader, options->shuffled);
  if (!status) status = start(*loader);
  if (status) lks_loader_destroy(loader);
  return status;
}

void lks_loader_destroy(lks_loader **loader)
{
  if (!*loader) return;
  if ((*loader)->has_reader) {
    pthread_mutex_lock(&(*loader)->lock);
    (*loader)->quit = true;
    atomic_store(&(*loader)->called_off, UINT64_MAX);
    pthread_cond_signal(&(*loader)->work);
    pthread_mutex_unlock(&(*loader)->lock);
    pthread_join((*loader)->reader, NULL);
  }
  if ((*loader)->has_ready) pthread_cond_destroy(&(*loader)->ready);
  if ((*loader)->has_work) pthread_cond_destroy(&(*loader)->work);
  if ((*loader)->has_lock) pthread_mutex_destroy(&(*loader)->lock);
  lks_window_reader_destroy(&(*loader)->window);
  lks_arena_destroy(&(*loader)->arena);
  lks_sample_reader_end(&(*loader)->source);
  lks_free(*loader);
  *loader = NULL;
}

size_t lks_loader_samples(const lks_loader *loader)
{
  return loader->count;
}

size_t lks_loader_steps(const lks_loader *loader)
{
  return loader->steps;
}

void lks_loader_seek(lks_loader *loader, size_t epoch, size_t step)
{
  pthread_mutex_lock(&loader->lock);
  loader->seeks++;
  atomic_store(&loader->called_off, loader->seeks);
  loader->epoch = epoch;
  loader->filled = loader->handed = loader->kept = step;
  pthread_cond_signal(&loader->work);
  pthread_mutex_unlock(&loader->lock);
}

/* Under the lock. What another rank of the node reads is waited for like anything else that one does. */
static void await(lks_loader *loader, size_t step)
{
  const bool served = loader->window && lks_window_reader_is_served(loader->window) && loader->filled <= step;
  if (served) lks_life_wait(LKS_WAIT_WINDOW);
  while (loader->filled <= step) pthread_cond_wait(&loader->ready, &loader->lock);
  if (served) lks_life_go();
}

bool lks_loader_next(lks_loader *loader, lks_batch *batch)
{
  pthread_mutex_lock(&loader->lock);
  const size_t step = loader->handed;
  const bool more = loader->seeks && step < loader->steps;
  loader->kept = step;
  pthread_cond_signal(&loader->work);
  if (more) {
    await(loader, step);
    loader->handed++;
  }
  pthread_mutex_unlock(&loader->lock);
  if (!more) return false;
  const lks_slot *slot = &loader->slot[step % SLOTS];
  const lks_span *span = span_of(loader, step);
  *batch = (lks_batch){.samples = span->count,
                       .total = span->total,
                       .pixels = loader->features ? NULL : slot->values,
                       .features = loader->features ? slot->values : NULL,
                       .label = slot->label,
                       .sample = slot->sample,
                       .status = slot->status,
                       .message = slot->message};
  return true;
}
