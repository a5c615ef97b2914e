#ifndef LKS_IMPORT_DESCRIBE_SOURCE_H
#define LKS_IMPORT_DESCRIBE_SOURCE_H

#include <stdio.h>

#include "import/source.h"

/** Local. Reads all samples of a source, in bounded memory, and prints what they are, in words. Errors as lks_source_next;
 * nothing is printed then. */
lks_status lks_source_describe(FILE *out, lks_source *source);

#endif
