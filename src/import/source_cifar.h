#ifndef LKS_IMPORT_SOURCE_CIFAR_H
#define LKS_IMPORT_SOURCE_CIFAR_H

#include "import/source.h"

/** The binary form of CIFAR-10 and CIFAR-100, and of data laid out like it: a record is its label, or a coarse label and
 * a fine one, of a byte each, and then a sample's pixels, one channel after the other. All borrowed while it is opened. */
typedef struct lks_cifar_options {
  bool hundred; /* two labels a record */
  bool coarse;  /* the first one of these counts */
  const char *const
      *train; /* [trains] files; or one folder with the names that the data are distributed under */
  size_t trains;
  const char *test; /* a file, or NULL */
  lks_shape shape;  /* of a sample; channels 0: 32 x 32 x 3 */
} lks_cifar_options;

/** Local. classes is the largest label + 1, or the count of names where the folder has them. LKS_ERR_DATA for a file
 * that is no whole number of records, LKS_ERR_USAGE for a folder without the files. Source: the page of CIFAR-10. */
lks_status lks_source_cifar_open(lks_source **source, const lks_cifar_options *options);

#endif
