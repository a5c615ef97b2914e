/* Files that are damaged, cut off, or made to use up memory: a message each, and nothing worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "import/import.h"
#include "import/numbers.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_folder.h"
#include "import/source_npz.h"
#include "support/format_files.h"
#include "support/picture_file.h"

enum { TRAIN = 9, TEST = 3, PIXELS = 6, CLASSES = 3 };

static const lks_dataset_names no_names;
static const lks_shape shape = {3, 2, 1};

static void put(const char *name, const void *bytes, size_t count)
{
  assert_true(lks_put_file(lks_format_folder, name, bytes, count));
}

static void put_text(const char *name, const char *text)
{
  put(name, text, strlen(text));
}

static lks_status through(lks_status status, lks_source **source)
{
  char values[1 << 12];
  for (int split = 0; split < 2 && !status; split++)
    for (size_t i = 0; i < (*source)->layout.count[split] && !status; i++)
      status = lks_source_next(*source, values, 1);
  lks_source_destroy(source);
  return status;
}

static lks_status read_csv(const char *text, const char *label)
{
  lks_source *source = NULL;
  put_text("t.csv", text);
  return through(
      lks_source_csv_open(&source, &(lks_csv_options){.train = lks_format_path("t.csv"), .label = label}),
      &source);
}

static lks_status read_npz(const char *name)
{
  lks_source *source = NULL;
  return through(
      lks_source_npz_open(&source, &(lks_npz_options){.archive = lks_format_path(name), .names = &no_names}),
      &source);
}

static lks_status read_npy(void)
{
  lks_source *source = NULL;
  const lks_npz_options options = {.file = {lks_format_path("x_train.npy"), lks_format_path("y_train.npy")},
                                   .names = &no_names};
  return through(lks_source_npz_open(&source, &options), &source);
}

static lks_status read_cifar(void)
{
  const char *path = lks_format_path("cifar");
  lks_source *source = NULL;
  return through(
      lks_source_cifar_open(&source, &(lks_cifar_options){.train = &path, .trains = 1, .shape = shape}),
      &source);
}

static lks_status read_folder(void)
{
  lks_source *source = NULL;
  return through(
      lks_source_folder_open(&source, &(lks_folder_options){.folder = lks_format_path("pictures")}), &source);
}

static void expect(lks_status is, lks_status right, const char *part)
{
  if (is != right || (is && !strstr(lks_message(), part)))
    fail_msg("wanted %d, \"%s\": status %d, \"%s\"", right, part, is, is ? lks_message() : "");
}

/* What is wrong with tables, with line and column. */
static void test_tables(void **state)
{
  (void)state;
  expect(read_csv("", ""), LKS_ERR_DATA, "t.csv:1: there is no row");
  expect(read_csv("\n\n", ""), LKS_ERR_DATA, "there is no row");
  expect(read_csv("a,label\n", ""), LKS_ERR_DATA, "a heading and no sample");
  expect(read_csv("a,b\n1,2\n", ""), LKS_ERR_USAGE, "the columns are a, b");
  expect(read_csv("1,2\n", ""), LKS_ERR_USAGE, "--label NUMBER (1 to 2)");
  expect(read_csv("a,b\n1,2\n", "c"), LKS_ERR_USAGE, "t.csv:1: no column is 'c'");
  expect(read_csv("1,2\n", "3"), LKS_ERR_USAGE, "no column is '3'");
  expect(read_csv("label\n1\n", ""), LKS_ERR_DATA, "a label and a feature are two");
  expect(read_csv("a,label\n1,2\n\n3\n", ""), LKS_ERR_DATA, "t.csv:4: has 1 fields, and the first row has 2");
  expect(read_csv("size,label\n1,0\nbig,1\n", ""), LKS_ERR_DATA, "t.csv:3: column 1 (size) is 'big'");
  expect(read_csv("size,label\r\n1,0\r\n,1\r\n", ""), LKS_ERR_DATA, "t.csv:3: column 1 (size) is empty");
  expect(read_csv("1,0\nnan,1\n", "last"), LKS_ERR_DATA, "t.csv:2: column 1 is 'nan'");
  expect(read_csv("1,0\n1e39,1\n", "last"), LKS_ERR_DATA, "t.csv:2: column 1 is '1e39'");
  expect(read_csv("1,0\n\033[2J,1\n", "last"), LKS_ERR_DATA, "column 1 is '?[2J'");
  expect(read_csv("1,0\n2,\n", "last"), LKS_ERR_DATA, "t.csv:2: the label is empty");
  expect(read_csv("1,0\n\"2,1\n3,1\n", "last"), LKS_ERR_DATA, "t.csv:2: the quote of field 1 is not closed");
  expect(read_csv("1,0\n2\"2,1\n", "last"), LKS_ERR_DATA, "t.csv:2: field 1 has a quote");
  expect(read_csv("1,0\n\n\"1\n\",1\n", "last"), LKS_ERR_DATA, "t.csv:3: column 1");
  put("t.csv", "1,0\n1\0,1\n", 9);
  lks_source *source = NULL;
  expect(lks_source_csv_open(&source, &(lks_csv_options){.train = lks_format_path("t.csv"), .label = "2"}),
         LKS_ERR_DATA, "t.csv:2: field 1 has a zero byte");
  expect(read_csv("1;0\n2;1\n", "last"), LKS_OK, "");
  expect(read_csv("\"a\tb\"\tlabel\n1\t0\n2\t1", ""), LKS_OK, "");
  expect(read_csv("\xef\xbb\xbf\x6c\x61\x62\x65l,a\r0,1\r1,2\r", ""), LKS_OK, "");
  expect(read_csv("class,a\n\"a \"\"cat\"\"\",1e-3\ndog, -2 \n", ""), LKS_OK, "");
}

