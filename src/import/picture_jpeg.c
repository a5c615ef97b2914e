#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "import/picture_decode.h"

enum { SCANS_MAX = 200 }; /* each goes over the whole picture, and a small file can have thousands */

/* All that lives across a jump out of libjpeg. */
typedef struct decoder {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf leave;
  lks_status status;
  char why[JMSG_LENGTH_MAX];
} decoder;

static void leave_with_text(j_common_ptr jpeg)
{
  decoder *self = jpeg->client_data;
  jpeg->err->format_message(jpeg, self->why);
  longjmp(self->leave, 1);
}

/* What libjpeg only warns of it has made up: the rest of a truncated picture is grey. */
static void take_message(j_common_ptr jpeg, int level)
{
  const int code = jpeg->err->msg_code;
  if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM) leave_with_text(jpeg);
}

static void count_scans(j_common_ptr jpeg)
{
  decoder *self = jpeg->client_data;
  if (self->jpeg.input_scan_number <= SCANS_MAX) return;
  snprintf(self->why, sizeof self->why, "it has more than %d scans", SCANS_MAX);
  longjmp(self->leave, 1);
}

/* Inks to light. Adobe's files hold them inverted, as light already. */
static void unmix_inks(lks_picture *picture, bool inverted)
{
  const unsigned char flip = inverted ? 0 : 255;
  for (size_t i = 0; i < picture->height * picture->width; i++) {
    const unsigned char *inks = picture->pixels + 4 * i;
    const unsigned black = inks[3] ^ flip;
    for (size_t c = 0; c < 3; c++)
      picture->pixels[3 * i + c] = (unsigned char)(((inks[c] ^ flip) * black + 127) / 255);
  }
  picture->channels = 3;
}

static void read_all(decoder *self, lks_picture *picture, const void *bytes, size_t count)
{
  struct jpeg_decompress_struct *jpeg = &self->jpeg;
  jpeg_mem_src(jpeg, bytes, count);
  jpeg_read_header(jpeg, TRUE);
  const bool inks = jpeg->num_components == 4;
  jpeg->out_color_space = inks ? JCS_CMYK : jpeg->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_calc_output_dimensions(jpeg);
  picture->height = jpeg->output_height;
  picture->width = jpeg->output_width;
  picture->channels = (size_t)jpeg->output_components;
  self->status = lks_picture_allocate(picture);
  if (self->status) return;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = picture->pixels + (size_t)jpeg->output_scanline * picture->width * picture->channels;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  if (inks) unmix_inks(picture, jpeg->saw_Adobe_marker);
}

static lks_status guarded_read(decoder *self, lks_picture *picture, const void *bytes, size_t count)
{
  if (setjmp(self->leave) != 0)
    return lks_fail(LKS_ERR_DATA, "a JPEG file that cannot be read: %s", self->why);
  jpeg_create_decompress(&self->jpeg);
  self->jpeg.progress = &self->progress;
  read_all(self, picture, bytes, count);
  return self->status;
}

lks_status lks_jpeg_decode(lks_picture *picture, const void *bytes, size_t count)
{
  decoder self = {.status = LKS_OK};
  self.jpeg.err = jpeg_std_error(&self.errors);
  self.errors.error_exit = leave_with_text;
  self.errors.emit_message = take_message;
  self.progress.progress_monitor = count_scans;
  self.jpeg.client_data = &self;
  lks_status status = guarded_read(&self, picture, bytes, count);
  jpeg_destroy_decompress(&self.jpeg);
  if (status) lks_picture_clear(picture);
  return status;
}
