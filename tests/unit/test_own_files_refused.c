/* Files of users that are no dataset: one message each, with what was found, where, and what to do. */
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
#include "dataset/dataset_load.h"
#include "support/hdf5_edit.h"
#include "support/own_file.h"

/* Each changes a file of /X float32 (23,6) and /y int32 (23). */
static void put(hid_t file, const char *name, hid_t type, int rank, const hsize_t *size, double value)
{
  static double values[32 * 6];
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) values[i] = value;
  edit_array(file, name, type, rank, size, H5P_DEFAULT, NULL);
  const hid_t data = H5Dopen2(file, name, H5P_DEFAULT);
  if (rank >= 0) H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(data);
}

static void set(hid_t file, const char *name, size_t place, double value)
{
  double values[OWN_TRAIN * OWN_WIDTH];
  const hid_t data = H5Dopen2(file, name, H5P_DEFAULT);
  H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  values[place] = value;
  H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(data);
}

static void regression(hid_t file)
{
  put(file, "y", H5T_IEEE_F64LE, 1, (hsize_t[]){OWN_TRAIN}, 0.25);
}
static void missing_label(hid_t file)
{
  put(file, "y", H5T_IEEE_F64LE, 1, (hsize_t[]){OWN_TRAIN}, NAN);
}
static void huge_label(hid_t file)
{
  put(file, "y", H5T_STD_I64LE, 1, (hsize_t[]){OWN_TRAIN}, 4e9);
}
static void many_classes(hid_t file)
{
  set(file, "y", 5, 1e6);
}
static void negative_label(hid_t file)
{
  set(file, "y", 5, -1);
}
static void negative_in_unsigned(hid_t file)
{
  put(file, "y", H5T_STD_U64LE, 1, (hsize_t[]){OWN_TRAIN}, 1.8e19);
}
static void two_hot(hid_t file)
{
  put(file, "y", H5T_STD_U8LE, 2, (hsize_t[]){OWN_TRAIN, 3}, 1);
}
static void no_hot(hid_t file)
{
  put(file, "y", H5T_IEEE_F32LE, 2, (hsize_t[]){OWN_TRAIN, 3}, 0);
}
static void soft_labels(hid_t file)
{
  put(file, "y", H5T_IEEE_F32LE, 2, (hsize_t[]){OWN_TRAIN, 3}, 0.5);
}
static void deep_labels(hid_t file)
{
  put(file, "y", H5T_STD_U8LE, 3, (hsize_t[]){OWN_TRAIN, 2, 2}, 0);
}
static void one_label_less(hid_t file)
{
  put(file, "y", H5T_STD_I64LE, 2, (hsize_t[]){OWN_TRAIN - 1, 1}, 0);
}
static void no_label_values(hid_t file)
{
  put(file, "y", H5T_STD_I64LE, 2, (hsize_t[]){OWN_TRAIN, 0}, 0);
}
static void texts_as_labels(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 3);
  static const char cats[OWN_TRAIN * 3] = "cat";
  edit_array(file, "y", type, 1, (hsize_t[]){OWN_TRAIN}, H5P_DEFAULT, cats);
  H5Tclose(type);
}
static void beyond_float(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 2, (hsize_t[]){OWN_TRAIN, OWN_WIDTH}, 1);
  set(file, "X", 3 * OWN_WIDTH + 2, -1e300);
}
static void not_a_number(hid_t file)
{
  set(file, "X", 3 * OWN_WIDTH + 2, NAN);
}
static void infinite(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 2, (hsize_t[]){OWN_TRAIN, OWN_WIDTH}, 1);
  set(file, "X", OWN_WIDTH, INFINITY);
}
static void matlab(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 2, (hsize_t[]){OWN_WIDTH, OWN_TRAIN}, 1);
  put(file, "y", H5T_IEEE_F64LE, 2, (hsize_t[]){1, OWN_TRAIN}, 1);
}
static void volumes(hid_t file)
{
  put(file, "X", H5T_STD_U8LE, 5, (hsize_t[]){OWN_TRAIN, 2, 1, 1, 2}, 1);
}
static void scalar(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 0, NULL, 1);
}
static void null(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, -1, NULL, 1);
}
static void no_samples(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 2, (hsize_t[]){0, OWN_WIDTH}, 1);
  put(file, "y", H5T_STD_I64LE, 1, (hsize_t[]){0}, 1);
}
static void no_values(hid_t file)
{
  put(file, "X", H5T_IEEE_F64LE, 2, (hsize_t[]){OWN_TRAIN, 0}, 1);
}
static void records(hid_t file)
{
  const hid_t type = H5Tcreate(H5T_COMPOUND, 8);
  H5Tinsert(type, "a", 0, H5T_IEEE_F32LE);
  H5Tinsert(type, "b", 4, H5T_STD_I32LE);
  static const char nothing[8 * OWN_TRAIN];
  edit_array(file, "X", type, 1, (hsize_t[]){OWN_TRAIN}, H5P_DEFAULT, nothing);
  H5Tclose(type);
}
static void complex_numbers(hid_t file)
{
  const hid_t type = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(type, "r", 0, H5T_IEEE_F64LE);
  H5Tinsert(type, "i", 8, H5T_IEEE_F64LE);
  static const char nothing[16 * OWN_TRAIN];
  edit_array(file, "X", type, 1, (hsize_t[]){OWN_TRAIN}, H5P_DEFAULT, nothing);
  H5Tclose(type);
}
static void ragged_rows(hid_t file)
{
  const hid_t type = H5Tvlen_create(H5T_IEEE_F32LE);
  static hvl_t rows[OWN_TRAIN];
  edit_array(file, "X", type, 1, (hsize_t[]){OWN_TRAIN}, H5P_DEFAULT, rows);
  H5Tclose(type);
}
static void long_doubles(hid_t file)
{
  put(file, "X", H5T_NATIVE_LDOUBLE, 2, (hsize_t[]){OWN_TRAIN, 2}, 1);
}
static void with_filter(hid_t file, H5Z_filter_t number)
{
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(plan, 2, (hsize_t[]){5, OWN_WIDTH});
  H5Pset_filter(plan, number, H5Z_FLAG_OPTIONAL, 0, NULL);
  edit_array(file, "X", H5T_IEEE_F32LE, 2, (hsize_t[]){OWN_TRAIN, OWN_WIDTH}, plan, NULL);
  H5Pclose(plan);
}
static void lzf(hid_t file)
{
  with_filter(file, 32000);
}
static void blosc(hid_t file)
{
  with_filter(file, 32001);
}
static void zstd(hid_t file)
{
  with_filter(file, 32015);
}
static void bitshuffle(hid_t file)
{
  with_filter(file, 32008);
}
static void unknown_filter(hid_t file)
{
  with_filter(file, 31999);
}

