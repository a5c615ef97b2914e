#ifndef LKS_TESTS_SUPPORT_GUARDED_H
#define LKS_TESTS_SUPPORT_GUARDED_H

#include <stdbool.h>
#include <stddef.h>

/** Room for an array between two pages that nobody may touch. The array is put at either end of it, on a
 * boundary of 64 bytes; what is left of the nearest pages carries a pattern. So an access past the end next
 * to a page stops the process, and a write on the other side is seen by the pattern. */
typedef struct guarded {
  char *room; /* [bytes of room], NULL if not mapped yet */
  size_t size;
  char *array;
  size_t bytes;
} guarded;

/** False if there is no memory. */
bool guarded_map(guarded *g, size_t size);
void guarded_unmap(guarded *g);

/** The array, every byte of it `fill`; NULL if it does not fit. */
void *guarded_place(guarded *g, size_t bytes, bool at_end, int fill);
/** From now on a write into the array stops the process; until it is placed again. */
void guarded_lock(guarded *g);
/** Is the pattern around the array as it was? */
bool guarded_intact(const guarded *g);

#endif
