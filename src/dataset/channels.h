#ifndef LKS_DATASET_CHANNELS_H
#define LKS_DATASET_CHANNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/model.h"

/* Images whose channels come first, as other programs write them. */

/** Local. Whether a shape that was read as height, width, channels looks as if the channels came first: pictures have one or
 * three channels, and more pixels than these. */
bool lks_looks_channels_first(lks_shape shape);

/** Local. to [h,w,c] from [c,h,w], of values of so many bytes. */
void lks_channels_last(void *to, const void *from, lks_shape shape, size_t value_bytes);

#endif
