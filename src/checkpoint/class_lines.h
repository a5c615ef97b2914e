#ifndef LKS_CHECKPOINT_CLASS_LINES_H
#define LKS_CHECKPOINT_CLASS_LINES_H

#include "lockstep/dataset.h"

/** Local. The names of a dataset's classes as one text of lines, in which control characters became question marks:
 * *lines is freed with lks_free, NULL when there are no names. LKS_ERR_RANK. */
lks_status lks_class_lines_make(char **lines, const lks_dataset *dataset);

/** Local. 16 hex digits and a zero: XXH3-64 of such a text. */
void lks_class_lines_hash(char hash[17], const char *lines);

#endif
