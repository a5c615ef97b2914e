#ifndef LKS_EXPORT_WEIGHT_LIST_H
#define LKS_EXPORT_WEIGHT_LIST_H

#include "export/network_file.h"

/** One array as other programs expect it. */
typedef struct lks_weight {
  char name[LKS_ARRAY_NAME_MAX + 16];
  bool whole; /* int64, else float32 */
  int dimensions;
  size_t extent[4], bytes;
  const void *data; /* borrowed */
} lks_weight;

typedef struct lks_weight_list {
  size_t count;
  lks_weight *weight; /* owned */
} lks_weight_list;

/** Local. All arrays of a network in PyTorch's order; whole numbers come first, so that all are aligned when they lie one behind the other.
 * The file is borrowed. LKS_ERR_RANK. */
lks_status lks_weight_list_make(lks_weight_list *list, const lks_network_file *file);
void lks_weight_list_clear(lks_weight_list *list);

#endif
