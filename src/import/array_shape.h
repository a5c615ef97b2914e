#ifndef LKS_IMPORT_ARRAY_SHAPE_H
#define LKS_IMPORT_ARRAY_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/model.h"
#include "lockstep/settings.h"
#include "lockstep/status.h"

/** What the samples of an array are. */
typedef struct lks_array_shape {
  lks_shape shape;
  bool channels_first; /* a sample lies there as c,h,w */
} lks_array_shape;

/** Local. Of an array [size[0],...]: (N,D) is features, (N,H,W) images of one channel, (N,H,W,C) or, as `layout` says,
 * (N,C,H,W). wanted: of the same count of values instead; channels 0: none. Warns when height, width and channels look
 * as if they stood in the other order. `name` is the array's, what its type and shape. LKS_ERR_DATA, LKS_ERR_USAGE. */
lks_status lks_array_shape_of(lks_array_shape *out, const size_t *size, size_t rank, lks_data_layout layout,
                              lks_shape wanted, const char *name, const char *what);

#endif
