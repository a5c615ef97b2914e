#include "dataset/window_order.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/random.h"

struct lks_window_planner {
  lks_window_options options;
  bool ascending;
  size_t chunks, most, windows_most, windows;
  lks_arena *arena;
  uint32_t *sample, *listed; /* [count]; [most] the samples of a window, ascending */
  uint32_t *begin,
      *turn; /* [chunks + 1] where those of a chunk begin in the list; [chunks] which comes when */
  size_t *end;
};

static uint32_t listed_at(const lks_window_options *o, size_t i)
{
  return o->subset ? o->subset[i] : (uint32_t)i;
}

static bool is_ascending(const lks_window_options *o)
{
  for (size_t i = 1; i < o->count && o->subset; i++)
    if (o->subset[i] <= o->subset[i - 1]) return false;
  return true;
}

/* Of those in which samples of an ascending list lie. */
static size_t count_chunks(const lks_window_options *o)
{
  size_t chunks = 0;
  for (size_t i = 0; i < o->count; i++)
    chunks += i == 0 || listed_at(o, i) / o->chunk != listed_at(o, i - 1) / o->chunk;
  return chunks;
}

static void find_chunks(lks_window_planner *p)
{
  const lks_window_options *o = &p->options;
  size_t chunks = 0;
  for (size_t i = 0; i < o->count; i++)
    if (i == 0 || listed_at(o, i) / o->chunk != listed_at(o, i - 1) / o->chunk)
      p->begin[chunks++] = (uint32_t)i;
  p->begin[chunks] = (uint32_t)o->count;
}

static void measure(lks_window_planner *p)
{
  const lks_window_options *o = &p->options;
  const size_t least = o->shuffled ? o->window : p->ascending ? lks_min(o->portion, o->most) : o->most;
  p->chunks = o->shuffled ? count_chunks(o) : 0;
  p->windows_most = o->count / least + 1;
  p->most = o->shuffled && o->window < o->count ? lks_min(o->window + o->chunk - 1, o->count)
            : o->shuffled                       ? o->count
                                                : lks_min(o->most, o->count);
}

lks_status lks_window_planner_create(lks_window_planner **planner, const lks_window_options *options)
{
  lks_window_planner *p = *planner = lks_new(1, sizeof *p);
  if (!p) return LKS_ERR_RANK;
  p->options = *options;
  p->ascending = is_ascending(options);
  lks_status status = LKS_OK;
  if (options->shuffled && !p->ascending)
    status =
        lks_fail(LKS_ERR_USAGE, "samples that are shuffled in windows must be listed in ascending order");
  measure(p);
  if (!status) status = lks_arena_create(&p->arena);
  if (!status) {
    lks_arena_reserve(p->arena, &p->sample, options->count, sizeof *p->sample);
    lks_arena_reserve(p->arena, &p->end, p->windows_most, sizeof *p->end);
    lks_arena_reserve(p->arena, &p->listed, options->shuffled ? p->most : 0, sizeof *p->listed);
    lks_arena_reserve(p->arena, &p->begin, p->chunks + 1, sizeof *p->begin);
    lks_arena_reserve(p->arena, &p->turn, p->chunks, sizeof *p->turn);
    status = lks_arena_commit(p->arena);
  }
  if (!status && options->shuffled) find_chunks(p);
  if (status) lks_window_planner_destroy(planner);
  return status;
}

void lks_window_planner_destroy(lks_window_planner **planner)
{
  if (!*planner) return;
  lks_arena_destroy(&(*planner)->arena);
  lks_free(*planner);
  *planner = NULL;
}

size_t lks_window_planner_most(const lks_window_planner *planner)
{
  return planner->most;
}

static int compare(const void *a, const void *b)
{
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* The samples of the chunks turn[first .. last - 1], shuffled: the window behind the last one. Its number is in the place of a
 * sample's, so that the only window has the bits of an epoch without windows. */
static void shuffle_window(lks_window_planner *p, size_t first, size_t last, size_t epoch)
{
  const lks_window_options *o = &p->options;
  const size_t number = p->windows, at = number ? p->end[number - 1] : 0;
  size_t count = 0;
  qsort(p->turn + first, last - first, sizeof *p->turn, compare);
  for (size_t t = first; t < last; t++)
    for (size_t i = p->begin[p->turn[t]]; i < p->begin[p->turn[t] + 1]; i++)
      p->listed[count++] = listed_at(o, i);
  const lks_random_key key =
      lks_random_key_make(o->seed, LKS_RANDOM_SHUFFLE, 0, (uint32_t)epoch, (uint32_t)number);
  lks_random_permutation(p->sample + at, count, &key);
  for (size_t i = at; i < at + count; i++) p->sample[i] = p->listed[p->sample[i]];
  p->end[p->windows++] = at + count;
}

static void shuffle(lks_window_planner *p, size_t epoch)
{
  const lks_random_key key = lks_random_key_make(p->options.seed, LKS_RANDOM_WINDOW, 0, (uint32_t)epoch, 0);
  size_t first = 0, samples = 0;
  lks_random_permutation(p->turn, p->chunks, &key);
  for (size_t t = 0; t < p->chunks; t++) {
    samples += p->begin[p->turn[t] + 1] - p->begin[p->turn[t]];
    if (samples < p->options.window && t + 1 < p->chunks) continue;
    shuffle_window(p, first, t + 1, epoch);
    first = t + 1;
    samples = 0;
  }
}

/* Whether a window that began at `begin` ends behind position i. */
static bool ends_behind(const lks_window_planner *p, size_t begin, size_t i)
{
  const lks_window_options *o = &p->options;
  const size_t samples = i + 1 - begin;
  if (i + 1 == o->count || samples == o->most) return true;
  return p->ascending && samples >= o->portion && p->sample[i] / o->chunk != p->sample[i + 1] / o->chunk;
}

static void cut(lks_window_planner *p)
{
  size_t begin = 0;
  for (size_t i = 0; i < p->options.count; i++) p->sample[i] = listed_at(&p->options, i);
  for (size_t i = 0; i < p->options.count; i++)
    if (ends_behind(p, begin, i)) p->end[p->windows++] = begin = i + 1;
}

lks_window_order lks_window_planner_order(lks_window_planner *planner, size_t epoch)
{
  planner->windows = 0;
  if (planner->options.shuffled)
    shuffle(planner, epoch);
  else
    cut(planner);
  return (lks_window_order){planner->sample, planner->end, planner->windows};
}
