#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "import/picture_decode.h"

/* libpng's low level: its simplified interface takes 16 bits without a gamma for linear light. All that lives across a jump of
 * libpng's is in here. */
typedef struct decoder {
  png_structp png;
  png_infop info;
  const unsigned char *bytes;
  size_t count, at;
  lks_status status;
  char why[128];
} decoder;

static void take_error(png_structp png, png_const_charp text)
{
  decoder *self = png_get_error_ptr(png);
  snprintf(self->why, sizeof self->why, "%s", text);
  png_longjmp(png, 1);
}

static void take_warning(png_structp png, png_const_charp text)
{
  (void)png;
  (void)text;
}

static void give_bytes(png_structp png, png_bytep data, size_t length)
{
  decoder *self = png_get_io_ptr(png);
  if (length > self->count - self->at) png_error(png, "it is truncated");
  memcpy(data, self->bytes + self->at, length);
  self->at += length;
}

/* deflate shrinks a thousandfold at best: a file that declares more was made to use up memory. */
static lks_status check_size(const decoder *self, const lks_picture *picture)
{
  enum { DEFLATE_LIMIT = 1040 };
  const size_t bits = (size_t)png_get_bit_depth(self->png, self->info) *
                      png_get_channels(self->png, self->info) * picture->width;
  if (picture->height * ((bits + 7) / 8) / DEFLATE_LIMIT <= self->count) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "it is truncated: %zu bytes cannot hold %zu x %zu pixels", self->count,
                  picture->height, picture->width);
}

static void ask_for_bytes(decoder *self)
{
  png_set_expand(self->png);
  png_set_scale_16(self->png);
  png_set_interlace_handling(self->png);
  png_read_update_info(self->png, self->info);
}

/* Jumps out of here end in lks_png_decode. */
static void read_all(decoder *self, lks_picture *picture)
{
  png_read_info(self->png, self->info);
  picture->height = png_get_image_height(self->png, self->info);
  picture->width = png_get_image_width(self->png, self->info);
  self->status = check_size(self, picture);
  if (self->status) return;
  const int passes = png_get_interlace_type(self->png, self->info) == PNG_INTERLACE_NONE ? 1 : 7;
  ask_for_bytes(self);
  picture->channels = png_get_channels(self->png, self->info);
  self->status = lks_picture_allocate(picture);
  if (self->status) return;
  const size_t row = picture->width * picture->channels;
  for (int pass = 0; pass < passes; pass++)
    for (size_t y = 0; y < picture->height; y++) png_read_row(self->png, picture->pixels + y * row, NULL);
  png_read_end(self->png, NULL);
}

static lks_status guarded_read(decoder *self, lks_picture *picture)
{
  if (setjmp(png_jmpbuf(self->png)) != 0)
    return lks_fail(LKS_ERR_DATA, "a PNG file that cannot be read: %s", self->why);
  png_set_user_limits(self->png, LKS_PICTURE_PIXELS_MAX, LKS_PICTURE_PIXELS_MAX);
  png_set_read_fn(self->png, self, give_bytes);
  read_all(self, picture);
  return self->status;
}

lks_status lks_png_decode(lks_picture *picture, const void *bytes, size_t count)
{
  decoder self = {.bytes = bytes, .count = count};
  self.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &self, take_error, take_warning);
  if (self.png) self.info = png_create_info_struct(self.png);
  lks_status status = self.info ? guarded_read(&self, picture)
                                : lks_fail(LKS_ERR_RANK, "no memory is left to read a PNG file");
  png_destroy_read_struct(&self.png, &self.info, NULL);
  if (status) lks_picture_clear(picture);
  return status;
}
