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
#include "base/file.h"
#include "base/random.h"
#include "dataset/generate.h"
#include "support/dataset_copy.h"
#include "support/hdf5_edit.h"

static char folder[] = "/tmp/lockstep-test-XXXXXX";
static char good[64], other[64], bad[64];

static const lks_generate_options images = {
    .shape = {5, 4, 3}, .classes = 4, .train = 150, .test = 23, .noise = 128, .seed = 3};
static const lks_generate_options features = {
    .shape = {1, 1, 7}, .features = true, .classes = 3, .train = 80, .test = 9, .noise = 128, .seed = 4};

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(good, sizeof good, "%s/good.h5", folder);
  snprintf(other, sizeof other, "%s/other.h5", folder);
  snprintf(bad, sizeof bad, "%s/bad.h5", folder);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return lks_generate(good, &images, false) || lks_generate(other, &features, false);
}

static int tear_down(void **state)
{
  (void)state;
  unlink(good);
  unlink(other);
  unlink(bad);
  return rmdir(folder);
}

static int nothing_is_left(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

/* What can be wrong with a file, made from a good one by a hand at a time. */
static hid_t root;

static void set_label(const char *name, hsize_t index, int32_t value)
{
  hid_t data = H5Dopen2(root, name, H5P_DEFAULT), space = H5Dget_space(data), one = H5Screate(H5S_SCALAR);
  H5Sselect_elements(space, H5S_SELECT_SET, 1, &index);
  H5Dwrite(data, H5T_NATIVE_INT32, one, space, H5P_DEFAULT, &value);
  H5Sclose(one);
  H5Sclose(space);
  H5Dclose(data);
}

static void other_format(void)
{
  edit_text(root, "format", "lockstep-checkpoint", sizeof "lockstep-checkpoint");
}
static void number_as_format(void)
{
  edit_whole(root, "format", 1);
}
static void newer_version(void)
{
  edit_whole(root, "format_version", 2);
}
static void text_as_version(void)
{
  edit_text(root, "format_version", "1", sizeof "1");
}
static void zero_classes(void)
{
  edit_whole(root, "classes", 0);
}
static void negative_classes(void)
{
  edit_whole(root, "classes", -3);
}
static void fewer_classes(void)
{
  edit_whole(root, "classes", 3);
}
static void more_classes(void)
{
  edit_whole(root, "classes", 5);
}
static void short_mean(void)
{
  edit_numbers(root, "mean", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){2}, (double[]){0, 1});
}
static void infinite_mean(void)
{
  edit_numbers(root, "mean", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){3}, (double[]){0, INFINITY, 1});
}
static void negative_std(void)
{
  edit_numbers(root, "std", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){3}, (double[]){1, 1, -1});
}
static void other_mean(void)
{
  edit_numbers(root, "mean", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){3}, (double[]){0.5, 0.5, 0.5});
}
static void no_labels(void)
{
  H5Ldelete(root, "train/labels", H5P_DEFAULT);
}
static void wide_labels(void)
{
  edit_array(root, "train/labels", H5T_NATIVE_INT64, 1, (hsize_t[]){150}, H5P_DEFAULT, NULL);
}
static void fewer_labels(void)
{
  edit_array(root, "test/labels", H5T_NATIVE_INT32, 1, (hsize_t[]){22}, H5P_DEFAULT, NULL);
}
static void float_images(void)
{
  edit_array(root, "test/images", H5T_NATIVE_FLOAT, 4, (hsize_t[]){23, 5, 4, 3}, H5P_DEFAULT, NULL);
}
static void signed_images(void)
{
  edit_array(root, "test/images", H5T_NATIVE_INT8, 4, (hsize_t[]){23, 5, 4, 3}, H5P_DEFAULT, NULL);
}
static void flat_images(void)
{
  edit_array(root, "train/images", H5T_NATIVE_UINT8, 2, (hsize_t[]){150, 60}, H5P_DEFAULT, NULL);
}
static void other_shape(void)
{
  edit_array(root, "test/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){23, 4, 5, 3}, H5P_DEFAULT, NULL);
}
static void low_label(void)
{
  set_label("train/labels", 17, -1);
}
static void high_label(void)
{
  set_label("test/labels", 22, 4);
}
static void wrong_label(void)
{
  set_label("train/labels", 3, 2);
}
static void wrong_hash(void)
{
  edit_text(root, "content_hash", "00000000000000000000000000000000",
            sizeof "00000000000000000000000000000000");
}

static void no_samples(void)
{
  edit_array(root, "train/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){0, 5, 4, 3}, H5P_DEFAULT, NULL);
  edit_array(root, "train/labels", H5T_NATIVE_INT32, 1, (hsize_t[]){0}, H5P_DEFAULT, NULL);
}

static void empty_images(void)
{
  edit_array(root, "train/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){150, 5, 0, 3}, H5P_DEFAULT, NULL);
  edit_array(root, "test/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){23, 5, 0, 3}, H5P_DEFAULT, NULL);
}

/* A terabyte that was never written costs nothing in the file. */
static void endless_images(void)
{
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, 4, (hsize_t[]){1, 1000, 1000, 3});
  edit_array(root, "train/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){150, 100000, 100000, 3}, plan, NULL);
  edit_array(root, "test/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){23, 100000, 100000, 3}, plan, NULL);
  H5Pclose(plan);
}

static void external_link(void)
{
  H5Ldelete(root, "train/images", H5P_DEFAULT);
  H5Lcreate_external("good.h5", "/train/images", root, "train/images", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_group(void)
{
  H5Ldelete(root, "test", H5P_DEFAULT);
  H5Lcreate_external("good.h5", "/test", root, "test", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_storage(void)
{
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(plan, "/etc/passwd", 0, (hsize_t)23 * 60);
  edit_array(root, "test/images", H5T_NATIVE_UINT8, 4, (hsize_t[]){23, 5, 4, 3}, plan, NULL);
  H5Pclose(plan);
}

static void filter_of_others(void)
{
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, 1, (hsize_t[]){23});
  H5Pset_filter(plan, 32015, H5Z_FLAG_OPTIONAL, 0, NULL);
  edit_array(root, "test/labels", H5T_NATIVE_INT32, 1, (hsize_t[]){23}, plan, NULL);
  H5Pclose(plan);
}

/* Three gigabytes that were never written. */
static void endless_chunk(void)
{
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, 4, (hsize_t[]){(hsize_t)50 << 20, 5, 4, 3});
  const hid_t space = H5Screate_simple(4, (hsize_t[]){23, 5, 4, 3},
                                       (hsize_t[]){H5S_UNLIMITED, 5, 4, 3}); /* chunks may be larger then */
  H5Ldelete(root, "test/images", H5P_DEFAULT);
  H5Dclose(H5Dcreate2(root, "test/images", H5T_NATIVE_UINT8, space, H5P_DEFAULT, plan, H5P_DEFAULT));
  H5Sclose(space);
  H5Pclose(plan);
}

static void virtual_dataset(void)
{
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, (hsize_t[]){23}, NULL);
  H5Pset_virtual(plan, space, good, "/test/labels", space);
  edit_array(root, "test/labels", H5T_NATIVE_INT32, 1, (hsize_t[]){23}, plan, NULL);
  H5Sclose(space);
  H5Pclose(plan);
}

static const struct {
  const char *name;
  void (*spoil)(void);
  const char *part; /* of the message */
} wrongs[] = {
    {"other format", other_format, "must be \"lockstep-dataset\""},
    {"number as format", number_as_format, "must be one text"},
    {"newer version", newer_version, "format_version 2"},
    {"text as version", text_as_version, "must be a whole number"},
    {"zero classes", zero_classes, "classes is 0"},
    {"negative classes", negative_classes, "classes is 0"},
    {"fewer classes", fewer_classes, "/train/labels[3] is 3 and must be 0 to 2"},
    {"more classes", more_classes, "content_hash"},
    {"short mean", short_mean, "has 2 values and must have 3"},
    {"infinite mean", infinite_mean, "mean[1] is inf"},
    {"negative std", negative_std, "std[2] is -1"},
    {"other mean", other_mean, "content_hash"},
    {"no labels", no_labels, "/train/labels is missing"},
    {"wide labels", wide_labels, "/train/labels is int64 (150), but nothing of it was ever written"},
    {"fewer labels", fewer_labels, "/test/labels is int32 (22), but nothing of it"},
    {"float images", float_images, "/test/images is float32 (23,5,4,3), but nothing"},
    {"signed images", signed_images, "/test/images is int8 (23,5,4,3), but nothing"},
    {"flat images", flat_images, "/train/images is uint8 (150,60), but nothing"},
    {"other shape", other_shape, "/test/images is uint8 (23,4,5,3), but nothing"},
    {"low label", low_label, "/train/labels[17] is -1 and must be 0 to 3"},
    {"high label", high_label, "/test/labels[22] is 4 and must be 0 to 3"},
    {"wrong label", wrong_label, "content_hash"},
    {"wrong hash", wrong_hash, "content_hash is 0000"},
    {"no samples", no_samples, "no training samples"},
    {"empty images", empty_images, "it holds nothing"},
    {"endless images", endless_images, "but nothing of it was ever written"},
    {"external link", external_link, "/train/images is a link to another file"},
    {"external group", external_group, "is a link to another file"},
    {"external storage", external_storage, "from other files"},
    {"filter of others", filter_of_others,
     "/test/labels is stored with the filter zstd (number 32015), which"},
    {"endless chunk", endless_chunk, "/test/images has chunks that are larger than the file can hold"},
    {"virtual dataset", virtual_dataset, "from other files"},
};

static void duplicate(const char *from, const char *to)
{
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, from), LKS_OK);
  assert_int_equal(lks_file_write(to, data, bytes), LKS_OK);
  lks_free(data);
}

static void expect_refused(const char *path, lks_status status, const char *part, const char *name)
{
  lks_dataset_copy got;
  lks_status is = lks_dataset_copy_read(&got, path);
  if (is != status || !strstr(lks_message(), part) || strncmp(lks_message(), path, strlen(path)) != 0)
    fail_msg("%s: status %d, message \"%s\"", name, is, is ? lks_message() : "");
}

static void test_wrong_files(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    duplicate(good, bad);
    root = H5Fopen(bad, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(root >= 0);
    wrongs[i].spoil();
    H5Fclose(root);
    expect_refused(bad, LKS_ERR_DATA, wrongs[i].part, wrongs[i].name);
  }
}

static void test_feature_that_is_not_finite(void **state)
{
  (void)state;
  duplicate(other, bad);
  root = H5Fopen(bad, H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t data = H5Dopen2(root, "test/features", H5P_DEFAULT), space = H5Dget_space(data),
        one = H5Screate(H5S_SCALAR);
  H5Sselect_elements(space, H5S_SELECT_SET, 1, (hsize_t[]){8, 6});
  float value = NAN;
  H5Dwrite(data, H5T_NATIVE_FLOAT, one, space, H5P_DEFAULT, &value);
  H5Sclose(one);
  H5Sclose(space);
  H5Dclose(data);
  H5Fclose(root);
  expect_refused(bad, LKS_ERR_DATA, "/test/features[8][6] is", "nan");
}

static void test_no_file_at_all(void **state)
{
  (void)state;
  char kind[64];
  unlink(bad);
  expect_refused(bad, LKS_ERR_IO, "No such file or directory", "missing");
  expect_refused(folder, LKS_ERR_IO, "not a regular file", "folder");
  assert_int_equal(lks_file_write(bad, "", 0), LKS_OK);
  expect_refused(bad, LKS_ERR_DATA, "is not an HDF5 file", "empty");
  assert_int_equal(lks_file_write(bad, "label,pixel1\n3,4\n", 17), LKS_OK);
  expect_refused(bad, LKS_ERR_DATA, "is not an HDF5 file", "text");
  assert_int_equal(lks_file_kind(kind, bad), LKS_ERR_DATA);
  assert_int_equal(lks_file_kind(kind, good), LKS_OK);
  assert_string_equal(kind, "lockstep-dataset");
}

static void test_truncated_anywhere(void **state)
{
  (void)state;
  enum { CUTS = 60 };
  char *data;
  size_t bytes;
  lks_dataset_copy got;
  assert_int_equal(lks_file_read(&data, &bytes, good), LKS_OK);
  for (size_t i = 0; i < CUTS; i++) {
    assert_int_equal(lks_file_write(bad, data, i == 0 ? bytes - 1 : bytes * i / CUTS), LKS_OK);
    assert_int_equal(lks_dataset_copy_read(&got, bad), LKS_ERR_DATA);
  }
  lks_free(data);
}

/* A flipped bit is refused, or lies where it changes nothing. */
static void test_flipped_bits(void **state)
{
  (void)state;
  enum { FLIPS = 400 };
  char *data;
  size_t bytes, refused = 0;
  lks_dataset_copy before, after;
  assert_int_equal(lks_dataset_copy_read(&before, good), LKS_OK);
  assert_int_equal(lks_file_read(&data, &bytes, good), LKS_OK);
  for (uint32_t i = 0; i < FLIPS; i++) {
    const lks_random_key key = lks_random_key_make(11, LKS_RANDOM_GENERATE, 0, 0, i);
    const size_t bit = lks_random_below(&key, 0, 8 * bytes);
    data[bit / 8] ^= (char)(1 << bit % 8);
    assert_int_equal(lks_file_write(bad, data, bytes), LKS_OK);
    data[bit / 8] ^= (char)(1 << bit % 8);
    if (lks_dataset_copy_read(&after, bad))
      refused++;
    else {
      assert_true(lks_dataset_copy_equal(&before, &after));
      lks_dataset_copy_clear(&after);
    }
  }
  assert_true(refused > FLIPS / 2);
  lks_free(data);
  lks_dataset_copy_clear(&before);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_wrong_files, nothing_is_left),
      cmocka_unit_test_teardown(test_feature_that_is_not_finite, nothing_is_left),
      cmocka_unit_test_teardown(test_no_file_at_all, nothing_is_left),
      cmocka_unit_test_teardown(test_truncated_anywhere, nothing_is_left),
      cmocka_unit_test_teardown(test_flipped_bits, nothing_is_left),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
