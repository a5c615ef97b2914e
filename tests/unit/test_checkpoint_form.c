/* A checkpoint as other programs read it: names, types, layout, checksums; the fingerprint by its definition;
 * and the description in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/arena.h"
#include "checkpoint/fingerprint.h"
#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

static hid_t open_good(void)
{
  const hid_t file = H5Fopen(damage_good, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/** A text of fixed length in UTF-8 that ends with its only zero byte. */
static void expect_text(hid_t at, const char *name, const char *expected)
{
  const hid_t attribute = H5Aopen(at, name, H5P_DEFAULT), type = H5Aget_type(attribute),
              space = H5Aget_space(attribute);
  char text[65536] = "";
  assert_true(H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0);
  assert_int_equal(H5Tget_strpad(type), H5T_STR_NULLTERM);
  assert_int_equal(H5Tget_cset(type), H5T_CSET_UTF8);
  assert_int_equal(H5Sget_simple_extent_type(space), H5S_SCALAR);
  assert_true(H5Tget_size(type) < sizeof text && H5Aread(attribute, type, text) >= 0);
  assert_int_equal(H5Tget_size(type), strlen(text) + 1);
  assert_string_equal(text, expected);
  H5Sclose(space);
  H5Tclose(type);
  H5Aclose(attribute);
}

/** Numbers of a type in the file; rank 0 for one alone. */
static void expect_numbers(hid_t at, const char *name, hid_t stored, hid_t type, int rank, size_t count,
                           const void *expected)
{
  const hid_t attribute = H5Aopen(at, name, H5P_DEFAULT), found = H5Aget_type(attribute),
              space = H5Aget_space(attribute);
  int64_t values[16];
  if (H5Tequal(found, stored) <= 0) fail_msg("%s is of another type", name);
  assert_int_equal(H5Sget_simple_extent_ndims(space), rank);
  assert_int_equal(H5Sget_simple_extent_npoints(space), count);
  assert_true(count <= 16 && H5Aread(attribute, type, values) >= 0);
  if (memcmp(values, expected, count * sizeof *values) != 0) fail_msg("%s is not what it should be", name);
  H5Sclose(space);
  H5Tclose(found);
  H5Aclose(attribute);
}

static void expect_whole(hid_t at, const char *name, int64_t expected)
{
  expect_numbers(at, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 0, 1, &expected);
}

static void expect_reals(hid_t at, const char *name, int rank, size_t count, const double *expected)
{
  expect_numbers(at, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rank, count, expected);
}

static void test_attributes(void **state)
{
  (void)state;
  char *config;
  lks_checkpoint_header header = made_up_header();
  const hid_t file = open_good();
  const int64_t shape[3] = {4, 5, 2}, limbs[7] = {1, -2, 3, -4, INT64_C(200) << 32, -(INT64_C(200) << 32), 0};
  const uint64_t seed = UINT64_MAX;
  assert_int_equal(lks_config_print(&config, &header.config), LKS_OK);
  expect_text(file, "format", "lockstep-checkpoint");
  expect_whole(file, "format_version", 1);
  expect_text(file, "creator", "lockstep " LKS_VERSION);
  expect_text(file, "config", config);
  expect_text(file, "model", header.model_text);
  expect_text(file, "data_hash", "0123456789abcdef0123456789abcdef");
  expect_text(file, "job", "job 17 on two hosts");
  expect_text(file, "isa", "sse41");
  expect_whole(file, "epoch", 3);
  expect_whole(file, "step", 37);
  expect_numbers(file, "seed", H5T_STD_U64LE, H5T_NATIVE_UINT64, 0, 1, &seed);
  expect_numbers(file, "input_shape", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, 3, shape);
  expect_reals(file, "input_mean", 1, 2, (double[]){0.25, 1.0 / 3.0});
  expect_reals(file, "input_std", 1, 2, (double[]){0.5, 5e-324});
  expect_whole(file, "classes", 10);
  expect_whole(file, "parameters", 30);
  const hid_t group = H5Gopen2(file, "state", H5P_DEFAULT);
  expect_whole(group, "epoch", 3);
  expect_whole(group, "epoch_step", 7);
  expect_whole(group, "step", 37);
  expect_numbers(group, "loss_limbs", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, 7, limbs);
  expect_whole(group, "correct", 100);
  expect_whole(group, "samples", 200);
  expect_reals(group, "seconds", 0, 1, (double[]){12.5});
  expect_whole(group, "noises", 3);
  expect_reals(group, "noise", 1, 3, (double[]){0.5, -1e300, 1.0 / 7.0});
  expect_whole(group, "batches_tracked", 37);
  H5Gclose(group);
  const hid_t optimizer = H5Gopen2(file, "optimizer", H5P_DEFAULT);
  expect_whole(optimizer, "steps", 41);
  H5Gclose(optimizer);
  H5Fclose(file);
  lks_free(config);
}

