#include "picture_file.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static void append(png_structp png, png_bytep data, size_t length)
{
  lks_picture_file *file = png_get_io_ptr(png);
  file->bytes = realloc(file->bytes, file->count + length);
  if (!file->bytes) abort();
  memcpy(file->bytes + file->count, data, length);
  file->count += length;
}

static void flush(png_structp png)
{
  (void)png;
}

/* Values of fewer than 8 bits stand in a byte each, and libpng packs them. */
static void write_rows(png_structp png, size_t height, size_t row, int bits, const uint16_t *values)
{
  unsigned char *line = malloc(2 * row);
  if (!line) abort();
  for (size_t y = 0; y < height; y++) {
    for (size_t i = 0; i < row; i++) {
      const uint16_t value = values[y * row + i];
      if (bits == 16) line[2 * i] = (unsigned char)(value >> 8);
      line[bits == 16 ? 2 * i + 1 : i] = (unsigned char)value;
    }
    png_write_row(png, line);
  }
  free(line);
}

lks_picture_file lks_make_png(size_t height, size_t width, int channels, int bits, bool interlaced,
                              const uint16_t *values)
{
  static const int kind[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                             PNG_COLOR_TYPE_RGB_ALPHA};
  lks_picture_file file = {NULL, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, append, flush);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, bits, kind[channels - 1],
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  png_set_packing(png);
  const int passes = png_set_interlace_handling(png);
  for (int pass = 0; pass < passes; pass++) write_rows(png, height, width * (size_t)channels, bits, values);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

lks_picture_file lks_make_jpeg(size_t height, size_t width, int channels, bool progressive,
                               const uint8_t *values)
{
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  lks_picture_file file = {NULL, 0};
  unsigned long count = 0;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &file.bytes, &count);
  jpeg.image_height = (JDIMENSION)height;
  jpeg.image_width = (JDIMENSION)width;
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    JSAMPROW row = (JSAMPROW)(uintptr_t)(values + (size_t)jpeg.next_scanline * width * (size_t)channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  file.count = count;
  return file;
}

bool lks_picture_file_put(const char *path, const lks_picture_file *file)
{
  FILE *out = fopen(path, "wb");
  if (!out) return false;
  const bool ok = fwrite(file->bytes, 1, file->count, out) == file->count;
  return fclose(out) == 0 && ok;
}
