#ifndef LKS_BASE_PNG_WRITE_H
#define LKS_BASE_PNG_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** Local. Writes an RGB picture, rgb [height,width,3], as PNG. The same bytes for the same picture and libraries.
 * Errors as lks_file_write. */
lks_status lks_png_write(const char *path, const uint8_t *rgb, size_t height, size_t width);

#endif
