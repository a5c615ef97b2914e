#ifndef LKS_TESTS_PICTURE_FILE_H
#define LKS_TESTS_PICTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A picture file in memory; freed with free. */
typedef struct lks_picture_file {
  unsigned char *bytes;
  size_t count;
} lks_picture_file;

/** Local. A PNG of values [height,width,channels] of `bits` (1, 2, 4, 8, 16) each; channels 1 to 4. */
lks_picture_file lks_make_png(size_t height, size_t width, int channels, int bits, bool interlaced,
                              const uint16_t *values);

/** Local. A JPEG of the best quality, of values [height,width,channels]; channels 1, 3, or 4 for inks. */
lks_picture_file lks_make_jpeg(size_t height, size_t width, int channels, bool progressive,
                               const uint8_t *values);

/** Local. Puts it at a path; whether that worked. */
bool lks_picture_file_put(const char *path, const lks_picture_file *file);

#endif
