#ifndef LKS_EXPORT_INITIAL_WEIGHTS_H
#define LKS_EXPORT_INITIAL_WEIGHTS_H

#include "lockstep/network.h"

/** How names of a file and of a network go together. */
typedef struct lks_initial_rules {
  const char *path;
  const char *prefix;  /* stands before every name in the file, "" in most */
  const char *map;     /* path of the names that layers have in the file, see layer_map.h; "" in most */
  const char *except;  /* layers, as patterns, that keep the values they have */
  bool ignore_missing; /* tensors that the file has not keep the values they have */
  bool quiet;          /* do not say how much was taken */
  bool ignore_unused;  /* arrays that the network has not are left out */
} lks_initial_rules;

/** Collective. Parameters, running statistics and batches tracked from a checkpoint, safetensors or .npz, with the names of PyTorch's state_dict; rank 0
 * reads. A bias that the file has and the model has not, because batch norm follows, goes into that one's running mean.
 * LKS_ERR_DATA with one message that names what is missing, superfluous or of another shape, and what to do, the
 * network being untouched; or for values that are not finite or variances below 0. LKS_ERR_USAGE for a pattern that takes no layer. */
lks_status lks_initial_weights_put_all(lks_comm *comm, lks_network *network, const lks_initial_rules *rules);

#endif
