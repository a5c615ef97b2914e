#ifndef LKS_EXPORT_LAYER_MAP_H
#define LKS_EXPORT_LAYER_MAP_H

#include "checkpoint/snapshot.h"

enum { LKS_MAPPED_NAME_MAX = LKS_ARRAY_NAME_MAX + 256 };

/** What layers are called in a file of another program. */
typedef struct lks_layer_map lks_layer_map;

/** Local. From a file of lines `LAYER = NAME`, such as `conv1 = features.0`: what the model has as conv1.weight, the other file has as
 * features.0.weight. LAYER may also be what names of several layers begin with, up to a dot; the longest counts. An empty path: names are the same.
 *  LKS_ERR_USAGE, with the line, for a layer that the network has not, or one that stands there twice; LKS_ERR_IO; LKS_ERR_RANK. */
lks_status lks_layer_map_read(lks_layer_map **map, const char *path, const lks_network *network);
/** Local. Takes NULL, sets NULL. */
void lks_layer_map_destroy(lks_layer_map **map);

/** Local. name out: of a tensor of the network, what it is called in the file. */
void lks_layer_map_name(char name[LKS_MAPPED_NAME_MAX], const lks_layer_map *map, const char *tensor);

#endif
