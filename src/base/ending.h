#ifndef LKS_BASE_ENDING_H
#define LKS_BASE_ENDING_H

#include <stddef.h>
#include <string.h>

/** Local. How many bytes of a name stand before its ending; 0: it does not end so, or has nothing before. */
static inline size_t lks_before_ending(const char *name, const char *ending)
{
  const size_t length = strlen(name), rest = strlen(ending);
  return length > rest && strcmp(name + length - rest, ending) == 0 ? length - rest : 0;
}

#endif
