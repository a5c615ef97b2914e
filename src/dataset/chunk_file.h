#ifndef LKS_DATASET_CHUNK_FILE_H
#define LKS_DATASET_CHUNK_FILE_H

#include "dataset/dataset_file.h"
#include "dataset/window_filler.h"

/** A split of a dataset file, of which chunks are read in any order by a process of its own. */
typedef struct lks_chunk_file {
  const char *path;
  const lks_dataset_names *names;
  const lks_layout *layout;
  lks_split split;
  size_t chunk, file_bytes; /* samples of a chunk */
  const uint64_t *sum;      /* [chunks] lks_chunk_checksum of each */
} lks_chunk_file;

/** Local. A source of it, which is closed by its end. All that `file` points to is borrowed. Its begin and next fail with LKS_ERR_IO,
 * or LKS_ERR_DATA when the file is not what it was. */
lks_status lks_chunk_file_open(lks_chunk_source *source, const lks_chunk_file *file);

/** Local. Of the values of a chunk. */
uint64_t lks_chunk_checksum(const void *values, size_t bytes);

#endif
