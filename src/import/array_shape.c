#include "import/array_shape.h"

#include "base/log.h"
#include "dataset/channels.h"

static lks_shape image_of(bool *channels_first, const size_t *size, lks_data_layout layout, const char *name,
                          const char *what)
{
  const lks_shape last = {size[1], size[2], size[3]};
  *channels_first = layout == LKS_DATA_LAYOUT_NCHW;
  if (*channels_first) return (lks_shape){size[2], size[3], size[1]};
  if (layout == LKS_DATA_LAYOUT_AUTO && lks_looks_channels_first(last))
    lks_warn(
        "%s: %s is taken for images of %zu x %zu with %zu channels; if the channels come first, give --layout nchw, else --layout nhwc",
        name, what, last.height, last.width, last.channels);
  return last;
}

static lks_status apply(lks_array_shape *out, lks_shape wanted, const char *name)
{
  const lks_shape is = out->shape;
  if (!wanted.channels) return LKS_OK;
  if (is.height * is.width * is.channels != wanted.height * wanted.width * wanted.channels)
    return lks_fail(LKS_ERR_USAGE,
                    "--shape: %zu x %zu x %zu are not as many values as a sample of %s has: %zu",
                    wanted.height, wanted.width, wanted.channels, name, is.height * is.width * is.channels);
  out->shape = wanted;
  return LKS_OK;
}

lks_status lks_array_shape_of(lks_array_shape *out, const size_t *size, size_t rank, lks_data_layout layout,
                              lks_shape wanted, const char *name, const char *what)
{
  *out = (lks_array_shape){0};
  if (rank < 2 || rank > 4)
    return lks_fail(LKS_ERR_DATA, "%s: is %s; samples are (N,D), (N,H,W) or (N,H,W,C)", name, what);
  if (rank == 2) out->shape = (lks_shape){1, 1, size[1]};
  if (rank == 3) out->shape = (lks_shape){size[1], size[2], 1};
  if (rank == 4) out->shape = image_of(&out->channels_first, size, layout, name, what);
  return apply(out, wanted, name);
}
