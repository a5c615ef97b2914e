#include "cli/shape.h"

#include <stdio.h>

lks_status lks_shape_read(lks_shape *shape, const char *text)
{
  unsigned h, w, c;
  int used = 0;
  if (sscanf(text, "%6ux%6ux%6u%n", &h, &w, &c, &used) == 3 && text[used] == '\0' && h && w && c) {
    *shape = (lks_shape){h, w, c};
    return LKS_OK;
  }
  if (sscanf(text, "%9u%n", &c, &used) == 1 && text[used] == '\0' && c) {
    *shape = (lks_shape){1, 1, c};
    return LKS_OK;
  }
  return lks_fail(LKS_ERR_USAGE,
                  "--shape: '%.100s' is neither HxWxC, such as 28x28x1, nor a number of features", text);
}

lks_status lks_size_read(size_t *height, size_t *width, const char *option, const char *text)
{
  unsigned h, w;
  int used = 0;
  if (sscanf(text, "%5ux%5u%n", &h, &w, &used) != 2 || text[used] != '\0' || !h || !w)
    return lks_fail(LKS_ERR_USAGE, "%s: '%.100s' is no height and width, such as 64x48", option, text);
  *height = h;
  *width = w;
  return LKS_OK;
}
