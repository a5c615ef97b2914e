#ifndef LKS_EXPORT_INITIAL_MATCH_H
#define LKS_EXPORT_INITIAL_MATCH_H

#include "checkpoint/snapshot.h"
#include "export/initial_weights.h"
#include "export/layer_map.h"
#include "export/weight_file.h"

/* How a file of weights and a network go together: initial_weights.c pairs them up, initial_complaint.c says why it cannot. */

enum { LKS_INITIAL_LIST_ROOM = 1200, LKS_INITIAL_NONE = -1 };

/* A file and the state of a network that it is to fill. */
typedef struct lks_initial_match {
  const lks_initial_rules *rules;
  lks_weight_file *file;
  const lks_network *network;
  lks_layer_map *map;
  lks_snapshot state;
  long *entry; /* [state.arrays] where each comes from, or LKS_INITIAL_NONE */
  bool *used;  /* [entries] */
  long *bias;  /* [state.arrays] of a running mean: the bias that goes into it, or LKS_INITIAL_NONE */
  size_t biases;
  size_t converted;
  char converted_type[16];
  bool rounded;
} lks_initial_match;

/* Names of one kind of trouble: the first ones, and how many there are. */
typedef struct lks_initial_trouble {
  char names[LKS_INITIAL_LIST_ROOM];
  size_t count;
} lks_initial_trouble;

/** Local. Whether a tensor and an array of the file have the same extents. */
bool lks_initial_same_shape(const lks_snapshot_array *array, const lks_weight_entry *entry);

/** Local. LKS_ERR_DATA with what is missing, of another shape and over, and what to do; LKS_OK if there is nothing of these. */
lks_status lks_initial_complain(const lks_initial_match *m, const lks_initial_trouble *missing,
                                const lks_initial_trouble *other_shape, const lks_initial_trouble *unused);

#endif
