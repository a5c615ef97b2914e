#include "dataset/channels.h"

#include <string.h>

bool lks_looks_channels_first(lks_shape shape)
{
  return (shape.height == 1 || shape.height == 3) && shape.channels > 3 && shape.width > 3;
}

void lks_channels_last(void *to, const void *from, lks_shape shape, size_t value_bytes)
{
  const size_t pixels = shape.height * shape.width;
  char *at = to;
  for (size_t i = 0; i < pixels; i++)
    for (size_t c = 0; c < shape.channels; c++, at += value_bytes)
      memcpy(at, (const char *)from + (c * pixels + i) * value_bytes, value_bytes);
}
