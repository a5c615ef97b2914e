#include "dataset/window_reader.h"

#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/integers.h"

enum { PORTION_BYTES = 4 << 20 };

struct lks_window_reader {
  const lks_window *window;
  lks_window_stream *stream;
  lks_window_planner *planner;
  lks_window_filler *filler; /* of node rank 0 */
  lks_window_order order;
  uint64_t seek;
  size_t epoch, at; /* at: the window that is needed */
};

void lks_window_measure(lks_window *window, const lks_layout *layout)
{
  const size_t chunk = lks_max(window->chunk[LKS_SPLIT_TRAIN], window->chunk[LKS_SPLIT_TEST]);
  const size_t count = lks_max(layout->count[LKS_SPLIT_TRAIN], layout->count[LKS_SPLIT_TEST]);
  window->sample_bytes = lks_layout_sample_bytes(layout);
  window->portion = lks_min(window->samples, lks_max(PORTION_BYTES / window->sample_bytes, 1));
  window->large = lks_min(window->samples, count) + chunk - 1;
  window->small = window->portion + lks_min(chunk, window->portion) - 1;
}

size_t lks_window_footprint(const lks_layout *layout, size_t samples)
{
  lks_section section[LKS_SECTIONS];
  lks_window window = {.samples = samples, .chunk = {1, 1}};
  const size_t all = lks_layout_sections(section, layout);
  lks_window_measure(&window, layout);
  const size_t labels = section[1].bytes + section[3].bytes;
  return lks_min(all, labels + 2 * (window.large + window.small) * window.sample_bytes);
}

static bool is_ascending(const lks_window_request *request)
{
  for (size_t i = 1; i < request->count && request->subset; i++)
    if (request->subset[i] <= request->subset[i - 1]) return false;
  return true;
}

/* What is read in the order of the file takes small buffers. */
static lks_window_options options_of(const lks_window *window, lks_split split,
                                     const lks_window_request *request)
{
  const bool in_order = !request->shuffled && is_ascending(request);
  return (lks_window_options){.count = request->count,
                              .subset = request->subset,
                              .chunk = window->chunk[split],
                              .window = window->samples,
                              .portion = window->portion,
                              .most = in_order ? window->small : window->large,
                              .shuffled = request->shuffled,
                              .seed = request->seed};
}

static lks_status join(lks_window_reader *reader, lks_split split, const lks_window_options *options)
{
  const lks_window *w = reader->window;
  const uint64_t about[] = {(uint64_t)split, options->count, options->shuffled, options->seed};
  const size_t listed = options->subset ? options->count * sizeof *options->subset : 0;
  const uint64_t key[2] = {XXH3_64bits(about, sizeof about), XXH3_64bits(options->subset, listed)};
  return lks_window_stream_join(&reader->stream, w->share, w->rank, key,
                                (options->most > w->small || options->shuffled ? w->large : w->small) *
                                    w->sample_bytes);
}

static lks_status start_filler(lks_window_reader *reader, lks_split split, const lks_window_options *options)
{
  lks_chunk_source source;
  lks_status status = reader->window->open(&source, reader->window, split);
  return status ? status : lks_window_filler_create(&reader->filler, reader->stream, options, &source);
}

lks_status lks_window_reader_create(lks_window_reader **reader, const lks_window *window, lks_split split,
                                    const lks_window_request *request)
{
  lks_window_reader *r = *reader = lks_new(1, sizeof *r);
  if (!r) return LKS_ERR_RANK;
  r->window = window;
  r->epoch = SIZE_MAX;
  const lks_window_options options = options_of(window, split, request);
  lks_status status = join(r, split, &options);
  if (!status) status = lks_window_planner_create(&r->planner, &options);
  if (!status && window->rank == 0) status = start_filler(r, split, &options);
  if (status) lks_window_reader_destroy(reader);
  return status;
}

void lks_window_reader_destroy(lks_window_reader **reader)
{
  lks_window_reader *r = *reader;
  if (!r) return;
  lks_window_filler_destroy(&r->filler);
  lks_window_stream_leave(&r->stream, r->window->share, r->window->rank);
  lks_window_planner_destroy(&r->planner);
  lks_free(r);
  *reader = NULL;
}

bool lks_window_reader_is_served(const lks_window_reader *reader)
{
  return reader->window->rank != 0;
}

void lks_window_reader_need(lks_window_reader *reader, size_t position)
{
  while (reader->at < reader->order.windows && reader->order.end[reader->at] <= position) reader->at++;
  lks_window_stream_need(reader->stream, reader->window->rank, LKS_WINDOW_AT(reader->seek, reader->at),
                         reader->epoch);
}

const uint32_t *lks_window_reader_seek(lks_window_reader *reader, uint64_t number, size_t epoch,
                                       size_t position)
{
  if (epoch != reader->epoch) reader->order = lks_window_planner_order(reader->planner, epoch);
  reader->seek = number;
  reader->epoch = epoch;
  reader->at = 0;
  lks_window_reader_need(reader, position);
  return reader->order.sample;
}

lks_status lks_window_reader_get(lks_window_reader *reader, void *values, size_t position, size_t count,
                                 lks_window_given_up given_up, const void *context)
{
  const size_t bytes = reader->window->sample_bytes, end = position + count;
  char *to = values;
  lks_status status = LKS_OK;
  while (position < end && !status) {
    const void *from;
    lks_window_reader_need(reader, position);
    const size_t begin = reader->at ? reader->order.end[reader->at - 1] : 0;
    const size_t here = lks_min(end, reader->order.end[reader->at]) - position;
    status = lks_window_stream_await(&from, reader->stream, LKS_WINDOW_AT(reader->seek, reader->at), given_up,
                                     context);
    if (!status) memcpy(to, (const char *)from + (position - begin) * bytes, here * bytes);
    to += here * bytes;
    position += here;
  }
  if (status) memset(values, 0, count * bytes);
  return status;
}
