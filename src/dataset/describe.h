#ifndef LKS_DATASET_DESCRIBE_H
#define LKS_DATASET_DESCRIBE_H

#include <stdio.h>

#include "lockstep/settings.h"
#include "lockstep/status.h"

/** Local. Reads all of a dataset file, in bounded memory, and prints what it is, in words: what was recognized and what
 * is missing, classes, values, how it is stored. names as lks_dataset_file_open has them. Nothing is printed when it is
 * not sound, but for values that are not finite: these are counted, and then LKS_ERR_DATA. */
lks_status lks_dataset_describe(FILE *out, const char *path, const lks_dataset_names *names);

#endif