/* Classes are numbers if all of them are, else words in their order. */
static void test_classes_of_words(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    size_t classes;
    int32_t label[3];
    const char *first;
  } table[] = {
      {"y,a\n2,1\n0,1\n4.0,1\n", 5, {2, 0, 4}, NULL},
      {"y,a\ndog,1\nant,1\ncat,1\n", 3, {2, 0, 1}, "ant"},
      {"y,a\n-1,1\n1,1\n-1,1\n", 2, {0, 1, 0}, "-1"},
      {"y,a\n1.5,1\n1,1\n2,1\n", 3, {1, 0, 2}, "1"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    lks_source *source = NULL;
    put_text("t.csv", table[i].text);
    assert_int_equal(
        lks_source_csv_open(&source, &(lks_csv_options){.train = lks_format_path("t.csv"), .label = ""}),
        LKS_OK);
    assert_int_equal(source->layout.classes, table[i].classes);
    assert_memory_equal(source->label[0], table[i].label, sizeof table[i].label);
    if (table[i].first)
      assert_string_equal(lks_class_names_get(source->names, 0), table[i].first);
    else
      assert_null(source->names);
    lks_source_destroy(&source);
  }
}

/* A line without an end, plain and as what a small file unpacks to. */
static void test_endless_lines(void **state)
{
  (void)state;
  enum { BYTES = 1 << 25 };
  static const struct {
    const char *fill, *part;
  } kind[] = {{"7", "is longer than 65536 bytes"},
              {"1,", "is longer than 16777216 bytes"},
              {"\"\"\"\"", "is longer than 65536 bytes"}};
  char *text = malloc(BYTES);
  assert_non_null(text);
  for (size_t k = 0; k < 3; k++) {
    const size_t length = strlen(kind[k].fill);
    for (size_t i = 0; i < BYTES; i++) text[i] = kind[k].fill[i % length];
    if (k == 2) text[0] = '"', text[1] = '2';
    gzFile file = gzopen(lks_format_path("bomb.csv"), "wb1");
    assert_int_equal(gzwrite(file, text, BYTES), BYTES);
    gzclose(file);
    lks_source *source = NULL;
    expect(
        lks_source_csv_open(&source, &(lks_csv_options){.train = lks_format_path("bomb.csv"), .label = "1"}),
        LKS_ERR_DATA, kind[k].part);
  }
  free(text);
}

