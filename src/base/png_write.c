#include "base/png_write.h"

#include <png.h>

#include "base/arena.h"
#include "base/file.h"

enum { SIDE_MAX = 65535 };

static lks_status write_image(const char *path, png_image *image, const uint8_t *rgb, size_t most)
{
  png_alloc_size_t bytes = most;
  uint8_t *file = lks_new(most, 1);
  if (!file) return LKS_ERR_RANK;
  const bool packed = png_image_write_to_memory(image, file, &bytes, 0, rgb, 0, NULL);
  lks_status status = packed ? lks_file_write(path, file, bytes)
                             : lks_fail(LKS_ERR_RANK, "%s: libpng says: %s", path, image->message);
  png_image_free(image);
  lks_free(file);
  return status;
}

lks_status lks_png_write(const char *path, const uint8_t *rgb, size_t height, size_t width)
{
  if (!height || !width || height > SIDE_MAX || width > SIDE_MAX / 4)
    return lks_fail(LKS_ERR_USAGE, "%s: a picture of %zu x %zu pixels cannot be written", path, height,
                    width);
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)width,
                     .height = (png_uint_32)height,
                     .format = PNG_FORMAT_RGB};
  return write_image(path, &image, rgb, PNG_IMAGE_PNG_SIZE_MAX(image));
}
