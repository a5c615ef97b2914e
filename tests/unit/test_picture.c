#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "import/picture.h"
#include "lockstep/memory.h"
#include "support/picture_file.h"

enum { HEIGHT = 11, WIDTH = 13, PIXELS = HEIGHT * WIDTH, MOST = 4 * PIXELS };

/* Values of so many bits that follow no rule. */
static void make_up(uint16_t *values, size_t count, int bits)
{
  uint32_t state = 12345;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (uint16_t)(state >> (32 - bits));
  }
}

static lks_picture decoded(lks_picture_file *file, size_t channels)
{
  lks_picture picture;
  lks_status status = lks_picture_decode(&picture, file->bytes, file->count, channels);
  if (status) fail_msg("status %d: %s", status, lks_message());
  free(file->bytes);
  assert_int_equal(picture.height, HEIGHT);
  assert_int_equal(picture.width, WIDTH);
  return picture;
}

/* What one pixel is to become, in double. */
static double naive(const uint16_t *value, int found, size_t wanted, size_t c, double most)
{
  const double alpha = found % 2 == 0 ? value[found - 1] / most : 1;
  if (found <= 2) return 255 * value[0] / most * alpha;
  if (wanted == 1) return 255 * alpha * (0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2]) / most;
  return 255 * value[c] / most * alpha;
}

/* PNG of every depth and kind, to every count of channels, against the formulas in double. */
static void test_png(void **state)
{
  (void)state;
  static const struct {
    int channels, bits;
  } kind[] = {{1, 1}, {1, 2}, {1, 4}, {1, 8}, {1, 16}, {2, 8}, {2, 16}, {3, 8}, {3, 16}, {4, 8}, {4, 16}};
  uint16_t values[MOST];
  for (size_t k = 0; k < sizeof kind / sizeof *kind; k++)
    for (size_t wanted = 0; wanted <= 3; wanted += wanted ? 2 : 1)
      for (int interlaced = 0; interlaced < 2; interlaced++) {
        const int found = kind[k].channels;
        make_up(values, PIXELS * (size_t)found, kind[k].bits);
        lks_picture_file file = lks_make_png(HEIGHT, WIDTH, found, kind[k].bits, interlaced, values);
        lks_picture picture = decoded(&file, wanted);
        const size_t channels = wanted ? wanted : found <= 2 ? 1 : 3;
        const double steps = 0.51 + (kind[k].bits == 16 ? found % 2 == 0 ? 1 : 0.5 : 0) +
                             (found == 4 ? 0.5 : 0); /* roundings */
        assert_int_equal(picture.channels, channels);
        for (size_t i = 0; i < PIXELS * channels; i++) {
          double right = naive(values + i / channels * (size_t)found, found, channels, i % channels,
                               (double)((1 << kind[k].bits) - 1));
          if (fabs(picture.pixels[i] - right) > steps)
            fail_msg("%d channels of %d bits as %zu: value %zu is %u and not %f", found, kind[k].bits,
                     channels, i, picture.pixels[i], right);
        }
        unsigned changes = found % 2 == 0 ? LKS_PICTURE_OPAQUE : 0;
        if (found <= 2 && wanted == 3) changes |= LKS_PICTURE_COLOURED;
        if (found > 2 && wanted == 1) changes |= LKS_PICTURE_GREYED;
        assert_int_equal(picture.changes, changes);
        lks_picture_clear(&picture);
      }
}

/* The same picture in 8 and in 16 bits: to the bit where 16 are 257 times 8. */
static void test_depths_agree(void **state)
{
  (void)state;
  uint16_t values[MOST], twice[MOST];
  make_up(values, MOST, 8);
  for (size_t i = 0; i < MOST; i++) twice[i] = (uint16_t)(values[i] * 257);
  for (int channels = 1; channels <= 4; channels++) {
    lks_picture_file shallow = lks_make_png(HEIGHT, WIDTH, channels, 8, false, values),
                     deep = lks_make_png(HEIGHT, WIDTH, channels, 16, false, twice);
    lks_picture a = decoded(&shallow, 1), b = decoded(&deep, 1);
    assert_memory_equal(a.pixels, b.pixels, PIXELS);
    lks_picture_clear(&a);
    lks_picture_clear(&b);
  }
}

