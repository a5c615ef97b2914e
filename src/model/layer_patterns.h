#ifndef LKS_MODEL_LAYER_PATTERNS_H
#define LKS_MODEL_LAYER_PATTERNS_H

#include <stdbool.h>

#include "lockstep/network.h"

/* Layers as settings name them: names and patterns of the shell (*, ?, [...]), separated by commas. One takes the layers that it matches and, as
 * `layer1` does for `layer1.0.conv1`, all whose names it matches the beginning of, up to a dot. */

/** Local. Whether one of the patterns takes a layer. */
bool lks_layer_patterns_take(const char *patterns, const char *layer);

/** Local. Whether one of them takes the layer of a tensor, "conv1" of "conv1.weight". */
bool lks_layer_patterns_take_tensor(const char *patterns, const char *tensor);

/** Local. LKS_ERR_USAGE, with a suggestion, when one takes no layer that has parameters. option: whose value they are. */
lks_status lks_layer_patterns_check(const char *patterns, const lks_network *network, const char *option);

#endif
