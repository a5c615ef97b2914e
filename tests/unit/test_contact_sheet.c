#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/png_write.h"
#include "dataset/contact_sheet.h"

static char path[64];

/* *rows [height,width,3]: the picture as libpng reads it; freed with lks_free. */
static void read_picture(uint8_t **rows, uint32_t *height, uint32_t *width)
{
  png_image image = {.version = PNG_IMAGE_VERSION};
  assert_true(png_image_begin_read_from_file(&image, path));
  assert_int_equal(image.format, PNG_FORMAT_RGB);
  *height = image.height;
  *width = image.width;
  *rows = lks_new(PNG_IMAGE_SIZE(image), 1);
  assert_true(png_image_finish_read(&image, NULL, *rows, 0, NULL));
}

static void test_png(void **state)
{
  (void)state;
  enum { HEIGHT = 5, WIDTH = 7 };
  uint8_t rgb[HEIGHT][WIDTH][3], *rows;
  uint32_t height, width;
  for (size_t i = 0; i < sizeof rgb; i++) ((uint8_t *)rgb)[i] = (uint8_t)(i * 37);
  assert_int_equal(lks_png_write(path, (const uint8_t *)rgb, HEIGHT, WIDTH), LKS_OK);
  read_picture(&rows, &height, &width);
  assert_true(height == HEIGHT && width == WIDTH);
  assert_memory_equal(rows, rgb, sizeof rgb);
  lks_free(rows);
  assert_int_equal(lks_png_write(path, (const uint8_t *)rgb, 0, WIDTH), LKS_ERR_USAGE);
  assert_int_equal(lks_png_write("/nowhere/there.png", (const uint8_t *)rgb, HEIGHT, WIDTH), LKS_ERR_IO);
}

/* Grey pictures of 2 x 2 in columns of three, 32-fold, with a red frame around the second one. */
static void test_sheet(void **state)
{
  (void)state;
  static const uint8_t pixels[] = {10, 20, 30, 40, 50, 60, 70, 80};
  static const uint32_t sample[] = {1, 0, UINT32_MAX, 1}, frame[] = {0xffffff, 0xff0000, 0, 0};
  const lks_contact_sheet sheet = {pixels, {2, 2, 1}, sample, 4, 3, frame};
  uint8_t *rows;
  uint32_t height, width;
  assert_int_equal(lks_contact_sheet_write(path, &sheet), LKS_OK);
  read_picture(&rows, &height, &width);
  const size_t step = 64 + 6 + 3, line = 3UL * width;
  assert_true(height == 2 * step + 3 && width == 3 * step + 3);
  const uint8_t *first = rows + 6 * line + 6UL * 3, *second = first + step * 3;
  assert_true(first[0] == 50 && first[1] == 50 && first[32 * 3] == 60 && first[33 * line] == 70);
  assert_true(second[0] == 10 && second[-3] == 255 && second[-2] == 0 && second[-1] == 0);
  assert_true(first[2 * step * 3] == 255 && first[step * line] == 50); /* an empty place; the second row */
  lks_free(rows);
}

/* Two classes, so that each has four rows of sixteen; the first pictures of each, in order. */
static void test_rows_of_classes(void **state)
{
  (void)state;
  static const uint8_t pixels[] = {10, 20, 30};
  static const int32_t label[] = {1, 0, 1};
  const lks_contents contents = {.layout = {{1, 1, 1}, false, 2, {3, 3}},
                                 .split = {{3, pixels, NULL, label}, {3, pixels, NULL, label}}};
  uint8_t *rows;
  uint32_t height, width;
  assert_int_equal(lks_contact_sheet_of_classes(path, &contents, LKS_SPLIT_TRAIN), LKS_OK);
  read_picture(&rows, &height, &width);
  const size_t step = 64 + 6 + 3, line = 3UL * width;
  assert_true(height == 8 * step + 3 && width == 16 * step + 3);
  const uint8_t *first = rows + 6 * line + 6UL * 3, *second = first + 4 * step * line;
  assert_true(first[0] == 20 && first[step * 3] == 255);
  assert_true(second[0] == 10 && second[step * 3] == 30 && second[2 * step * 3] == 255);
  lks_free(rows);
}

static void test_refuses_features(void **state)
{
  (void)state;
  static const float feature[4];
  static const int32_t label[2];
  const lks_contents contents = {.layout = {{1, 1, 2}, true, 1, {2, 2}},
                                 .split = {{2, NULL, feature, label}, {2, NULL, feature, label}}};
  const lks_contact_sheet sheet = {(const uint8_t *)"", {1, 1, 2}, NULL, 0, 1, NULL};
  assert_int_equal(lks_contact_sheet_of_classes(path, &contents, LKS_SPLIT_TEST), LKS_ERR_USAGE);
  assert_int_equal(lks_contact_sheet_write(path, &sheet), LKS_ERR_USAGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_png),
      cmocka_unit_test(test_sheet),
      cmocka_unit_test(test_rows_of_classes),
      cmocka_unit_test(test_refuses_features),
  };
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-sheet.png", (int)getpid());
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed;
}
