#ifndef LKS_CLI_STATISTICS_SOURCE_H
#define LKS_CLI_STATISTICS_SOURCE_H

#include "lockstep/dataset.h"

/** What FILE[:part[:N]] names: the first N samples of a part of a dataset; 0: all. */
typedef struct lks_statistics_source {
  char file[LKS_TEXT_MAX];
  bool part_given; /* `part` stood there */
  lks_split part;  /* train or test; train unless it is given */
  size_t samples;
} lks_statistics_source;

/** Local. A file whose whole name is text is that file. LKS_ERR_USAGE: N is no number of at least 2, or too large. */
lks_status lks_statistics_source_read(lks_statistics_source *source, const char *text);

#endif
