#ifndef LKS_IMPORT_PICTURE_DECODE_H
#define LKS_IMPORT_PICTURE_DECODE_H

#include "import/picture.h"

/* Pixels as a file has them: 1 to 4 channels, an even count of them with alpha as the last one. */

/** Local. picture->pixels is NULL on failure. Errors as lks_picture_decode. */
lks_status lks_png_decode(lks_picture *picture, const void *bytes, size_t count);
lks_status lks_jpeg_decode(lks_picture *picture, const void *bytes, size_t count);

/** Local. Memory for so many channels of its height and width; LKS_ERR_DATA for too many pixels, or none. */
lks_status lks_picture_allocate(lks_picture *picture);

#endif