/** The links of a group in the order of their making, with a blank behind each. */
static void expect_links(hid_t file, const char *name, const char *expected)
{
  char links[512] = "", link[128];
  const hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
  H5G_info_t info;
  assert_true(H5Gget_info(group, &info) >= 0);
  for (hsize_t i = 0; i < info.nlinks; i++) {
    assert_true(H5Lget_name_by_idx(group, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, link, sizeof link,
                                   H5P_DEFAULT) > 0);
    strcat(strcat(links, link), " ");
  }
  assert_string_equal(links, expected);
  H5Gclose(group);
}

/** fp32 in one chunk with a Fletcher checksum and no other filter. */
static void expect_array(hid_t file, const char *name, int dimensions, const hsize_t *extent,
                         const float *expected)
{
  const hid_t array = H5Dopen2(file, name, H5P_DEFAULT), type = H5Dget_type(array),
              space = H5Dget_space(array), plan = H5Dget_create_plist(array);
  hsize_t found[4] = {0}, chunk[4] = {0};
  float values[32] = {0};
  size_t elements = 1;
  for (int d = 0; d < dimensions; d++) elements *= extent[d];
  assert_true(H5Tequal(type, H5T_IEEE_F32LE) > 0);
  assert_int_equal(H5Sget_simple_extent_ndims(space), dimensions);
  H5Sget_simple_extent_dims(space, found, NULL);
  assert_int_equal(H5Pget_layout(plan), H5D_CHUNKED);
  assert_int_equal(H5Pget_chunk(plan, 4, chunk), dimensions);
  assert_memory_equal(found, extent, (size_t)dimensions * sizeof *extent);
  assert_memory_equal(chunk, extent, (size_t)dimensions * sizeof *extent);
  assert_int_equal(H5Pget_nfilters(plan), 1);
  unsigned flags, config;
  size_t options = 0;
  assert_int_equal(H5Pget_filter2(plan, 0, &flags, &options, NULL, 0, NULL, &config), H5Z_FILTER_FLETCHER32);
  assert_true(H5Dread(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  assert_memory_equal(values, expected, elements * sizeof *values);
  H5Pclose(plan);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(array);
}

static void test_tensors(void **state)
{
  (void)state;
  static const char names[] = "z.weight a.weight a.bias ";
  static const char *const group[] = {"parameters", "optimizer/exp_avg", "optimizer/exp_avg_sq"};
  float values[96];
  for (int i = 0; i < 96; i++) values[i] = 1.0f + 1.0f / (float)(i + 1);
  const hid_t file = open_good();
  expect_links(file, "parameters",
               "z.weight a.weight a.bias a.running_mean a.running_var a.num_batches_tracked ");
  expect_links(file, "optimizer", "exp_avg exp_avg_sq ");
  expect_links(file, "optimizer/exp_avg", names);
  expect_links(file, "optimizer/exp_avg_sq", names);
  const float *next = values;
  for (int g = 0; g < 3; g++) {
    static const char *const vector[] = {"a.weight", "a.bias", "a.running_mean", "a.running_var"};
    char name[64];
    snprintf(name, sizeof name, "%s/z.weight", group[g]);
    expect_array(file, name, 4, (hsize_t[]){3, 2, 2, 2}, next);
    next += 24;
    for (int v = 0; v < (g == 0 ? 4 : 2); v++, next += 3) {
      snprintf(name, sizeof name, "%s/%s", group[g], vector[v]);
      expect_array(file, name, 1, (hsize_t[]){3}, next);
    }
  }
  H5Fclose(file);
}

/** As PyTorch has it: a scalar of 64 bits; in the object's header, which has a checksum. */
static void test_count(void **state)
{
  (void)state;
  const hid_t file = open_good(), count = H5Dopen2(file, "parameters/a.num_batches_tracked", H5P_DEFAULT);
  const hid_t type = H5Dget_type(count), space = H5Dget_space(count), plan = H5Dget_create_plist(count);
  int64_t value = 0;
  assert_true(H5Tequal(type, H5T_STD_I64LE) > 0);
  assert_int_equal(H5Sget_simple_extent_type(space), H5S_SCALAR);
  assert_int_equal(H5Pget_layout(plan), H5D_COMPACT);
  assert_true(H5Dread(count, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0);
  assert_int_equal(value, 37);
  H5Pclose(plan);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(count);
  H5Fclose(file);
}

static void add(char **end, const void *data, size_t bytes)
{
  memcpy(*end, data, bytes);
  *end += bytes;
}

static void test_fingerprint_by_its_definition(void **state)
{
  (void)state;
  char content[1024], *end = content, expected[33], fingerprint[33];
  lks_snapshot s;
  assert_int_equal(made_up_snapshot(&s, 1.0f), LKS_OK);
  const int64_t batches = 37, steps = 41;
  for (size_t a = 0; a < 11; a++) {
    if (a == 5) add(&end, &batches, sizeof batches);
    if (a == 5) add(&end, "exp_avg", 8);
    if (a == 8) add(&end, "exp_avg_sq", 11);
    add(&end, s.array[a].name, strlen(s.array[a].name) + 1);
    add(&end, s.array[a].data, s.array[a].elements * 4);
  }
  char *const without_steps = end;
  add(&end, &steps, sizeof steps);
  for (int optimizer = 1; optimizer >= 0; optimizer--) {
    const XXH128_hash_t hash = XXH3_128bits(content, (size_t)((optimizer ? end : without_steps) - content));
    snprintf(expected, sizeof expected, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
             (uint64_t)hash.low64);
    s.optimizer = optimizer;
    assert_int_equal(lks_snapshot_fingerprint(fingerprint, &s), LKS_OK);
    assert_string_equal(fingerprint, expected);
  }
  lks_snapshot_clear(&s);
}

static void expect_description(const lks_checkpoint_header *header, const lks_snapshot *snapshot,
                               const char *expected)
{
  lks_checkpoint_header copy = *header;
  char *text = NULL, *whole = NULL;
  size_t bytes = 0, whole_bytes = 0;
  assert_int_equal(made_up_save_as(damage_bad, &copy, snapshot), LKS_OK);
  FILE *out = open_memstream(&text, &bytes), *in = open_memstream(&whole, &whole_bytes);
  assert_true(out && in);
  assert_int_equal(lks_checkpoint_describe(out, damage_bad), LKS_OK);
  fclose(out);
  fprintf(in, "%s: a checkpoint\n%s", damage_bad, expected);
  fclose(in);
  char *print = strstr(text, "fingerprint ");
  assert_true(print && strncmp(print + 15, copy.fingerprint, 32) == 0);
  memcpy(print + 15, "FINGERPRINT.....................", 32);
  assert_string_equal(text, whole);
  free(text);
  free(whole);
}

static void test_description(void **state)
{
  (void)state;
  lks_checkpoint_header header = made_up_header();
  lks_snapshot snapshot;
  assert_int_equal(made_up_snapshot(&snapshot, 1.0f), LKS_OK);
  strcpy(header.config.model, "some.model");
  strcpy(header.config.data, "data.h5");
  header.config.batch_size = 64;
  header.config.microbatch = 8;
  expect_description(
      &header, &snapshot,
      "  model          some.model, 30 parameters\n"
      "  input          images of 4 x 5 pixels, 2 channels; 10 classes\n"
      "  classes        cat, dog, , the 4th, 5, 6, 7, 8, 9, last\n"
      "  trained        3 epochs and 7 steps of the next, 37 steps in all, 12.5 s\n"
      "  settings       bn sync, batch size 64, microbatch 8, sgd, lr 0.0123, cosine schedule, 10 epochs, seed 18446744073709551615\n"
      "  dataset        data.h5, content hash 0123456789abcdef0123456789abcdef\n"
      "  written by     job 17 on two hosts\n"
      "  with           instruction set sse41 (--isa)\n"
      "  fingerprint    FINGERPRINT....................., which its content has\n"
      "  batches        37 tracked by the running statistics\n"
      "  optimizer      41 steps; moments: exp_avg exp_avg_sq\n"
      "  tensors\n"
      "    z.weight                         3 x 2 x 2 x 2\n"
      "    a.weight                         3\n"
      "    a.bias                           3\n"
      "    a.running_mean                   3\n"
      "    a.running_var                    3\n");
  header.input = (lks_shape){1, 1, 2};
  header.class_names = NULL;
  header.state.job[0] = header.state.isa[0] = '\0';
  snapshot.arrays = 1;
  snapshot.elements = 24;
  snapshot.moments = 0;
  header.parameters = 24;
  static const char common[] =
      "  model          some.model, 24 parameters\n"
      "  input          2 features; 10 classes\n"
      "  trained        3 epochs and 7 steps of the next, 37 steps in all, 12.5 s\n"
      "  settings       bn sync, batch size 64, microbatch 8, sgd, lr 0.0123, cosine schedule, 10 epochs, seed 18446744073709551615\n"
      "  dataset        data.h5, content hash 0123456789abcdef0123456789abcdef\n"
      "  fingerprint    FINGERPRINT....................., which its content has\n"
      "  batches        37 tracked by the running statistics\n";
  char text[1024];
  snprintf(text, sizeof text, "%s%s", common,
           "  optimizer      41 steps; moments: none\n  tensors\n"
           "    z.weight                         3 x 2 x 2 x 2\n");
  expect_description(&header, &snapshot, text);
  snapshot.optimizer = false;
  snprintf(text, sizeof text, "%s%s", common,
           "  tensors\n    z.weight                         3 x 2 x 2 x 2\n");
  expect_description(&header, &snapshot, text);
  lks_snapshot_clear(&snapshot);
}

/** One row, or one column, of pixels is an image too. */
static void test_description_of_narrow_images(void **state)
{
  (void)state;
  for (int high = 0; high < 2; high++) {
    lks_checkpoint_header header = made_up_header();
    lks_snapshot snapshot;
    char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(made_up_snapshot(&snapshot, 1.0f), LKS_OK);
    strcpy(header.state.job, "j");
    header.input = high ? (lks_shape){2, 1, 2} : (lks_shape){1, 2, 2};
    assert_int_equal(made_up_save_as(damage_bad, &header, &snapshot), LKS_OK);
    FILE *out = open_memstream(&text, &bytes);
    assert_int_equal(lks_checkpoint_describe(out, damage_bad), LKS_OK);
    fclose(out);
    assert_non_null(strstr(text, "  written by     j\n"));
    assert_non_null(strstr(text, high ? "images of 2 x 1 pixels, 2" : "images of 1 x 2 pixels, 2"));
    free(text);
    lks_snapshot_clear(&snapshot);
  }
}

static void test_nothing_is_described_of_a_bad_file(void **state)
{
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  const hid_t file = damage_begin();
  assert_true(edit_whole(file, "format_version", 0));
  H5Fclose(file);
  FILE *out = open_memstream(&text, &bytes);
  assert_int_equal(lks_checkpoint_describe(out, damage_bad), LKS_ERR_DATA);
  fclose(out);
  assert_int_equal(bytes, 0);
  free(text);
}

/** Links may be listed in another order by programs that do not ask; no time of day is kept. */
static void test_no_times(void **state)
{
  (void)state;
  static const char *const name[] = {"parameters", "parameters/z.weight", "parameters/a.num_batches_tracked",
                                     "optimizer/exp_avg", "state"};
  const hid_t file = open_good();
  for (int i = 0; i < 5; i++) {
    const hid_t object = H5Oopen(file, name[i], H5P_DEFAULT);
    const bool group = H5Iget_type(object) == H5I_GROUP;
    const hid_t plan = group ? H5Gget_create_plist(object) : H5Dget_create_plist(object);
    hbool_t tracked = true;
    unsigned order = 0;
    assert_true(H5Pget_obj_track_times(plan, &tracked) >= 0);
    if (tracked) fail_msg("%s has times", name[i]);
    if (group) {
      assert_true(H5Pget_link_creation_order(plan, &order) >= 0);
      assert_int_equal(order, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    }
    H5Pclose(plan);
    H5Oclose(object);
  }
  H5Fclose(file);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, damage_nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(test_attributes),
      TEST(test_tensors),
      TEST(test_count),
      TEST(test_no_times),
      TEST(test_fingerprint_by_its_definition),
      TEST(test_description),
      TEST(test_description_of_narrow_images),
      TEST(test_nothing_is_described_of_a_bad_file),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
