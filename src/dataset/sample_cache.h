#ifndef LKS_DATASET_SAMPLE_CACHE_H
#define LKS_DATASET_SAMPLE_CACHE_H

#include "dataset/dataset_file.h"

/** The samples of a dataset as they lie in memory (lks_layout_sections), in a file of a node's own disk, read by
 * its ranks: the system keeps in memory what fits. The file is FOLDER/CONTENT_HASH.samples and serves any later
 * run on the same data.
 *
 * It is read, not mapped: a file that is cut short while it is used then is a failure to read, and no signal. A
 * checksum of every block of whole samples is taken while the file is held against the dataset's hash; it is the
 * index, in memory that the ranks of the node share, and with it each block is checked whenever it is read. */
typedef struct lks_sample_cache lks_sample_cache;

/** Local. Bytes of the index: labels, and a checksum a block. The layout has been checked. */
size_t lks_sample_cache_index_bytes(const lks_layout *layout);

/** Local. Makes the file, and the folder, from a dataset file whose samples have not been read; a file that
 * is there is checked against the dataset's hash, and replaced when it is damaged. index
 * [lks_sample_cache_index_bytes] out. LKS_ERR_IO, LKS_ERR_DATA. */
lks_status lks_sample_cache_make(const char *folder, lks_dataset_file *file, void *index);

/** Local. Opens the file that another rank of this node has made; index is borrowed. */
lks_status lks_sample_cache_open(lks_sample_cache **cache, const char *folder,
                                 const lks_dataset_header *header, const void *index);

/** Local. The labels, which lie in the index; pixels and features are NULL. */
lks_contents lks_sample_cache_contents(const lks_sample_cache *cache);

/** Local. Samples of a block of a split; the last one may have fewer. */
size_t lks_sample_cache_block_samples(const lks_sample_cache *cache);
/** Local. Asks the disk for a block that will be read. */
void lks_sample_cache_announce(const lks_sample_cache *cache, lks_split split, size_t block);
/** Local, in any thread. Reads a block into values [block samples] and checks it. LKS_ERR_IO; LKS_ERR_DATA when the
 * file was cut short or changed since it was checked. */
lks_status lks_sample_cache_read(const lks_sample_cache *cache, void *values, lks_split split, size_t block);

/** Local. Takes NULL, sets NULL. */
void lks_sample_cache_close(lks_sample_cache **cache);

#endif
