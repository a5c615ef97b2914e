/* Files as users write them come in as their native twins do: the same samples, labels, classes, statistics and hash. */
#include <hdf5.h>
#include <math.h>
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
#include "dataset/dataset_file.h"
#include "dataset/describe.h"
#include "support/hdf5_edit.h"
#include "support/own_file.h"

static size_t files; /* that came in */

static bool same_samples(const lks_contents *is, const lks_contents *wanted)
{
  const lks_layout *layout = &wanted->layout;
  bool same = memcmp(&is->layout.shape, &layout->shape, sizeof layout->shape) == 0 &&
              is->layout.features == layout->features && is->layout.classes == layout->classes;
  for (int s = 0; s < LKS_SPLITS && same; s++) {
    const lks_samples *a = &is->split[s], *b = &wanted->split[s];
    const size_t bytes = b->count * lks_layout_sample_bytes(layout);
    same = a->count == b->count && memcmp(a->label, b->label, b->count * sizeof *b->label) == 0 &&
           memcmp(layout->features ? (const void *)a->features : a->pixels,
                  layout->features ? (const void *)b->features : b->pixels, bytes) == 0;
  }
  return same;
}

/* A pass in bounded memory finds the same as reading all at once. */
static void expect_complete(const own_file *file, const char *hash, const double *mean, const double *std,
                            size_t bytes)
{
  lks_dataset_file *opened = NULL;
  assert_int_equal(lks_dataset_file_open(&opened, own, &file->names), LKS_OK);
  assert_int_equal(lks_dataset_file_complete(opened), LKS_OK);
  assert_memory_equal(lks_dataset_file_mean(opened), mean, bytes);
  assert_memory_equal(lks_dataset_file_std(opened), std, bytes);
  assert_string_equal(lks_dataset_file_header(opened)->hash, hash);
  lks_dataset_file_close(&opened);
}

static void expect_same(lks_dataset_file *is, const own_file *file)
{
  static uint64_t block[4096];
  lks_section section[LKS_SECTIONS];
  double mean[OWN_WIDTH], std[OWN_WIDTH];
  char hash[LKS_HASH_TEXT];
  const lks_contents *wanted = own_file_contents(file);
  const size_t bytes = lks_layout_statistics(&wanted->layout) * sizeof(double);
  assert_int_equal(lks_contents_moments(mean, std, wanted), LKS_OK);
  assert_int_equal(lks_contents_hash(hash, wanted, mean, std), LKS_OK);
  const lks_layout *layout = &lks_dataset_file_header(is)->layout;
  assert_true(lks_layout_sections(section, layout) <= sizeof block);
  if (lks_dataset_file_read(is, block) != LKS_OK) fail_msg("%s: %s", file->name, lks_message());
  const lks_contents contents = lks_contents_in(layout, block);
  if (!same_samples(&contents, wanted)) fail_msg("%s: its samples are others", file->name);
  assert_memory_equal(lks_dataset_file_mean(is), mean, bytes);
  assert_memory_equal(lks_dataset_file_std(is), std, bytes);
  assert_string_equal(lks_dataset_file_header(is)->hash, hash);
  if (files++ % 8 == 0) expect_complete(file, hash, mean, std, bytes);
}

static void expect_in(const own_file *file)
{
  lks_dataset_file *is = NULL;
  if (!own_file_write(own, file)) fail_msg("%s could not be written", file->name);
  if (lks_dataset_file_open(&is, own, &file->names) != LKS_OK) fail_msg("%s: %s", file->name, lks_message());
  expect_same(is, file);
  lks_dataset_file_close(&is);
}

enum { NUMBERS = 22 };

static hid_t number(int i)
{
  const hid_t type[NUMBERS - 2] = {H5T_STD_I8LE,   H5T_STD_I8BE,   H5T_STD_I16LE,  H5T_STD_I16BE,
                                   H5T_STD_I32LE,  H5T_STD_I32BE,  H5T_STD_I64LE,  H5T_STD_I64BE,
                                   H5T_STD_U8LE,   H5T_STD_U8BE,   H5T_STD_U16LE,  H5T_STD_U16BE,
                                   H5T_STD_U32LE,  H5T_STD_U32BE,  H5T_STD_U64LE,  H5T_STD_U64BE,
                                   H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE};
  return i < NUMBERS - 2 ? type[i] : own_float16(i == NUMBERS - 1);
}