static void put_array(const char *name, const char *type, size_t rank, const size_t *size,
                      const void *numbers, size_t bytes)
{
  size_t count = 0;
  void *file = lks_make_npy(&count, type, rank, size, numbers, bytes);
  assert_non_null(file);
  put(name, file, count);
  free(file);
}

static void test_arrays(void **state)
{
  (void)state;
  const float samples[6] = {1, 2, 3, 4, 5, 6};
  const int64_t labels[3] = {0, 1, 1}, negative[3] = {0, -1, 1}, one_hot[6] = {1, 0, 0, 1, 1, 1};
  const double broken[3] = {0, 1.5, 1};
  const size_t n[] = {3, 2}, huge[] = {(size_t)1 << 40, 1 << 20}, more[] = {4};
  put_array("x_train.npy", "<f4", 2, n, samples, 4);
  put_array("y_train.npy", "<i8", 1, n, labels, 8);
  expect(read_npy(), LKS_OK, "");
  put_array("y_train.npy", "<i8", 1, n, negative, 8);
  expect(read_npy(), LKS_ERR_DATA, "y_train.npy: label 1 is -1");
  put_array("y_train.npy", "<f8", 1, n, broken, 8);
  expect(read_npy(), LKS_ERR_DATA, "label 1 is 1.5");
  put_array("y_train.npy", "<i8", 2, n, one_hot, 8);
  expect(read_npy(), LKS_ERR_DATA, "row 2 is not one-hot");
  put_array("y_train.npy", "<i8", 1, more, one_hot, 8);
  expect(read_npy(), LKS_ERR_DATA, "is int64 (4), and there are 3 samples");
  put_array("y_train.npy", "|O", 1, n, labels, 8);
  expect(read_npy(), LKS_ERR_DATA, "its type is '|O'");
  put_array("y_train.npy", "<i8", 1, n, labels, 8);
  put_array("x_train.npy", "<f4", 1, n, samples, 4);
  expect(read_npy(), LKS_ERR_DATA, "is float32 (3); samples are (N,D)");
  put_array("x_train.npy", "<f4", 2, n, samples, 4);
  char *file;
  size_t bytes;
  assert_int_equal(lks_file_read(&file, &bytes, lks_format_path("x_train.npy")), LKS_OK);
  memcpy(strstr(file + 10, "False"), "True ", 5);
  put("x_train.npy", file, bytes);
  expect(read_npy(), LKS_ERR_DATA, "the order of Fortran");
  lks_free(file);
  void *header = lks_make_npy(&bytes, "<f4", 2, huge, "", 0);
  put("x_train.npy", header, bytes);
  free(header);
  expect(read_npy(), LKS_ERR_DATA, "cannot hold what its header announces");
  put_text("x_train.npy", "label,a\n");
  expect(read_npy(), LKS_ERR_DATA, "does not begin as .npy files do");
}

