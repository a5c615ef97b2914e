#include "dataset/windowed.h"

#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/log.h"

enum { BLOCK_BYTES = 1 << 20, SMALL_PIECE = 4096, MANY_PIECES = 10000, LINE = 64 };

struct lks_windowed {
  lks_window window;
  lks_dataset_names names;
  const lks_dataset_header *header;
  lks_chunk_file file[LKS_SPLITS];
  size_t ranks, chunks[LKS_SPLITS];
  size_t label_at[LKS_SPLITS], sum_at[LKS_SPLITS], share_at, bytes; /* in the shared memory */
  char *memory;
};

static size_t reserve(size_t *end, size_t bytes)
{
  const size_t at = *end;
  *end += lks_whole_lines(bytes);
  return at;
}

/* Samples that are stored without chunks are read in blocks of about a megabyte. */
static size_t chunk_of(const lks_dataset_header *header, int split)
{
  const size_t bytes = lks_layout_sample_bytes(&header->layout);
  const size_t stored = header->array[2 * split].chunk;
  const size_t chunk = stored ? stored : lks_max(BLOCK_BYTES / bytes, 1);
  return lks_max(lks_min(chunk, header->layout.count[split]), 1);
}

static size_t buffer_bytes(const lks_windowed *w, size_t samples)
{
  return lks_whole_lines(samples * w->window.sample_bytes);
}

static void find_places(lks_windowed *w)
{
  const lks_layout *layout = &w->header->layout;
  for (int split = 0; split < LKS_SPLITS; split++) {
    w->chunks[split] = lks_divide_up(layout->count[split], w->window.chunk[split]);
    w->label_at[split] = reserve(&w->bytes, layout->count[split] * sizeof(int32_t));
    w->sum_at[split] = reserve(&w->bytes, w->chunks[split] * sizeof(uint64_t));
  }
  w->share_at = reserve(&w->bytes, lks_window_share_bytes(w->ranks, buffer_bytes(w, w->window.large),
                                                          buffer_bytes(w, w->window.small)));
}

static lks_status open_split(lks_chunk_source *source, const lks_window *window, lks_split split)
{
  const lks_windowed *w = window->context;
  return lks_chunk_file_open(source, &w->file[split]);
}

lks_status lks_windowed_create(lks_windowed **windowed, const lks_windowed_options *options)
{
  lks_windowed *w = *windowed = lks_new(1, sizeof *w);
  if (!w) return LKS_ERR_RANK;
  w->header = options->header;
  w->names = *options->names;
  w->ranks = options->ranks;
  w->window.rank = options->rank;
  w->window.samples = options->samples;
  w->window.open = open_split;
  w->window.context = w;
  for (int split = 0; split < LKS_SPLITS; split++) w->window.chunk[split] = chunk_of(w->header, split);
  lks_window_measure(&w->window, &w->header->layout);
  find_places(w);
  for (int split = 0; split < LKS_SPLITS; split++)
    w->file[split] = (lks_chunk_file){.path = options->path,
                                      .names = &w->names,
                                      .layout = &w->header->layout,
                                      .split = (lks_split)split,
                                      .chunk = w->window.chunk[split],
                                      .file_bytes = w->header->file_bytes};
  return LKS_OK;
}

void lks_windowed_destroy(lks_windowed **windowed)
{
  lks_free(*windowed);
  *windowed = NULL;
}

size_t lks_windowed_bytes(const lks_windowed *windowed)
{
  return windowed->bytes + LINE;
}

static uint64_t *sums_of(const lks_windowed *w, int split)
{
  return (uint64_t *)(void *)(w->memory + w->sum_at[split]);
}

void lks_windowed_place(lks_windowed *windowed, void *memory)
{
  const size_t off = (uintptr_t)memory % LINE; /* pages are shared: the same for all ranks */
  windowed->memory = (char *)memory + (off ? LINE - off : 0);
  windowed->window.share = (lks_window_share *)(void *)(windowed->memory + windowed->share_at);
  for (int split = 0; split < LKS_SPLITS; split++) windowed->file[split].sum = sums_of(windowed, split);
}

/* Takes the checksum of each chunk while samples pass by. */
typedef struct summing {
  const lks_windowed *windowed;
  XXH3_state_t *state;
} summing;

static lks_status take_part(void *context, lks_split split, const void *values, size_t first, size_t samples)
{
  const summing *s = context;
  const lks_windowed *w = s->windowed;
  const size_t chunk = w->window.chunk[split], bytes = w->window.sample_bytes, end = first + samples;
  const char *from = values;
  for (size_t at = first; at < end;) {
    const size_t behind = lks_min((at / chunk + 1) * chunk, w->header->layout.count[split]);
    const size_t here = lks_min(end, behind) - at;
    if (at % chunk == 0) XXH3_64bits_reset(s->state);
    XXH3_64bits_update(s->state, from, here * bytes);
    if (at + here == behind) sums_of(w, split)[at / chunk] = XXH3_64bits_digest(s->state);
    from += here * bytes;
    at += here;
  }
  return LKS_OK;
}

static void warn_of_slowness(const lks_windowed *w)
{
  const lks_dataset_array *array = &w->header->array[0];
  const size_t count = w->header->layout.count[LKS_SPLIT_TRAIN], chunk = array->chunk;
  const char *path = w->file[0].path;
  if (chunk > w->window.samples && w->window.samples < count)
    lks_warn(
        "%s: %s has chunks of %zu samples, which are read as a whole: a window has %zu samples and not %zu; `lockstep import h5 %s -o NEW.h5` stores them in smaller ones",
        path, array->path, chunk, lks_min(chunk, count), w->window.samples, path);
  else if (array->pieces > MANY_PIECES && count * w->window.sample_bytes / array->pieces < SMALL_PIECE)
    lks_warn(
        "%s: %s is stored in %zu chunks of about %zu bytes, which is slow to read; `lockstep import h5 %s -o NEW.h5` stores it in larger ones",
        path, array->path, array->pieces, count * w->window.sample_bytes / array->pieces, path);
}

lks_status lks_windowed_fill(lks_windowed *windowed, lks_dataset_file *file)
{
  lks_windowed *w = windowed;
  summing s = {w, XXH3_createState()};
  if (!s.state) return lks_fail(LKS_ERR_RANK, "not enough memory for the checksums of chunks");
  for (int split = 0; split < LKS_SPLITS; split++)
    memcpy(w->memory + w->label_at[split], lks_dataset_file_labels(file, (lks_split)split),
           w->header->layout.count[split] * sizeof(int32_t));
  lks_window_share_begin(w->window.share, w->ranks, buffer_bytes(w, w->window.large),
                         buffer_bytes(w, w->window.small));
  const lks_status status = lks_dataset_file_pass(file, take_part, &s);
  XXH3_freeState(s.state);
  if (!status) warn_of_slowness(w);
  return status;
}

const lks_window *lks_windowed_window(const lks_windowed *windowed)
{
  return &windowed->window;
}

lks_contents lks_windowed_contents(const lks_windowed *windowed)
{
  lks_contents contents = {.layout = windowed->header->layout};
  for (int split = 0; split < LKS_SPLITS; split++)
    contents.split[split] =
        (lks_samples){.count = contents.layout.count[split],
                      .label = (const int32_t *)(const void *)(windowed->memory + windowed->label_at[split])};
  return contents;
}
