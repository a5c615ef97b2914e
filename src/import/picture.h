#ifndef LKS_IMPORT_PICTURE_H
#define LKS_IMPORT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

enum { LKS_PICTURE_PIXELS_MAX = 1 << 26 }; /* a small file can declare more than memory holds */

/** What had to be changed to give a picture the form that was asked for. */
typedef enum lks_picture_change {
  LKS_PICTURE_GREYED = 1,   /* colour became grey: 0.299 R + 0.587 G + 0.114 B */
  LKS_PICTURE_COLOURED = 2, /* grey became three equal channels */
  LKS_PICTURE_OPAQUE = 4    /* what was transparent now stands on black */
} lks_picture_change;

/** A picture in memory, of unsigned bytes. */
typedef struct lks_picture {
  size_t height, width, channels; /* channels: 1 grey, 3 red, green, blue */
  uint8_t *pixels;                /* [height,width,channels], owned */
  unsigned changes;               /* of lks_picture_change */
} lks_picture;

/** Local. Whether so a PNG or JPEG file begins. */
bool lks_picture_begins(const void *bytes, size_t count);

/** Local. Takes a PNG or JPEG file apart that is in memory. channels: 1 or 3; 0 for those that the file has, in
 * which a palette is colour. 16 bits become 8 by v/257, rounded; gamma and colour profiles are not applied, so
 * that the values are those that every other reader of pictures gives. LKS_ERR_DATA for what is neither, is
 * truncated, is damaged, or has more than LKS_PICTURE_PIXELS_MAX pixels. The message does not name the file.
 * Sources: W3C, PNG specification, 2nd edition, 2003; ITU-R BT.601, section 2.5.1. */
lks_status lks_picture_decode(lks_picture *picture, const void *bytes, size_t count, size_t channels);

/** Local. The same of a file, which the message names; LKS_ERR_IO too. */
lks_status lks_picture_read(lks_picture *picture, const char *path, size_t channels);

/** Local. Scales it to a size, without regard to its proportions: each new pixel is the mean of the old ones
 * under a triangle as wide as two steps of the coarser of both grids, in whole numbers, first along the rows.
 * The same size changes nothing. LKS_ERR_RANK. */
lks_status lks_picture_resize(lks_picture *picture, size_t height, size_t width);

/** Local. Says what was changed, the first time that it was; *said, 0 at first, remembers. `path` is the file's. */
void lks_picture_say_changes(unsigned *said, const lks_picture *picture, const char *path);

/** Local. */
void lks_picture_clear(lks_picture *picture);

#endif
