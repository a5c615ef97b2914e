#ifndef LKS_IMPORT_IMPORT_H
#define LKS_IMPORT_IMPORT_H

#include "import/source.h"

typedef struct lks_import_options {
  const char *output; /* dataset to be written */
  bool force;         /* replaces a file that is there */
  double test_share;  /* of the training samples, for testing; 0: none */
  uint64_t seed;      /* which of them */
} lks_import_options;

/** Local. Writes a dataset file of all that a source gives, in bounded memory, with lines about its progress when it
 * takes long; all of it or nothing. layout_or_NULL out: what was written. LKS_ERR_USAGE for a share when there are test
 * samples already, and when the output is there and not to be replaced; else as the source and lks_dataset_writer. */
lks_status lks_import(lks_layout *layout_or_null, lks_source *source, const lks_import_options *options);

#endif
