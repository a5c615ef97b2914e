#ifndef LKS_BASE_ARENA_H
#define LKS_BASE_ARENA_H

#include <stddef.h>

#include "lockstep/memory.h"
#include "lockstep/status.h"

/** Memory of one owner, sized first and allocated once: reserve every block, commit, then the pointers are
 * set. Blocks are aligned to 64 bytes and zeroed. */
typedef struct lks_arena lks_arena;

/** Local. */
lks_status lks_arena_create(lks_arena **arena);

/** Local. Asks for `bytes`; *pointer is written by lks_arena_commit, and must stay where it is until then.
 * Zero bytes give a pointer that is not NULL. A failure (too many bytes for size_t) is reported by
 * lks_arena_commit. */
void lks_arena_reserve(lks_arena *arena, void *pointer_address, size_t count, size_t size);

/** Local. Allocates what has been reserved since the last commit and sets the pointers.
 *  LKS_ERR_RANK with the number of bytes in the message when there is not enough memory. */
lks_status lks_arena_commit(lks_arena *arena);

/** Local. Bytes that the next commit would allocate; 0 when nothing was reserved, or more than can be
 * addressed. */
size_t lks_arena_reserved(const lks_arena *arena);

/** Local. Bytes committed so far. */
size_t lks_arena_bytes(const lks_arena *arena);

/** Local. Frees all; takes NULL, sets NULL. */
void lks_arena_destroy(lks_arena **arena);

/** Bytes of the cache lines, of 64 each, that hold so many: rows of that length all begin on a line. */
static inline size_t lks_whole_lines(size_t bytes)
{
  return (bytes + 63) / 64 * 64;
}

/** Local. Checked malloc/calloc of small objects (zeroed); counted like the arena's blocks. Freed with
 * lks_free. NULL and a message on failure. */
void *lks_new(size_t count, size_t size);

#endif
