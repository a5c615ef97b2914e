#ifndef LKS_BASE_PRINTED_H
#define LKS_BASE_PRINTED_H

#include <stdio.h>

#include "lockstep/status.h"

/** Text that grows as it is printed to its stream, then becomes a string or a file. */
typedef struct lks_printed {
  FILE *stream;
  char *text;
  size_t bytes;
} lks_printed;

/** Local. Every begin has one end: */
lks_status lks_printed_begin(lks_printed *printed);
/** Local. *text is freed with lks_free. */
lks_status lks_printed_text(char **text, lks_printed *printed);
/** Local. Written atomically (lks_file_write). */
lks_status lks_printed_file(const char *path, lks_printed *printed);

#endif
