#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "dataset/dataset_file.h"
#include "dataset/describe.h"
#include "import/import.h"
#include "import/source_idx.h"

enum { TRAIN = 5, TEST = 2, HEIGHT = 3, WIDTH = 2, FILES = 4 };

static char folder[] = "/tmp/lockstep-test-XXXXXX";
static char path[FILES][64], output[64];
static const lks_idx_paths paths = {path[0], path[1], path[2], path[3]};

/* An IDX file in memory. */
typedef struct image {
  uint8_t bytes[256];
  size_t count;
} image;

static lks_status import_idx(const lks_idx_paths *from, const char *to, bool force)
{
  const lks_import_options options = {.output = to, .force = force};
  lks_source *source = NULL;
  lks_status status = lks_source_idx_open(&source, from);
  if (!status) status = lks_import(NULL, source, &options);
  lks_source_destroy(&source);
  return status;
}

static image make_idx(unsigned dimensions, const uint8_t *size, size_t values, uint8_t seed)
{
  image file = {{0, 0, 8, (uint8_t)dimensions}, 4};
  for (unsigned i = 0; i < dimensions; i++, file.count += 4) file.bytes[file.count + 3] = size[i];
  for (size_t i = 0; i < values; i++) file.bytes[file.count++] = (uint8_t)(seed + 37 * i);
  return file;
}

static image images(uint8_t count)
{
  return make_idx(3, (uint8_t[]){count, HEIGHT, WIDTH}, (size_t)count * HEIGHT * WIDTH, count);
}

static image labels(uint8_t count)
{
  image file = make_idx(1, (uint8_t[]){count}, count, 0);
  for (size_t i = 0; i < count; i++) file.bytes[8 + i] = (uint8_t)(i % 4);
  return file;
}

static void put(int number, const image *file)
{
  assert_int_equal(lks_file_write(path[number], file->bytes, file->count), LKS_OK);
}

static void put_good(void)
{
  const image good[FILES] = {images(TRAIN), labels(TRAIN), images(TEST), labels(TEST)};
  for (int i = 0; i < FILES; i++) put(i, &good[i]);
}

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  for (int i = 0; i < FILES; i++) snprintf(path[i], sizeof path[i], "%s/file%d", folder, i);
  snprintf(output, sizeof output, "%s/out.h5", folder);
  return 0;
}

static int clean(void **state)
{
  (void)state;
  unlink(output);
  return lks_allocations_open() != 0;
}

static int tear_down(void **state)
{
  (void)state;
  for (int i = 0; i < FILES; i++) unlink(path[i]);
  return rmdir(folder);
}

static void expect_imported(size_t channels)
{
  uint64_t block[64];
  lks_section section[LKS_SECTIONS];
  lks_dataset_file *file = NULL;
  assert_int_equal(import_idx(&paths, output, false), LKS_OK);
  assert_int_equal(lks_dataset_file_open(&file, output, NULL), LKS_OK);
  const lks_layout *layout = &lks_dataset_file_header(file)->layout;
  assert_true(lks_layout_sections(section, layout) <= sizeof block);
  assert_int_equal(lks_dataset_file_read(file, block), LKS_OK);
  const lks_contents contents = lks_contents_in(layout, block);
  assert_int_equal(layout->classes, 4); /* labels 0..3 of the training split */
  assert_int_equal(layout->shape.height, HEIGHT);
  assert_int_equal(layout->shape.width, WIDTH / channels);
  assert_int_equal(layout->shape.channels, channels);
  const image train = images(TRAIN), test = images(TEST);
  assert_memory_equal(contents.split[0].pixels, train.bytes + 16, TRAIN * HEIGHT * WIDTH);
  assert_memory_equal(contents.split[1].pixels, test.bytes + 16, TEST * HEIGHT * WIDTH);
  for (int i = 0; i < TRAIN; i++) assert_int_equal(contents.split[0].label[i], i % 4);
  for (int i = 0; i < TEST; i++) assert_int_equal(contents.split[1].label[i], i);
  lks_dataset_file_close(&file);
}

static void test_plain(void **state)
{
  (void)state;
  put_good();
  expect_imported(1);
}

static void test_compressed(void **state)
{
  (void)state;
  const image good[FILES] = {images(TRAIN), labels(TRAIN), images(TEST), labels(TEST)};
  for (int i = 0; i < FILES; i++) {
    gzFile file = gzopen(path[i], "wb");
    assert_int_equal(gzwrite(file, good[i].bytes, (unsigned)good[i].count), good[i].count);
    gzclose(file);
  }
  expect_imported(1);
}

static void test_color(void **state)
{
  (void)state;
  put_good();
  for (int i = 0; i < FILES; i += 2) {
    const uint8_t count = i ? TEST : TRAIN;
    image color = make_idx(4, (uint8_t[]){count, HEIGHT, 1, 2}, (size_t)count * HEIGHT * WIDTH, count);
    put(i, &color);
  }
  expect_imported(2);
}

static void expect_refused(lks_status status, const char *part, const char *where)
{
  lks_status is = import_idx(&paths, output, false);
  if (is != status || !strstr(lks_message(), part) || (where && !strstr(lks_message(), where)))
    fail_msg("wanted \"%s\": status %d, message \"%s\"", part, is, is ? lks_message() : "");
  assert_false(lks_file_exists(output));
}

