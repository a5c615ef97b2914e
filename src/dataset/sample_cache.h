#ifndef LKS_DATASET_SAMPLE_CACHE_H
#define LKS_DATASET_SAMPLE_CACHE_H

#include "dataset/dataset_file.h"

/** The samples of a dataset as they lie in memory (lks_layout_sections), in a file of a node's own disk,
 * mapped by its ranks: the system keeps in memory what fits. The file is FOLDER/CONTENT_HASH.samples and
 * serves any later run on the same data. */
typedef struct lks_sample_cache lks_sample_cache;

/** Local. Makes the file, and the folder, from a dataset file whose samples have not been read; a file that
 * is there is checked against the dataset's hash, and replaced when it is damaged. LKS_ERR_IO,
 * LKS_ERR_DATA. */
lks_status lks_sample_cache_make(const char *folder, lks_dataset_file *file);

/** Local. Maps the file that another rank of this node has made; *block [lks_layout_sections] is read-only.
 */
lks_status lks_sample_cache_open(lks_sample_cache **cache, const void **block, const char *folder,
                                 const lks_dataset_header *header);

/** Local. Takes NULL, sets NULL. */
void lks_sample_cache_close(lks_sample_cache **cache);

#endif
