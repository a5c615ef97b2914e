#ifndef LKS_CLI_SHAPE_H
#define LKS_CLI_SHAPE_H

#include "lockstep/model.h"

/** Local. Reads the value of --shape, "28x28x1" or a number of features (1, 1, D). LKS_ERR_USAGE for anything
 * else. */
lks_status lks_shape_read(lks_shape *shape, const char *text);

/** Local. Reads a height and a width, "64x48", of the option that is named. LKS_ERR_USAGE for anything else. */
lks_status lks_size_read(size_t *height, size_t *width, const char *option, const char *text);

#endif