static void test_types(void **state)
{
  (void)state;
  for (int i = 0; i < NUMBERS; i++) {
    const hid_t type = number(i);
    expect_in(&(own_file){.name = "features of a type", .type = type});
    expect_in(&(own_file){.name = "labels of a type", .label_type = type});
    expect_in(&(own_file){.name = "images of a type", .axes = OWN_IMAGES, .type = type});
  }
}

static void test_shapes(void **state)
{
  (void)state;
  for (own_axes axes = OWN_FEATURES; axes < OWN_NCHW; axes++)
    expect_in(&(own_file){.name = "axes", .axes = axes});
  for (own_labels labels = OWN_PLAIN; labels <= OWN_ONE_HOT; labels++) {
    expect_in(&(own_file){.name = "labels of a shape", .labels = labels});
    expect_in(&(own_file){.name = "labels of doubles", .labels = labels, .label_type = H5T_IEEE_F64LE});
  }
  expect_in(&(own_file){.name = "one-hot of bool", .labels = OWN_ONE_HOT, .label_type = own_bool()});
  const lks_dataset_names nchw = {.layout = LKS_DATA_LAYOUT_NCHW}, nhwc = {.layout = LKS_DATA_LAYOUT_NHWC};
  expect_in(&(own_file){.name = "NCHW", .axes = OWN_NCHW, .names = nchw});
  expect_in(&(own_file){.name = "NCHW of floats", .axes = OWN_NCHW, .type = H5T_IEEE_F64BE, .names = nchw});
  expect_in(&(own_file){.name = "NCHW, gzip", .axes = OWN_NCHW, .filter = OWN_GZIP, .names = nchw});
  expect_in(&(own_file){.name = "NHWC", .axes = OWN_IMAGES, .names = nhwc});
}

static void test_filters(void **state)
{
  (void)state;
  for (own_filter filter = OWN_CONTIGUOUS; filter <= OWN_NBIT; filter++) {
    if (filter == OWN_SZIP && H5Zfilter_avail(H5Z_FILTER_SZIP) <= 0) {
      print_message("skipped: szip, which this HDF5 library does not have\n");
      continue;
    }
    expect_in(&(own_file){.name = "images, filter", .axes = OWN_IMAGES, .filter = filter});
    if (filter != OWN_SCALEOFFSET) expect_in(&(own_file){.name = "floats, filter", .filter = filter});
    expect_in(&(own_file){.name = "int64, filter", .filter = filter, .type = H5T_STD_I64BE});
  }
}

static void test_names(void **state)
{
  (void)state;
  static const char *const path[][4] = {
      {"X_train", "y_train", "X_test", "y_test"},
      {"x_train", "y_train", "x_test", "y_test"},
      {"train_set_x", "train_set_y", "test_set_x", "test_set_y"},
      {"train_x", "train_y", "test_x", "test_y"},
      {"train_images", "train_labels", "test_images", "test_labels"},
      {"trainX", "trainY", "testX", "testY"},
      {"Xtrain", "ytrain", "Xtest", "ytest"},
      {"trainData", "trainLabels", "testData", "testLabels"},
      {"train/x", "train/y", "test/x", "test/y"},
      {"train/data", "train/label", "test/data", "test/label"},
      {"root/training/features", "root/training/targets", "root/testing/features", "root/testing/targets"},
      {"data/train/X", "data/train/y", "data/test/X", "data/test/y"},
      {"data", "label", NULL, NULL},
      {"data", "labels", NULL, NULL},
      {"X", "y", NULL, NULL},
      {"x", "y", NULL, NULL},
      {"images", "labels", NULL, NULL},
      {"features", "targets", NULL, NULL},
      {"inputs", "targets", NULL, NULL},
      {"images", "labels", "images_test", "labels_test"},
      {"train/features", "train/labels", NULL, NULL},
      {"X_train", "y_train", "X_test", NULL}, /* left out, and said */
  };
  for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
    own_file file = {.name = path[i][0]};
    memcpy(file.path, path[i], sizeof file.path);
    expect_in(&file);
    file.axes = OWN_IMAGES;
    if (!strstr(path[i][0], "/features")) expect_in(&file);
  }
}

