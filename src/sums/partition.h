#ifndef LKS_SUMS_PARTITION_H
#define LKS_SUMS_PARTITION_H

#include <stddef.h>

/** Local. Part `part` of `items` cut into `parts` contiguous runs begins at lks_partition_begin(items, parts,
 * part) and ends where the next one begins; sizes differ by at most one, and larger parts come first. part
 * may equal parts (the end). */
size_t lks_partition_begin(size_t items, size_t parts, size_t part);

/** Local. The part that holds `item`. */
size_t lks_partition_owner(size_t items, size_t parts, size_t item);

#endif
