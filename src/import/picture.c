#include "import/picture.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/plain_text.h"
#include "import/picture_decode.h"

static const unsigned char png_mark[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
static const unsigned char jpeg_mark[] = {0xff, 0xd8, 0xff};

static bool begins_with(const void *bytes, size_t count, const unsigned char *mark, size_t length)
{
  return count >= length && memcmp(bytes, mark, length) == 0;
}

bool lks_picture_begins(const void *bytes, size_t count)
{
  return begins_with(bytes, count, png_mark, sizeof png_mark) ||
         begins_with(bytes, count, jpeg_mark, sizeof jpeg_mark);
}

lks_status lks_picture_allocate(lks_picture *picture)
{
  if (!picture->height || !picture->width || picture->height > LKS_PICTURE_PIXELS_MAX / picture->width)
    return lks_fail(LKS_ERR_DATA, "%zu x %zu pixels: a picture has 1 to %d", picture->height, picture->width,
                    LKS_PICTURE_PIXELS_MAX);
  picture->pixels = lks_new(picture->height * picture->width, picture->channels);
  return picture->pixels ? LKS_OK : LKS_ERR_RANK;
}

void lks_picture_clear(lks_picture *picture)
{
  lks_free(picture->pixels);
  picture->pixels = NULL;
}

static void put_on_black(lks_picture *picture)
{
  const size_t with = picture->channels, without = with - 1;
  for (size_t i = 0; i < picture->height * picture->width; i++) {
    const uint8_t *old = picture->pixels + i * with;
    const unsigned alpha = old[without];
    if (alpha != 255) picture->changes |= LKS_PICTURE_OPAQUE;
    for (size_t c = 0; c < without; c++)
      picture->pixels[i * without + c] = (uint8_t)((old[c] * alpha + 127) / 255);
  }
  picture->channels = without;
}

/* Weights of 2^16 in all, so that white stays white. */
static void make_grey(lks_picture *picture)
{
  enum { RED = 19595, GREEN = 38470, BLUE = 7471, HALF = 1 << 15 };
  for (size_t i = 0; i < picture->height * picture->width; i++) {
    const uint8_t *rgb = picture->pixels + 3 * i;
    picture->pixels[i] = (uint8_t)((rgb[0] * RED + rgb[1] * GREEN + rgb[2] * BLUE + HALF) >> 16);
  }
  picture->channels = 1;
  picture->changes |= LKS_PICTURE_GREYED;
}

static lks_status make_coloured(lks_picture *picture)
{
  const size_t count = picture->height * picture->width;
  uint8_t *rgb = lks_new(count, 3);
  if (!rgb) return LKS_ERR_RANK;
  for (size_t i = 0; i < count; i++) memset(rgb + 3 * i, picture->pixels[i], 3);
  lks_free(picture->pixels);
  picture->pixels = rgb;
  picture->channels = 3;
  picture->changes |= LKS_PICTURE_COLOURED;
  return LKS_OK;
}

lks_status lks_picture_decode(lks_picture *picture, const void *bytes, size_t count, size_t channels)
{
  *picture = (lks_picture){0};
  lks_status status = begins_with(bytes, count, png_mark, sizeof png_mark)
                          ? lks_png_decode(picture, bytes, count)
                      : begins_with(bytes, count, jpeg_mark, sizeof jpeg_mark)
                          ? lks_jpeg_decode(picture, bytes, count)
                          : lks_fail(LKS_ERR_DATA, "neither a PNG nor a JPEG file");
  if (status) return status;
  if (picture->channels % 2 == 0) put_on_black(picture);
  if (channels == 1 && picture->channels == 3) make_grey(picture);
  if (channels == 3 && picture->channels == 1) status = make_coloured(picture);
  if (status) lks_picture_clear(picture);
  return status;
}

lks_status lks_picture_read(lks_picture *picture, const char *path, size_t channels)
{
  char *bytes;
  size_t count;
  *picture = (lks_picture){0};
  lks_status status = lks_file_read(&bytes, &count, path);
  if (status) return status;
  status = lks_picture_decode(picture, bytes, count, channels);
  lks_free(bytes);
  return status ? lks_fail_in(status, "%s: ", path) : LKS_OK;
}

void lks_picture_say_changes(unsigned *said, const lks_picture *picture, const char *path)
{
  const unsigned new = picture->changes & ~*said;
  char name[512];
  *said |= picture->changes;
  snprintf(name, sizeof name, "%s", path);
  lks_text_make_plain(name);
  if (new &LKS_PICTURE_GREYED)
    lks_note("%s: its colours are made grey (0.299 red + 0.587 green + 0.114 blue); said once", name);
  if (new &LKS_PICTURE_COLOURED)
    lks_note("%s: its grey is taken for red, green and blue alike; said once", name);
  if (new &LKS_PICTURE_OPAQUE) lks_note("%s: what is transparent is put on black; said once", name);
}
