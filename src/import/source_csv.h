#ifndef LKS_IMPORT_SOURCE_CSV_H
#define LKS_IMPORT_SOURCE_CSV_H

#include "import/source.h"

typedef enum lks_csv_heading {
  LKS_CSV_HEADING_AUTO,
  LKS_CSV_HEADING_YES,
  LKS_CSV_HEADING_NO
} lks_csv_heading;

/** How tables are to be taken. All borrowed. */
typedef struct lks_csv_options {
  const char *train, *test; /* files; test may be NULL */
  const char *label;        /* column: a name, a number from 1 on, or "last"; "": one whose name says so */
  lks_csv_heading
      heading;     /* AUTO: a first line without any number is one, and so is one that has the label's name */
  char separator;  /* 0: see lks_csv_rows_open */
  lks_shape shape; /* the other columns are an image of this shape; channels 0: they are features */
} lks_csv_options;

/** Local. A row is a sample. Its label may be a word; every other column is a feature, a finite number. Of an image, whole
 * numbers from 0 to 255 throughout become pixels, others stay f32. Reads the files once, with lines about its progress
 * when it takes long. LKS_ERR_DATA names FILE:LINE and the column, LKS_ERR_USAGE a label or shape that does not fit. */
lks_status lks_source_csv_open(lks_source **source, const lks_csv_options *options);

#endif