/* Five chunks, of which so many are written. */
static void partly_written(hid_t file, hsize_t chunks)
{
  static const float values[OWN_TRAIN * OWN_WIDTH];
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE),
              memory = H5Screate_simple(2, (hsize_t[]){5 * chunks, OWN_WIDTH}, NULL);
  H5Pset_chunk(plan, 2, (hsize_t[]){5, OWN_WIDTH});
  edit_array(file, "X", H5T_IEEE_F32LE, 2, (hsize_t[]){OWN_TRAIN, OWN_WIDTH}, plan, NULL);
  const hid_t data = H5Dopen2(file, "X", H5P_DEFAULT), space = H5Dget_space(data);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, (hsize_t[]){0, 0}, NULL, (hsize_t[]){5 * chunks, OWN_WIDTH},
                      NULL);
  if (chunks > 0) H5Dwrite(data, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values);
  H5Sclose(space);
  H5Dclose(data);
  H5Sclose(memory);
  H5Pclose(plan);
}
static void hardly_written(hid_t file)
{
  partly_written(file, 2);
}
static void never_written(hid_t file)
{
  partly_written(file, 0);
}
static void mostly_written(hid_t file)
{
  partly_written(file, 4);
}
static void external_link(hid_t file)
{
  H5Ldelete(file, "X", H5P_DEFAULT);
  H5Lcreate_external("other.h5", "/X", file, "X", H5P_DEFAULT, H5P_DEFAULT);
}
static void link_over_others(hid_t file)
{
  H5Lmove(file, "X", file, "Z", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("other.h5", "/", file, "out", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/out/X", file, "X", H5P_DEFAULT, H5P_DEFAULT);
}
static void circle(hid_t file)
{
  H5Ldelete(file, "X", H5P_DEFAULT);
  H5Lcreate_soft("/X", file, "X", H5P_DEFAULT, H5P_DEFAULT);
}
static void virtual_samples(hid_t file)
{
  const hsize_t size[] = {OWN_TRAIN, OWN_WIDTH};
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, size, NULL);
  H5Pset_virtual(plan, space, "other.h5", "/X", space);
  edit_array(file, "X", H5T_IEEE_F32LE, 2, size, plan, NULL);
  H5Sclose(space);
  H5Pclose(plan);
}
static void two_kinds(hid_t file)
{
  put(file, "data", H5T_IEEE_F64LE, 2, (hsize_t[]){OWN_TRAIN, 2}, 1);
}
static void unknown_names(hid_t file)
{
  H5Lmove(file, "X", file, "foo", H5P_DEFAULT, H5P_DEFAULT);
  H5Lmove(file, "y", file, "bar", H5P_DEFAULT, H5P_DEFAULT);
}
static void no_labels(hid_t file)
{
  H5Ldelete(file, "y", H5P_DEFAULT);
}
static void test_alone(hid_t file)
{
  H5Lmove(file, "X", file, "X_test", H5P_DEFAULT, H5P_DEFAULT);
  H5Lmove(file, "y", file, "y_test", H5P_DEFAULT, H5P_DEFAULT);
}
static void group(hid_t file)
{
  H5Ldelete(file, "y", H5P_DEFAULT);
  H5Gclose(H5Gcreate2(file, "y", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void other_test_shape(hid_t file)
{
  put(file, "X_test", H5T_IEEE_F64LE, 2, (hsize_t[]){7, 5}, 1);
  put(file, "y_test", H5T_STD_I64LE, 1, (hsize_t[]){7}, 1);
}
static void test_label_too_high(hid_t file)
{
  put(file, "X_test", H5T_IEEE_F64LE, 2, (hsize_t[]){7, OWN_WIDTH}, 1);
  put(file, "y_test", H5T_STD_I64LE, 1, (hsize_t[]){7}, 4);
  edit_whole(file, "classes", OWN_CLASSES);
}
static void broken_classes(hid_t file)
{
  edit_real(file, "classes", 3.5);
}
static void two_classes_numbers(hid_t file)
{
  edit_numbers(file, "classes", H5T_NATIVE_INT, 1, (hsize_t[]){2}, (int[]){4, 4});
}
static void wide_mean(hid_t file)
{
  edit_numbers(file, "mean", H5T_NATIVE_DOUBLE, 1, (hsize_t[]){2}, (double[]){4, 4});
}
static void text_as_std(hid_t file)
{
  edit_text(file, "std", "1", 2);
}
static void wrong_hash(hid_t file)
{
  edit_text(file, "content_hash", "0123456789abcdef0123456789abcdef", 33);
}
static void other_format(hid_t file)
{
  edit_text(file, "format", "netcdf", 7);
}
static void few_names(hid_t file)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 3);
  edit_numbers(file, "class_names", type, 1, (hsize_t[]){2}, "catdog");
  edit_whole(file, "classes", OWN_CLASSES);
  H5Tclose(type);
}
static void numbers_as_names(hid_t file)
{
  edit_numbers(file, "class_names", H5T_NATIVE_INT, 1, (hsize_t[]){4}, (int[]){0, 1, 2, 3});
}

static const struct {
  const char *name;
  void (*spoil)(hid_t file);
  const char *part; /* of the message; NULL: it comes in */
} wrongs[] = {
    {"nothing", NULL, NULL},
    {"mostly written", mostly_written, NULL},
    {"regression", regression,
     "/y is float64 (23) and /y[0] is 0.25: labels are whole class numbers 0, 1, 2 ... of shape (N), or one-hot rows (N,K)"},
    {"missing label", missing_label, "/y is float64 (23) and /y[0] is nan: labels"},
    {"huge label", huge_label, "/y is int64 (23) and /y[0] is 4000000000: labels"},
    {"many classes", many_classes, "/y[5] is 1000000: labels are class numbers from 0 to 999999"},
    {"negative label", negative_label, "/y[5] is -1 and must be 0 to 3 (4 classes)"},
    {"negative in unsigned", negative_in_unsigned, "/y is uint64 (23) and /y[0] is 18000000000000000000"},
    {"two hot", two_hot, "/y is uint8 (23,3) and its row 0 is not one-hot"},
    {"no hot", no_hot, "/y is float32 (23,3) and its row 0 is not one-hot"},
    {"soft labels", soft_labels, "/y is float32 (23,3) and its row 0 is not one-hot"},
    {"deep labels", deep_labels, "/y is uint8 (23,2,2): labels are"},
    {"one label less", one_label_less,
     "/X is float32 (23,6) and /y is int64 (22,1): 23 samples and 22 labels"},
    {"no label values", no_label_values, "/y is int64 (23,0): labels are"},
    {"texts as labels", texts_as_labels, "/y is string (23), and texts are no labels: write numbers"},
    {"beyond float", beyond_float, "/X[3] (float64 (23,6)) has the value -1e+300 at place 2, beyond"},
    {"not a number", not_a_number, "/X[3][2] is nan and must be finite"},
    {"infinite", infinite, "/X[1][0] is inf and must be finite"},
    {"matlab", matlab,
     "/X is float64 (6,23) and /y is float64 (1,23): the samples lie along the last axis, as MATLAB"},
    {"volumes", volumes, "/X is uint8 (23,2,1,1,2), of 5 axes: samples are features (N,D), or images"},
    {"scalar", scalar, "/X is float64 (), a single value or none"},
    {"null", null, "/X is float64 (empty), a single value or none"},
    {"no samples", no_samples, "it has no training samples: /X is float64 (0,6)"},
    {"no values", no_values, "it holds nothing"},
    {"records", records, "/X is compound (23) and samples must be integers or floats of at most 64 bits"},
    {"complex numbers", complex_numbers, "/X is complex (23) and samples must be"},
    {"ragged rows", ragged_rows, "/X is variable-length (23) and samples must be"},
    {"long doubles", long_doubles, "/X is float128 (23,2) and samples must be"},
    {"lzf", lzf,
     "/X is stored with the filter lzf (number 32000), which this program does not have: write it with compression='gzip'"},
    {"blosc", blosc, "filter blosc (number 32001)"},
    {"zstd", zstd, "filter zstd (number 32015)"},
    {"bitshuffle", bitshuffle, "filter bitshuffle (number 32008)"},
    {"unknown filter", unknown_filter, "filter without a name (number 31999)"},
    {"hardly written", hardly_written, "/X is float32 (23,6), but of its 5 chunks only 2 were ever written"},
    {"never written", never_written, "/X is float32 (23,6), but nothing of it was ever written"},
    {"external link", external_link, "no array in it is recognized as training samples"},
    {"link over others", link_over_others, "no array in it is recognized as training samples"},
    {"circle", circle, "no array in it is recognized as training samples"},
    {"virtual", virtual_samples, "/X takes its data from other files and must hold them itself"},
    {"two kinds", two_kinds,
     "more than one array in it is recognized as training samples: give --samples PATH. It holds /X float32 (23,6), /data float64 (23,2), /y int32 (23)"},
    {"unknown names", unknown_names,
     "no array in it is recognized as training samples: give --samples PATH. It holds /bar int32 (23), /foo float32 (23,6)"},
    {"no labels", no_labels,
     "no array in it is recognized as training labels: give --labels PATH. It holds /X"},
    {"test alone", test_alone, "it has test samples alone: give --samples PATH"},
    {"group", group, "no array in it is recognized as training labels"},
    {"other test shape", other_test_shape,
     "/X is float32 (23,6) and /X_test is float64 (7,5): training and test samples differ"},
    {"test label too high", test_label_too_high, "/y_test[0] is 4 and must be 0 to 3 (4 classes)"},
    {"broken classes", broken_classes, "`classes` is 3.5 and must be a whole number"},
    {"two numbers of classes", two_classes_numbers,
     "`classes` is int32 (2): it has 2 values and must have 1"},
    {"wide mean", wide_mean, "`mean` is float64 (2): it has 2 values and must have 6, or be left out"},
    {"text as std", text_as_std, "`std` is string () and must be of floating point"},
    {"wrong hash", wrong_hash, "damaged: its contents have the hash"},
    {"other format", other_format, "`format` is \"netcdf\" and must be \"lockstep-dataset\", or be left out"},
    {"few names", few_names, "`class_names` has 2 texts and `classes` is 4"},
    {"numbers as names", numbers_as_names, "`class_names` must be an array of texts"},
};

static void expect(const char *name, const lks_dataset_names *names, const char *part)
{
  lks_contents contents;
  void *block = NULL;
  const lks_status status = lks_dataset_load(&block, &contents, own, names);
  lks_free(block);
  if (part ? status != LKS_ERR_DATA || !strstr(lks_message(), part) ||
                 strncmp(lks_message(), own, strlen(own)) != 0
           : status != LKS_OK)
    fail_msg("%s: status %d, message \"%s\"", name, status, status ? lks_message() : "");
}

static void make(void (*spoil)(hid_t file))
{
  assert_true(own_file_write(own, &(own_file){.path = {"X", "y", NULL, NULL}, .more = spoil}));
}

static void test_wrong_files(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
    make(wrongs[i].spoil);
    expect(wrongs[i].name, NULL, wrongs[i].part);
  }
}

static void test_wrong_names(void **state)
{
  (void)state;
  make(NULL);
  expect("missing", &(lks_dataset_names){.samples = "/Z"}, "/Z is missing");
  expect("in no group", &(lks_dataset_names){.samples = "/X/Z"}, "/X/Z");
  expect("root", &(lks_dataset_names){.samples = "/"}, "/ is no array");
  expect("test part", &(lks_dataset_names){.test_samples = "/X"},
         "no array in it is recognized as test labels: give --test-labels PATH");
  make(external_link);
  expect("link", &(lks_dataset_names){.samples = "X"}, "/X is a link to another file");
  make(link_over_others);
  expect("link over", &(lks_dataset_names){.samples = "X"}, "/X is a link: /out is a link to another file");
  make(circle);
  expect("circle", &(lks_dataset_names){.samples = "X"}, "leads back to itself");
}

/* As it is while its writer is at work, or after that was killed. */
static void test_left_open(void **state)
{
  (void)state;
  char *data;
  size_t bytes;
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hid_t file = H5Fcreate(own, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  assert_int_equal(lks_file_read(&data, &bytes, own), LKS_OK);
  H5Fclose(file);
  H5Pclose(access);
  assert_int_equal(lks_file_write(own, data, bytes), LKS_OK);
  lks_free(data);
  expect("left open", NULL, "was left open by the program that wrote it, or still is: close it there");
}

int main(void)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_wrong_files, own_nothing_is_left),
      cmocka_unit_test_teardown(test_wrong_names, own_nothing_is_left),
      cmocka_unit_test_teardown(test_left_open, own_nothing_is_left),
  };
  return cmocka_run_group_tests(tests, own_set_up, own_tear_down);
}