static void test_opaque_alpha_is_no_change(void **state)
{
  (void)state;
  uint16_t values[2 * PIXELS];
  make_up(values, 2 * PIXELS, 8);
  for (size_t i = 1; i < 2 * PIXELS; i += 2) values[i] = 255;
  lks_picture_file file = lks_make_png(HEIGHT, WIDTH, 2, 8, false, values);
  lks_picture picture = decoded(&file, 1);
  assert_int_equal(picture.changes, 0);
  for (size_t i = 0; i < PIXELS; i++) assert_int_equal(picture.pixels[i], values[2 * i]);
  lks_picture_clear(&picture);
}

/* A smooth picture, which JPEG of the best quality keeps to a few steps. */
static void test_jpeg(void **state)
{
  (void)state;
  uint8_t values[MOST];
  for (int channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1)
    for (int progressive = 0; progressive < 2; progressive++) {
      for (size_t i = 0; i < PIXELS; i++)
        for (int c = 0; c < channels; c++)
          values[i * (size_t)channels + (size_t)c] = (uint8_t)(40 + 9 * (i / WIDTH) + 7 * (i % WIDTH));
      lks_picture_file file = lks_make_jpeg(HEIGHT, WIDTH, channels, progressive, values);
      lks_picture picture = decoded(&file, 0);
      assert_int_equal(picture.channels, channels == 1 ? 1 : 3);
      for (size_t i = 0; i < PIXELS * picture.channels; i++) {
        const uint8_t grey = values[i / picture.channels * (size_t)channels];
        const int right = channels == 4 ? grey * grey / 255 : grey; /* inks with Adobe's mark */
        assert_true(abs(picture.pixels[i] - right) <= 4);
      }
      lks_picture_clear(&picture);
    }
}

static void expect_refused(const void *bytes, size_t count, const char *part)
{
  lks_picture picture;
  lks_status status = lks_picture_decode(&picture, bytes, count, 0);
  if (status != LKS_ERR_DATA || !strstr(lks_message(), part))
    fail_msg("of %zu bytes: status %d, \"%s\"", count, status, status ? lks_message() : "");
  assert_null(picture.pixels);
}

/* A file that ends before its end is refused wherever it ends; libjpeg alone would make up the rest. */
static void test_truncated(void **state)
{
  (void)state;
  uint16_t values[MOST];
  uint8_t bytes[MOST];
  make_up(values, MOST, 8);
  for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)values[i];
  lks_picture_file files[] = {
      lks_make_png(HEIGHT, WIDTH, 3, 8, false, values), lks_make_png(HEIGHT, WIDTH, 4, 16, true, values),
      lks_make_jpeg(HEIGHT, WIDTH, 3, false, bytes), lks_make_jpeg(HEIGHT, WIDTH, 1, true, bytes)};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    for (size_t count = 0; count < files[i].count; count++) {
      unsigned char *part = malloc(count + 1); /* of its own, so that a sanitizer sees the end */
      assert_non_null(part);
      memcpy(part, files[i].bytes, count);
      expect_refused(part, count, "");
      free(part);
    }
    free(files[i].bytes);
  }
}

/* Bytes changed at random give a picture or a message, nothing else. */
static void test_mutated(void **state)
{
  (void)state;
  uint16_t values[MOST];
  uint8_t bytes[MOST];
  make_up(values, MOST, 8);
  for (size_t i = 0; i < MOST; i++) bytes[i] = (uint8_t)values[i];
  lks_picture_file files[] = {lks_make_png(HEIGHT, WIDTH, 4, 8, true, values),
                              lks_make_jpeg(HEIGHT, WIDTH, 3, true, bytes)};
  size_t refused = 0;
  for (size_t i = 0; i < 2; i++) {
    for (size_t at = 0; at < files[i].count; at++) {
      lks_picture picture;
      files[i].bytes[at] ^= 0x41;
      refused += lks_picture_decode(&picture, files[i].bytes, files[i].count, 1) != LKS_OK;
      files[i].bytes[at] ^= 0x41;
      lks_picture_clear(&picture);
    }
    free(files[i].bytes);
  }
  assert_true(refused > 100);
}

static void put_number(unsigned char *at, uint32_t number)
{
  for (int i = 0; i < 4; i++) at[i] = (unsigned char)(number >> (24 - 8 * i));
}

