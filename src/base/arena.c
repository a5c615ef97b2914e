#include "base/arena.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/integers.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, FIRST_CAPACITY = 32 };

typedef struct reservation {
  void *pointer_address;
  size_t offset; /* from the block's begin */
} reservation;

/* Stands in the first ALIGNMENT bytes of each committed block. */
typedef struct block {
  struct block *next;
} block;

struct lks_arena {
  block *blocks;
  size_t committed;
  reservation *pending;
  size_t count, capacity;
  size_t bytes; /* of the coming block, its head included */
  bool overflow, exhausted;
};

static atomic_long open_count, made_count;

static void count_made(void)
{
  atomic_fetch_add(&open_count, 1);
  atomic_fetch_add(&made_count, 1);
}

static void count_freed(void)
{
  atomic_fetch_sub(&open_count, 1);
}

long lks_allocations_open(void)
{
  return atomic_load(&open_count);
}

long lks_allocations_made(void)
{
  return atomic_load(&made_count);
}

void *lks_new(size_t count, size_t size)
{
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    lks_fail(LKS_ERR_RANK, "out of memory: %zu objects of %zu bytes are more than can be addressed", count,
             size);
    return NULL;
  }
  void *pointer = calloc(1, bytes > 0 ? bytes : 1);
  if (!pointer) {
    lks_fail(LKS_ERR_RANK, "out of memory: asked for %zu bytes", bytes);
    return NULL;
  }
  count_made();
  return pointer;
}

void lks_free(void *pointer)
{
  if (!pointer) return;
  count_freed();
  free(pointer);
}

static void forget_pending(lks_arena *arena)
{
  free(arena->pending);
  arena->pending = NULL;
  arena->count = arena->capacity = 0;
  arena->bytes = ALIGNMENT;
  arena->overflow = arena->exhausted = false;
}

lks_status lks_arena_create(lks_arena **arena)
{
  *arena = lks_new(1, sizeof **arena);
  if (!*arena) return LKS_ERR_RANK;
  forget_pending(*arena);
  return LKS_OK;
}

static bool grow_pending(lks_arena *arena)
{
  size_t capacity = arena->capacity > 0 ? 2 * arena->capacity : FIRST_CAPACITY;
  reservation *pending = realloc(arena->pending, capacity * sizeof *pending);
  if (!pending) return false;
  arena->pending = pending;
  arena->capacity = capacity;
  return true;
}

void lks_arena_reserve(lks_arena *arena, void *pointer_address, size_t count, size_t size)
{
  size_t bytes, end;
  if (__builtin_mul_overflow(count, size, &bytes) || __builtin_add_overflow(arena->bytes, bytes, &end) ||
      end > PTRDIFF_MAX - ALIGNMENT) {
    arena->overflow = true;
    return;
  }
  if (arena->count == arena->capacity && !grow_pending(arena)) {
    arena->exhausted = true;
    return;
  }
  arena->pending[arena->count++] = (reservation){pointer_address, arena->bytes};
  arena->bytes = lks_round_up(end, ALIGNMENT);
}

/* A large block in huge pages, where the system grants them on request: activations are walked through from
 * end to end, and each small page would cost an entry of the translation buffer. */
static void *allocate_block(size_t bytes)
{
  if (bytes < 2 * HUGE_PAGE) return aligned_alloc(ALIGNMENT, bytes);
  void *made = aligned_alloc(HUGE_PAGE, lks_round_up(bytes, HUGE_PAGE));
  if (made) madvise(made, bytes, MADV_HUGEPAGE); /* a refusal costs speed alone */
  return made;
}

static lks_status commit_block(lks_arena *arena)
{
  size_t bytes = arena->bytes;
  if (arena->overflow) {
    return lks_fail(LKS_ERR_RANK, "out of memory: more bytes asked for than can be addressed, after %zu",
                    bytes);
  }
  block *made = arena->exhausted ? NULL : allocate_block(bytes);
  if (!made) return lks_fail(LKS_ERR_RANK, "out of memory: asked for %zu bytes", bytes);
  memset(made, 0, bytes);
  made->next = arena->blocks;
  arena->blocks = made;
  arena->committed += bytes;
  count_made();
  for (size_t i = 0; i < arena->count; i++) {
    void *address = (char *)made + arena->pending[i].offset;
    memcpy(arena->pending[i].pointer_address, &address, sizeof address);
  }
  return LKS_OK;
}

lks_status lks_arena_commit(lks_arena *arena)
{
  bool nothing = arena->count == 0 && !arena->overflow && !arena->exhausted;
  lks_status status = nothing ? LKS_OK : commit_block(arena);
  forget_pending(arena);
  return status;
}

size_t lks_arena_reserved(const lks_arena *arena)
{
  return arena->overflow || arena->exhausted || arena->count == 0 ? 0 : arena->bytes;
}

size_t lks_arena_bytes(const lks_arena *arena)
{
  return arena->committed;
}

void lks_arena_destroy(lks_arena **arena)
{
  if (!*arena) return;
  for (block *next, *b = (*arena)->blocks; b; b = next) {
    next = b->next;
    count_freed();
    free(b);
  }
  forget_pending(*arena);
  lks_free(*arena);
  *arena = NULL;
}
