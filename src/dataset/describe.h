#ifndef LKS_DATASET_DESCRIBE_H
#define LKS_DATASET_DESCRIBE_H

#include <stdio.h>

#include "lockstep/status.h"

/** Local. Reads all of a dataset file and prints what it is, in words. Nothing is printed when it is not
 * sound. */
lks_status lks_dataset_describe(FILE *out, const char *path);

#endif
