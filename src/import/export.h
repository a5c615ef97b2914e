#ifndef LKS_IMPORT_EXPORT_H
#define LKS_IMPORT_EXPORT_H

#include "import/source.h"

/** Local. Writes an .npz file that numpy.load opens: x_train and y_train and, unless there is no test part, x_test and
 * y_test: u1 (N,H,W,C), f4 (N,H,W,C) or f4 (N,D), and i4 (N); not compressed, as numpy.savez has it. All of it or nothing.
 * replace: a file that is there; without it, one that comes to be there meanwhile is LKS_ERR_USAGE. Other errors as the
 * source's, and LKS_ERR_IO. */
lks_status lks_export_npz(lks_source *source, const char *path, bool replace);

typedef struct lks_export_csv_options {
  lks_split part; /* a table holds one of them */
  bool words;     /* labels are the names of their classes, not their numbers */
  bool replace;   /* as above */
} lks_export_csv_options;

/** Local. Writes a table: a heading, then a sample a line, its label and its values, which read back as the same numbers.
 * All of it or nothing. LKS_ERR_USAGE when there is no such part, or there are no names; else as above. */
lks_status lks_export_csv(lks_source *source, const char *path, const lks_export_csv_options *options);

#endif