static void test_wrong_magic(void **state)
{
  (void)state;
  put_good();
  image file = labels(TRAIN);
  put(0, &file);
  expect_refused(LKS_ERR_DATA, "magic number 0x00000801", path[0]);
  put_good();
  file = images(TEST);
  put(3, &file);
  expect_refused(LKS_ERR_DATA, "must have 0x00000801", path[3]);
  put_good();
  file = images(TRAIN);
  file.bytes[2] = 0x0d; /* floats */
  put(0, &file);
  expect_refused(LKS_ERR_DATA, "magic number 0x00000d03", path[0]);
  file.bytes[1] = 1;
  put(0, &file);
  expect_refused(LKS_ERR_DATA, "magic number 0x00010d03", path[0]);
}

static void test_counts_and_shapes_that_differ(void **state)
{
  (void)state;
  put_good();
  image file = labels(TRAIN + 1);
  put(1, &file);
  expect_refused(LKS_ERR_DATA, "5 images", "6 labels");
  put_good();
  file = make_idx(3, (uint8_t[]){TEST, HEIGHT, WIDTH + 1}, TEST * HEIGHT * (WIDTH + 1), 0);
  put(2, &file);
  expect_refused(LKS_ERR_DATA, "3 x 2 x 1", "3 x 3 x 1");
  put_good();
  file = images(0);
  put(0, &file);
  file = labels(0);
  put(1, &file);
  expect_refused(LKS_ERR_DATA, "no training samples", NULL);
}

static void test_truncated_and_trailing(void **state)
{
  (void)state;
  for (int number = 0; number < FILES; number++) {
    put_good();
    image file = number % 2 ? labels(number / 2 ? TEST : TRAIN) : images(number / 2 ? TEST : TRAIN);
    for (size_t whole = file.count; file.count > 0;) {
      file.count--;
      put(number, &file);
      expect_refused(LKS_ERR_DATA, "truncated", path[number]);
      if (file.count + 3 < whole && file.count > 3) file.count -= 3;
    }
  }
  put_good();
  image file = images(TRAIN);
  file.count++;
  put(0, &file);
  expect_refused(LKS_ERR_DATA, "more bytes", path[0]);
  file = images(TRAIN);
  memset(file.bytes + 4, 0xff, 12); /* more bytes than there are on earth */
  put(0, &file);
  expect_refused(LKS_ERR_DATA, "truncated", path[0]);
}

/* Every byte of a compressed file, spoilt or missing, is noticed; but for those of its header that say
 * nothing of use. */
static void test_damaged_compressed(void **state)
{
  (void)state;
  enum { HEADER = 10 };
  const image good = images(TRAIN);
  put_good();
  gzFile file = gzopen(path[0], "wb");
  assert_int_equal(gzwrite(file, good.bytes, (unsigned)good.count), good.count);
  gzclose(file);
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, path[0]), LKS_OK);
  for (size_t i = HEADER; i < bytes; i++) {
    assert_int_equal(lks_file_write(path[0], data, i), LKS_OK);
    expect_refused(LKS_ERR_DATA, "truncated", path[0]);
    data[i] ^= 4;
    assert_int_equal(lks_file_write(path[0], data, bytes), LKS_OK);
    expect_refused(LKS_ERR_DATA, "", path[0]);
    data[i] ^= 4;
  }
  lks_free(data);
}

static void test_missing_and_existing(void **state)
{
  (void)state;
  put_good();
  unlink(path[2]);
  expect_refused(LKS_ERR_IO, "No such file", path[2]);
  put_good();
  assert_int_equal(lks_file_write(output, "mine", 4), LKS_OK);
  assert_int_equal(import_idx(&paths, output, false), LKS_ERR_USAGE);
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, output), LKS_OK);
  assert_string_equal(data, "mine");
  lks_free(data);
  assert_int_equal(import_idx(&paths, output, true), LKS_OK);
}

static void test_description(void **state)
{
  (void)state;
  char *text = NULL;
  size_t length = 0;
  put_good();
  assert_int_equal(import_idx(&paths, output, false), LKS_OK);
  FILE *out = open_memstream(&text, &length);
  assert_int_equal(lks_dataset_describe(out, output, NULL), LKS_OK);
  assert_int_equal(lks_dataset_describe(out, path[0], NULL), LKS_ERR_DATA);
  fclose(out);
  assert_non_null(strstr(text, "a dataset of 4 classes"));
  assert_non_null(strstr(text, "image of 3 x 2, 1 channel, unsigned bytes"));
  assert_non_null(strstr(text, "train     5 samples: 2 1 1 1 of each class"));
  assert_non_null(strstr(text, "test      2 samples: 1 1 0 0 of each class"));
  assert_non_null(strstr(text, "/train/images: chunks of 5 x 3 x 2 x 1, deflate, fletcher32"));
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_plain, clean),
      cmocka_unit_test_teardown(test_compressed, clean),
      cmocka_unit_test_teardown(test_color, clean),
      cmocka_unit_test_teardown(test_wrong_magic, clean),
      cmocka_unit_test_teardown(test_counts_and_shapes_that_differ, clean),
      cmocka_unit_test_teardown(test_truncated_and_trailing, clean),
      cmocka_unit_test_teardown(test_damaged_compressed, clean),
      cmocka_unit_test_teardown(test_missing_and_existing, clean),
      cmocka_unit_test_teardown(test_description, clean),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
