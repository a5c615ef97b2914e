#include "guarded.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 65536, PATTERN = 0x5a, REACH = 8192 }; /* PAGE: the largest that processors here have */

bool guarded_map(guarded *g, size_t size)
{
  size = (size + PAGE - 1) / PAGE * PAGE;
  char *all =
      mmap(NULL, size + 2 * (size_t)PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) return false;
  *g = (guarded){.room = all + PAGE, .size = size};
  return mprotect(g->room, size, PROT_READ | PROT_WRITE) == 0;
}

void guarded_unmap(guarded *g)
{
  if (g->room) munmap(g->room - PAGE, g->size + 2 * (size_t)PAGE);
  *g = (guarded){0};
}

static char *pattern_begin(const guarded *g)
{
  return g->array - g->room > REACH ? g->array - REACH : g->room;
}

static char *pattern_end(const guarded *g)
{
  char *end = g->array + g->bytes, *last = g->room + g->size;
  return last - end > REACH ? end + REACH : last;
}

void *guarded_place(guarded *g, size_t bytes, bool at_end, int fill)
{
  const size_t whole = (bytes + 63) / 64 * 64;
  if (whole > g->size || mprotect(g->room, g->size, PROT_READ | PROT_WRITE) != 0) return NULL;
  g->array = at_end ? g->room + g->size - whole : g->room;
  g->bytes = bytes;
  memset(pattern_begin(g), PATTERN, (size_t)(pattern_end(g) - pattern_begin(g)));
  memset(g->array, fill, bytes);
  return g->array;
}

void guarded_lock(guarded *g)
{
  mprotect(g->room, g->size, PROT_READ);
}

bool guarded_intact(const guarded *g)
{
  for (const char *c = pattern_begin(g); c < g->array; c++)
    if (*c != PATTERN) return false;
  for (const char *c = g->array + g->bytes; c < pattern_end(g); c++)
    if (*c != PATTERN) return false;
  return true;
}
