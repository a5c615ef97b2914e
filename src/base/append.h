#ifndef LKS_BASE_APPEND_H
#define LKS_BASE_APPEND_H

#include <stddef.h>

/** Local. Prints behind a text, in its buffer of `size` bytes; what does not fit is cut off. */
void lks_append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