static void test_given_names(void **state)
{
  (void)state;
  const own_file all = {
      .name = "all names given",
      .path = {"a", "b", "c/d", "e"},
      .names = {.samples = "a", .labels = "/b", .test_samples = "c/d", .test_labels = "/e"}};
  expect_in(&all);
  const own_file train = {
      .name = "training named", .path = {"a", "b", NULL, NULL}, .names = {.samples = "/a", .labels = "/b"}};
  expect_in(&train);
  const own_file labels = {
      .name = "labels named", .path = {"X_train", "fine", "X_test", "y_test"}, .names = {.labels = "fine"}};
  expect_in(&labels);
  own_file none = {.name = "test part not wanted",
                   .path = {"X_train", "y_train", NULL, NULL},
                   .names = {.test_samples = "none"}};
  expect_in(&none);
}

static void soft_links(hid_t file)
{
  H5Lcreate_soft("/some/where", file, "X_train", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("some", file, "here", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/here/else", file, "y_train", H5P_DEFAULT, H5P_DEFAULT);
}

static void attributes_of_others(hid_t file)
{
  edit_text(file, "author", "somebody", 9);
  edit_real(file, "version", 1.5);
  edit_array(file, "history", H5T_NATIVE_DOUBLE, 2, (hsize_t[]){2, 2}, H5P_DEFAULT, (double[]){1, 2, 3, 4});
  edit_array(file, "nothing", H5T_NATIVE_DOUBLE, -1, NULL, H5P_DEFAULT, NULL);
  H5Gclose(H5Gcreate2(file, "empty", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Lcreate_external("elsewhere.h5", "/x", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", file, "again", H5P_DEFAULT, H5P_DEFAULT); /* a circle */
}

static void classes_of_int64(hid_t file)
{
  edit_numbers(file, "classes", H5T_STD_I64BE, 1, (hsize_t[]){1}, (int64_t[]){(int64_t)4 << 56});
}

static void classes_of_a_double(hid_t file)
{
  edit_real(file, "classes", OWN_CLASSES);
}

static void format_alone(hid_t file)
{
  edit_text(file, "format", "lockstep-dataset", sizeof "lockstep-dataset");
}

static void creator_of_free_length(hid_t file)
{
  edit_free_text(file, "creator", "h5py");
  edit_whole(file, "format_version", 1);
}

static void test_of_the_file(void **state)
{
  (void)state;
  expect_in(&(own_file){.name = "user block", .path = {"X", "y", NULL, NULL}, .user_block = true});
  expect_in(&(own_file){.name = "latest format", .filter = OWN_GZIP, .latest = true});
  expect_in(&(own_file){.name = "both", .user_block = true, .latest = true, .filter = OWN_CHUNKED});
  const own_file links = {.name = "soft links",
                          .path = {"some/where", "some/else", NULL, NULL},
                          .names = {.samples = "/X_train", .labels = "y_train"},
                          .more = soft_links};
  expect_in(&links);
  const own_file others = {.name = "others' things",
                           .path = {"X", "y", NULL, NULL},
                           .names = {.samples = "X", .labels = "y"},
                           .more = attributes_of_others};
  expect_in(&others);
  expect_in(&(own_file){.name = "classes of int64", .more = classes_of_int64});
  expect_in(&(own_file){.name = "classes of a double", .more = classes_of_a_double});
  expect_in(&(own_file){.name = "format alone", .more = format_alone});
  expect_in(&(own_file){.name = "creator", .more = creator_of_free_length});
}

/* Sixteen numbers of a type as one feature of as many samples, with what is to come of them in 32 bits. */
static void expect_values(const char *name, hid_t type, hid_t memory, const void *values, const float *wanted,
                          size_t rounded)
{
  enum { COUNT = 16 };
  static uint64_t block[64];
  const int32_t labels[COUNT] = {1};
  lks_dataset_file *is = NULL;
  const hid_t file = H5Fcreate(own, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  edit_array(file, "X", type, 1, (hsize_t[]){COUNT}, H5P_DEFAULT, NULL);
  edit_array(file, "y", H5T_NATIVE_INT32, 1, (hsize_t[]){COUNT}, H5P_DEFAULT, labels);
  const hid_t data = H5Dopen2(file, "X", H5P_DEFAULT);
  assert_true(H5Dwrite(data, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(data);
  H5Fclose(file);
  if (lks_dataset_file_open(&is, own, NULL) != LKS_OK || lks_dataset_file_read(is, block) != LKS_OK)
    fail_msg("%s: %s", name, lks_message());
  if (memcmp(block, wanted, COUNT * sizeof *wanted) != 0) fail_msg("%s: values are others", name);
  assert_int_equal(lks_dataset_file_rounded(is), rounded);
  lks_dataset_file_close(&is);
}

/* The bits of float16 from 0 on, decoded here once more. */
static float half(unsigned bits)
{
  const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size =
      exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(1024 + fraction), (int)exponent - 25);
  return bits >> 15 ? -size : size;
}

static void test_extreme_values(void **state)
{
  (void)state;
  const double f64[16] = {
      0.1,  -0.1, 1e-46, 0x1.fffffep127, -0x1.fffffep127, 0x1p-149, 0.5,      0x1.000001p0, 0x1.0000010001p0,
      1e38, 3,    0,     -0.0,           16777217,        16777216, 0x1p-1000};
  const int64_t i64[16] = {16777217,  -16777217, INT64_MAX, INT64_MIN, 0, 1, -1, 1 << 24,
                           INT32_MAX, INT32_MIN, 33554434,  33554433,  7, 8, 9,  10};
  const uint64_t u64[16] = {UINT64_MAX, UINT64_C(1) << 63, 16777217, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                            12};
  uint16_t bits[16];
  float wanted[16];
  size_t rounded = 0;
  for (int i = 0; i < 16; i++) {
    wanted[i] = (float)f64[i];
    rounded += (double)wanted[i] != f64[i];
  }
  expect_values("float64", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, f64, wanted, rounded);
  for (int i = 0; i < 16; i++) wanted[i] = (float)i64[i];
  expect_values("int64", H5T_STD_I64LE, H5T_NATIVE_INT64, i64, wanted, 6);
  for (int i = 0; i < 16; i++) wanted[i] = (float)u64[i];
  expect_values("uint64", H5T_STD_U64BE, H5T_NATIVE_UINT64, u64, wanted, 2);
  const hid_t float16 = own_float16(false);
  for (unsigned first = 0; first < 0x7c00; first += 1021) {
    for (unsigned i = 0; i < 16; i++) {
      bits[i] = (uint16_t)((first + i * 61) % 0x7c00 | (i % 2) << 15);
      wanted[i] = half(bits[i]);
    }
    expect_values("float16", float16, float16, bits, wanted, 0);
  }
}

/* An attribute of texts of fixed or free length, or an array of them. */
static void fixed_names(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  edit_numbers(file, "class_names", type, 1, (hsize_t[]){OWN_CLASSES}, "cat\0four\0\0\0\0a b");
  H5Tclose(type);
}

static void free_names(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  edit_numbers(file, "class_names", type, 1, (hsize_t[]){OWN_CLASSES},
               (const char *[]){"cat", "four", "", "a b"});
  H5Tclose(type);
}

static void names_in_an_array(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 5);
  edit_array(file, "list_classes", type, 1, (hsize_t[]){OWN_CLASSES}, H5P_DEFAULT,
             "cat\0\0four\0\0\0\0\0\0a b\0");
  H5Tclose(type);
}

static void test_class_names(void **state)
{
  (void)state;
  static void (*const more[])(hid_t) = {fixed_names, free_names, names_in_an_array};
  static const char *const wanted[] = {"cat", "four", "", "a b"};
  for (int i = 0; i < 3; i++) {
    const own_file file = {.name = "class names", .path = {"X", "y", NULL, NULL}, .more = more[i]};
    lks_dataset_file *is = NULL;
    expect_in(&file);
    assert_int_equal(lks_dataset_file_open(&is, own, NULL), LKS_OK);
    const lks_class_names *names = lks_dataset_file_class_names(is);
    assert_int_equal(lks_class_names_count(names), OWN_CLASSES);
    for (size_t k = 0; k < OWN_CLASSES; k++) assert_string_equal(lks_class_names_get(names, k), wanted[k]);
    assert_null(lks_class_names_get(names, OWN_CLASSES));
    lks_dataset_file_close(&is);
  }
}

static void test_described(void **state)
{
  (void)state;
  char *text = NULL;
  size_t length = 0;
  const own_file file = {.name = "described",
                         .path = {"X", "y", NULL, NULL},
                         .filter = OWN_GZIP,
                         .type = H5T_STD_I16BE,
                         .more = fixed_names};
  assert_true(own_file_write(own, &file));
  FILE *out = open_memstream(&text, &length);
  assert_int_equal(lks_dataset_describe(out, own, NULL), LKS_OK);
  fclose(out);
  static const char *const parts[] = {
      "a dataset of 4 classes",
      "taken     /X is int16 (23,6): samples",
      "/y is int32 (23): labels",
      "missing   format, classes, mean, std, content_hash, test part (train with --holdout N); none",
      "train     23 samples: 6 6 6 5 of each class",
      "classes   0 cat: 6 train, 0 test",
      "3 a b: 5 train",
      "values    0 to 12, mean ",
      "layout    /X: chunks of 7 x 6, deflate"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(text, parts[i])) fail_msg("%s: is not in\n%s", parts[i], text);
  free(text);
}

static void two_not_finite(hid_t file)
{
  float values[OWN_TRAIN * OWN_WIDTH] = {1};
  values[3 * OWN_WIDTH + 2] = NAN;
  values[5 * OWN_WIDTH] = -INFINITY;
  edit_array(file, "X", H5T_IEEE_F32LE, 2, (hsize_t[]){OWN_TRAIN, OWN_WIDTH}, H5P_DEFAULT, values);
}

/* info counts them all, and then says the first one. */
static void test_not_finite_described(void **state)
{
  (void)state;
  char *text = NULL;
  size_t length = 0;
  const own_file file = {.path = {"X", "y", NULL, NULL}, .more = two_not_finite};
  assert_true(own_file_write(own, &file));
  FILE *out = open_memstream(&text, &length);
  assert_int_equal(lks_dataset_describe(out, own, NULL), LKS_ERR_DATA);
  fclose(out);
  assert_non_null(strstr(lks_message(), "/X[3][2] is not finite"));
  assert_non_null(strstr(text, "1 NaN and 1 infinite values, which training refuses"));
  assert_non_null(strstr(text, "5 of 6 channels constant: 1 2 3 4 5"));
  assert_null(strstr(text, "hash  "));
  free(text);
}

/* Runs last. */
static void test_were_many(void **state)
{
  (void)state;
  print_message("%zu files\n", files);
  assert_true(files > 150);
}

int main(void)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_types, own_nothing_is_left),
      cmocka_unit_test_teardown(test_shapes, own_nothing_is_left),
      cmocka_unit_test_teardown(test_filters, own_nothing_is_left),
      cmocka_unit_test_teardown(test_names, own_nothing_is_left),
      cmocka_unit_test_teardown(test_given_names, own_nothing_is_left),
      cmocka_unit_test_teardown(test_of_the_file, own_nothing_is_left),
      cmocka_unit_test_teardown(test_extreme_values, own_nothing_is_left),
      cmocka_unit_test_teardown(test_class_names, own_nothing_is_left),
      cmocka_unit_test_teardown(test_described, own_nothing_is_left),
      cmocka_unit_test_teardown(test_not_finite_described, own_nothing_is_left),
      cmocka_unit_test_teardown(test_were_many, own_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, own_set_up, own_tear_down);
}