/* Every type and byte order, against the numbers that went in. */
static void test_types_of_numbers(void **state)
{
  (void)state;
  static const struct {
    const char *type;
    lks_number_type is;
    unsigned char bytes[8];
    double value;
  } table[] = {
      {"|b1", {'b', 1, false}, {1}, 1},
      {"|u1", {'u', 1, false}, {200}, 200},
      {"|i1", {'i', 1, false}, {200}, -56},
      {"<u2", {'u', 2, false}, {1, 200}, 51201},
      {">u2", {'u', 2, true}, {200, 1}, 51201},
      {"<i2", {'i', 2, false}, {0, 0x80}, -32768},
      {">i4", {'i', 4, true}, {0xff, 0xff, 0xff, 0xfe}, -2},
      {"<u4", {'u', 4, false}, {0, 0, 0, 0x80}, 2147483648.0},
      {"<i8", {'i', 8, false}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
      {">u8", {'u', 8, true}, {0, 0, 1, 0, 0, 0, 0, 0}, 1099511627776.0},
      {"<f2", {'f', 2, false}, {0, 0x3e}, 1.5},
      {">f2", {'f', 2, true}, {0x80, 1}, -0x1p-24},
      {"<f4", {'f', 4, false}, {0, 0, 0xc0, 0x3f}, 1.5},
      {">f4", {'f', 4, true}, {0xbf, 0xc0, 0, 0}, -1.5},
      {"<f8", {'f', 8, false}, {0, 0, 0, 0, 0, 0, 0xf8, 0x3f}, 1.5},
      {">f8", {'f', 8, true}, {0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, 1.5},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    float value = 0;
    assert_true(lks_numbers_to_float(&value, table[i].bytes, 1, table[i].is));
    if ((double)value != table[i].value || lks_number_at(table[i].bytes, 0, table[i].is) != table[i].value)
      fail_msg("%s: %g instead of %g", table[i].type, (double)value, table[i].value);
  }
  float rounded;
  const double third = 1.0 / 3;
  const int64_t odd = (1 << 24) + 1;
  assert_false(lks_numbers_to_float(&rounded, &third, 1, (lks_number_type){'f', 8, false}));
  assert_true(rounded == 1.0f / 3);
  assert_false(lks_numbers_to_float(&rounded, &odd, 1, (lks_number_type){'i', 8, false}));
}

static void test_archives(void **state)
{
  (void)state;
  put_text("a.npz", "no archive");
  expect(read_npz("a.npz"), LKS_ERR_DATA, "a.npz: is no ZIP archive");
  zip_t *archive = zip_open(lks_format_path("a.npz"), ZIP_CREATE | ZIP_TRUNCATE, NULL);
  zip_file_add(archive, "weights\xc2\x85.npy", zip_source_buffer(archive, "x", 1, 0), ZIP_FL_ENC_UTF_8);
  assert_int_equal(zip_close(archive), 0);
  expect(read_npz("a.npz"), LKS_ERR_USAGE, "it has: weights?");
  lks_source *source = NULL;
  const lks_dataset_names names = {.samples = "weights", .labels = "y"};
  expect(
      lks_source_npz_open(&source, &(lks_npz_options){.archive = lks_format_path("a.npz"), .names = &names}),
      LKS_ERR_USAGE, "has no array ");
}

/* Zeros pack a thousandfold: a member that claims more than that is refused, one that does not is not kept in memory. */
static void test_archive_bomb(void **state)
{
  (void)state;
  enum { BYTES = 1 << 24 };
  const size_t size[] = {1, BYTES}, claimed[] = {1u << 20, BYTES};
  char *zeros = calloc(1, BYTES);
  size_t bytes = 0;
  void *real = lks_make_npy(&bytes, "|u1", 2, claimed, "", 0);
  assert_non_null(zeros);
  assert_true(bytes < BYTES);
  memcpy(zeros, real, bytes);
  free(real);
  for (int i = 0; i < 2; i++) {
    const int32_t label = 0;
    size_t count;
    void *y = lks_make_npy(&count, "<i4", 1, size, &label, 4);
    zip_t *archive = zip_open(lks_format_path("b.npz"), ZIP_CREATE | ZIP_TRUNCATE, NULL);
    zip_file_add(archive, "x.npy", zip_source_buffer(archive, zeros, BYTES, 0), 0);
    zip_file_add(archive, "y.npy", zip_source_buffer(archive, y, count, 0), 0);
    assert_int_equal(zip_close(archive), 0);
    free(y);
    expect(read_npz("b.npz"), LKS_ERR_DATA, i ? "is truncated" : "cannot hold what its header announces");
    real = lks_make_npy(&bytes, "|u1", 2, size, "", 0);
    memcpy(zeros, real, bytes); /* more than there is, but not more than there could be */
    free(real);
  }
  free(zeros);
}

/* A file cut off after each byte, and each byte of it changed: refused or read, and where it must be noticed, refused. */
static void spoil(const char *name, lks_status (*read)(void), bool noticed)
{
  char *file;
  size_t bytes;
  assert_int_equal(lks_file_read(&file, &bytes, lks_format_path(name)), LKS_OK);
  for (size_t i = 0; i < bytes; i++) {
    put(name, file, i);
    lks_status status = read();
    if (noticed && status != LKS_ERR_DATA)
      fail_msg("%s, of %zu bytes %zu: status %d", name, bytes, i, status);
    file[i] ^= 0x55;
    put(name, file, bytes);
    status = read();
    assert_true(status == LKS_OK || status == LKS_ERR_DATA || status == LKS_ERR_USAGE);
    file[i] ^= 0x55;
  }
  put(name, file, bytes);
  assert_int_equal(read(), LKS_OK);
  lks_free(file);
}

static lks_status read_data(void)
{
  return read_npz("data.npz");
}

static lks_status read_train_csv(void)
{
  lks_source *source = NULL;
  return through(
      lks_source_csv_open(&source, &(lks_csv_options){.train = lks_format_path("train.csv"), .label = ""}),
      &source);
}

static void test_truncated_and_changed(void **state)
{
  (void)state;
  uint8_t pixels[TRAIN + TEST][PIXELS];
  int32_t labels[TRAIN + TEST];
  for (int i = 0; i < TRAIN + TEST; i++) {
    labels[i] = i < TRAIN ? i * CLASSES / TRAIN : (i - TRAIN) * CLASSES / TEST;
    for (int d = 0; d < PIXELS; d++) pixels[i][d] = (uint8_t)(i * 37 + d * 101);
  }
  const lks_contents contents = {
      .layout = {.shape = shape, .classes = CLASSES, .count = {TRAIN, TEST}},
      .split = {{.count = TRAIN, .pixels = pixels[0], .label = labels},
                {.count = TEST, .pixels = pixels[TRAIN], .label = labels + TRAIN}}};
  assert_true(lks_make_format_files(lks_format_folder, &contents));
  spoil("data.npz", read_data, true);
  spoil("x_train.npy", read_npy, true);
  spoil("y_train.npy", read_npy, true);
  spoil("cifar/data_batch_2.bin", read_cifar, false); /* a record less is a file as well */
  spoil("pictures/train/1/00004.png", read_folder, true);
  spoil("train.csv", read_train_csv, false);
}

static void test_folders(void **state)
{
  (void)state;
  char *path = lks_format_path("pictures/train/2/odd.png");
  const uint16_t values[4] = {1, 2, 3, 4};
  lks_picture_file file = lks_make_png(2, 2, 1, 8, false, values);
  assert_true(lks_picture_file_put(path, &file));
  free(file.bytes);
  expect(read_folder(), LKS_ERR_DATA, "odd.png: 2 x 2 pixels (height x width), and those before have 3 x 2");
  unlink(path);
  lks_source *source = NULL;
  expect(lks_source_folder_open(&source, &(lks_folder_options){.folder = lks_format_path("cifar")}),
         LKS_ERR_DATA, "cifar: has no folders");
  expect(lks_source_folder_open(&source, &(lks_folder_options){.folder = lks_format_path("nowhere")}),
         LKS_ERR_IO, "nowhere: No such file");
  assert_int_equal(rename(lks_format_path("pictures/test/1"), lks_format_path("pictures/test/new\007")), 0);
  expect(read_folder(), LKS_ERR_DATA, "test/new?: there is no folder of that name for training");
}

static int clean(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_tables, clean),
      cmocka_unit_test_teardown(test_classes_of_words, clean),
      cmocka_unit_test_teardown(test_endless_lines, clean),
      cmocka_unit_test_teardown(test_arrays, clean),
      cmocka_unit_test_teardown(test_types_of_numbers, clean),
      cmocka_unit_test_teardown(test_archives, clean),
      cmocka_unit_test_teardown(test_archive_bomb, clean),
      cmocka_unit_test_teardown(test_truncated_and_changed, clean),
      cmocka_unit_test_teardown(test_folders, clean),
  };
  return cmocka_run_group_tests(tests, lks_format_folder_make, lks_format_folder_remove);
}
