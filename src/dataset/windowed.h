#ifndef LKS_DATASET_WINDOWED_H
#define LKS_DATASET_WINDOWED_H

#include "dataset/chunk_file.h"
#include "dataset/window_reader.h"

/** A dataset whose samples stay in its file: what its ranks know of them, and memory of the node with the labels, a checksum of each
 * chunk, and the windows of its loaders. */
typedef struct lks_windowed lks_windowed;

typedef struct lks_windowed_options {
  const char *path; /* all borrowed but for names */
  const lks_dataset_names *names;
  const lks_dataset_header *header;
  size_t samples;     /* of a window */
  size_t rank, ranks; /* of the node */
} lks_windowed_options;

/** Local. header need not know its hash yet. LKS_ERR_RANK. */
lks_status lks_windowed_create(lks_windowed **windowed, const lks_windowed_options *options);
void lks_windowed_destroy(lks_windowed **windowed);

/** Local. Bytes of the memory that the ranks of the node share; it is borrowed. */
size_t lks_windowed_bytes(const lks_windowed *windowed);
void lks_windowed_place(lks_windowed *windowed, void *memory);

/** Local. Node rank 0, before a barrier of the node: fills that memory while all samples of the file pass by and are checked, and warns
 * where windows will be slow. What the file does not say of itself is known then. Errors as lks_dataset_file_pass. */
lks_status lks_windowed_fill(lks_windowed *windowed, lks_dataset_file *file);

/** Local; borrowed. */
const lks_window *lks_windowed_window(const lks_windowed *windowed);
/** Local. The labels, which lie in the shared memory; pixels and features are NULL. */
lks_contents lks_windowed_contents(const lks_windowed *windowed);

#endif
