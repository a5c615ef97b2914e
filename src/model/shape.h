#ifndef LKS_MODEL_SHAPE_H
#define LKS_MODEL_SHAPE_H

#include <stdbool.h>

#include "lockstep/model.h"

/** Local. */
static inline bool lks_shape_same(lks_shape a, lks_shape b)
{
  return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

#endif
