#ifndef LKS_MODEL_PARAMETERS_H
#define LKS_MODEL_PARAMETERS_H

#include "model/network_parts.h"

/** Local. Counts and describes the tensors; the flat arrays are reserved in the network's arena. */
lks_status lks_parameters_describe(lks_network *network);
/** Collective. Initial values: rank 0 draws them, all get them. */
lks_status lks_parameters_initialize_all(lks_network *network);

#endif