/* A PNG of 2^31 pixels in a hundred bytes, and JPEGs of 65,500 x 65,500. */
static void test_declares_too_much(void **state)
{
  (void)state;
  uint16_t values[PIXELS] = {0};
  uint8_t bytes[PIXELS] = {0};
  lks_picture_file png = lks_make_png(HEIGHT, WIDTH, 1, 8, false, values),
                   jpeg = lks_make_jpeg(HEIGHT, WIDTH, 1, false, bytes);
  put_number(png.bytes + 16, 1u << 15);
  put_number(png.bytes + 20, 1u << 16);
  put_number(png.bytes + 29, (uint32_t)crc32(0, png.bytes + 12, 17));
  expect_refused(png.bytes, png.count, "cannot hold 65536 x 32768 pixels");
  put_number(png.bytes + 16, 0x7fffffff);
  put_number(png.bytes + 20, 0x7fffffff);
  put_number(png.bytes + 29, (uint32_t)crc32(0, png.bytes + 12, 17));
  expect_refused(png.bytes, png.count, "cannot be read");
  for (size_t i = 0; i + 8 < jpeg.count; i++)
    if (jpeg.bytes[i] == 0xff && jpeg.bytes[i + 1] == 0xc0) put_number(jpeg.bytes + i + 5, 0xffdcffdc);
  expect_refused(jpeg.bytes, jpeg.count, "65500 x 65500 pixels");
  expect_refused("GIF89a", 6, "neither a PNG nor a JPEG");
  free(png.bytes);
  free(jpeg.bytes);
}

static void test_begins(void **state)
{
  (void)state;
  assert_true(lks_picture_begins("\x89PNG\r\n\x1a\nrest", 12));
  assert_true(lks_picture_begins("\xff\xd8\xff\xe0", 4));
  assert_false(lks_picture_begins("\x89PNG\r\n\x1a", 7));
  assert_false(lks_picture_begins("GIF89a", 6));
}

/* One axis after the other, in double and rounded between them. */
static void naive_lines(uint8_t *new, size_t count, const uint8_t *old, size_t length, size_t stride)
{
  const double step = (double)length / (double)count, width = step > 1 ? step : 1;
  for (size_t i = 0; i < count; i++)
    for (size_t s = 0; s < stride; s++) {
      double sum = 0, weights = 0;
      for (size_t j = 0; j < length; j++) {
        const double away = fabs(((double)j + 0.5 - ((double)i + 0.5) * step) / width);
        weights += away < 1 ? 1 - away : 0;
        sum += away < 1 ? (1 - away) * old[j * stride + s] : 0;
      }
      new[i * stride + s] = (uint8_t)floor(sum / weights + 0.5);
    }
}

static void test_resize(void **state)
{
  (void)state;
  static const size_t size[][2] = {{HEIGHT, WIDTH}, {1, 1}, {5, 4}, {HEIGHT, 7}, {22, 26}, {3, 40}};
  uint16_t values[3 * PIXELS];
  make_up(values, 3 * PIXELS, 8);
  for (size_t i = 0; i < sizeof size / sizeof *size; i++)
    for (size_t channels = 1; channels <= 3; channels += 2) {
      const size_t height = size[i][0], width = size[i][1];
      uint8_t old[3 * PIXELS], narrow[HEIGHT * 40 * 3], right[22 * 40 * 3];
      for (size_t j = 0; j < 3 * PIXELS; j++) old[j] = (uint8_t)values[j];
      for (size_t y = 0; y < HEIGHT; y++)
        naive_lines(narrow + y * width * channels, width, old + y * WIDTH * channels, WIDTH, channels);
      naive_lines(right, height, narrow, HEIGHT, width * channels);
      lks_picture_file file = lks_make_png(HEIGHT, WIDTH, (int)channels, 8, false, values);
      lks_picture picture = decoded(&file, 0);
      assert_int_equal(lks_picture_resize(&picture, height, width), LKS_OK);
      assert_int_equal(picture.height, height);
      assert_int_equal(picture.width, width);
      for (size_t j = 0; j < height * width * channels; j++) /* a tie may round to either side */
        assert_true(abs(picture.pixels[j] - right[j]) <= 1);
      if (i == 0) assert_memory_equal(picture.pixels, old, PIXELS * channels);
      lks_picture_clear(&picture);
    }
}

static int all_given_back(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_png, all_given_back),
      cmocka_unit_test_teardown(test_depths_agree, all_given_back),
      cmocka_unit_test_teardown(test_opaque_alpha_is_no_change, all_given_back),
      cmocka_unit_test_teardown(test_jpeg, all_given_back),
      cmocka_unit_test_teardown(test_truncated, all_given_back),
      cmocka_unit_test_teardown(test_mutated, all_given_back),
      cmocka_unit_test_teardown(test_declares_too_much, all_given_back),
      cmocka_unit_test_teardown(test_begins, all_given_back),
      cmocka_unit_test_teardown(test_resize, all_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
