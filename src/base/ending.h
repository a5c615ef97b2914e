#ifndef LKS_BASE_ENDING_H
#define LKS_BASE_ENDING_H

#include <stddef.h>
#include <string.h>
#include <strings.h>

/** Local. How many bytes of a name stand before its ending; 0: it does not end so, or has nothing before. */
static inline size_t lks_before_ending(const char *name, const char *ending)
{
  const size_t length = strlen(name), rest = strlen(ending);
  return length > rest && strcmp(name + length - rest, ending) == 0 ? length - rest : 0;
}

/** Local. The same, whatever the case of its letters is. */
static inline size_t lks_before_ending_of_any_case(const char *name, const char *ending)
{
  const size_t length = strlen(name), rest = strlen(ending);
  return length > rest && strcasecmp(name + length - rest, ending) == 0 ? length - rest : 0;
}

#endif
