/* Checkpoints whose attributes are damaged: missing, of another type or length, or without sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "checkpoint/checkpoint_read.h"
#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

typedef enum kind { WHOLE, REAL, TEXT } kind;

/** Every attribute that is read; `values` of each. */
static const struct attribute {
  const char *group, *name;
  kind kind;
  size_t values;
} attributes[] = {
    {".", "format_version", WHOLE, 1},
    {".", "fingerprint", TEXT, 1},
    {".", "epoch", WHOLE, 1},
    {".", "step", WHOLE, 1},
    {".", "seed", WHOLE, 1},
    {".", "config", TEXT, 1},
    {".", "model", TEXT, 1},
    {".", "data_hash", TEXT, 1},
    {".", "input_shape", WHOLE, 3},
    {".", "input_mean", REAL, 2},
    {".", "input_std", REAL, 2},
    {".", "classes", WHOLE, 1},
    {".", "parameters", WHOLE, 1},
    {"state", "epoch", WHOLE, 1},
    {"state", "epoch_step", WHOLE, 1},
    {"state", "step", WHOLE, 1},
    {"state", "loss_limbs", WHOLE, 7},
    {"state", "correct", WHOLE, 1},
    {"state", "samples", WHOLE, 1},
    {"state", "seconds", REAL, 1},
    {"state", "noises", WHOLE, 1},
    {"state", "noise", REAL, 3},
    {"state", "batches_tracked", WHOLE, 1},
    {"optimizer", "steps", WHOLE, 1},
};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

/** Changes one attribute and expects "NAME MESSAGE". */
static void expect(const struct attribute *a, const char *what, const char *message,
                   bool (*spoil)(hid_t at, const struct attribute *a))
{
  char part[256], name[128];
  const bool root = strcmp(a->group, ".") == 0;
  snprintf(part, sizeof part, "its attribute %s%s%s %s", root ? "" : a->group, root ? "" : "/", a->name,
           message);
  snprintf(name, sizeof name, "%s: %s/%s", what, a->group, a->name);
  const hid_t file = damage_begin(), at = H5Oopen(file, a->group, H5P_DEFAULT);
  const bool spoilt = spoil(at, a);
  H5Oclose(at);
  if (!spoilt) fail_msg("%s: the file could not be changed so", name);
  damage_end(file, name, part, strcmp(a->group, "optimizer") != 0);
}

static bool delete (hid_t at, const struct attribute *a)
{
  return H5Adelete(at, a->name) >= 0;
}

static void test_each_missing(void **state)
{
  (void)state;
  for (int i = 0; i < ATTRIBUTES; i++) expect(&attributes[i], "missing", "is missing", delete);
}

static bool other_class(hid_t at, const struct attribute *a)
{
  const double reals[8] = {0};
  const long long wholes[8] = {0};
  const hsize_t values = a->values;
  if (a->kind == WHOLE) return edit_numbers(at, a->name, H5T_NATIVE_DOUBLE, 1, &values, reals);
  return edit_numbers(at, a->name, H5T_NATIVE_LLONG, 1, &values, wholes);
}

static bool as_text(hid_t at, const struct attribute *a)
{
  return edit_text(at, a->name, "1", 2);
}

static void test_each_of_another_class(void **state)
{
  (void)state;
  static const char *const message[] = {"must hold whole numbers", "must hold floating-point numbers",
                                        "must be one text of fixed length"};
  for (int i = 0; i < ATTRIBUTES; i++) {
    expect(&attributes[i], "class", message[attributes[i].kind], other_class);
    if (attributes[i].kind != TEXT) expect(&attributes[i], "text", message[attributes[i].kind], as_text);
  }
}

static bool with_length(hid_t at, const struct attribute *a, size_t values)
{
  const double reals[16] = {0};
  const hsize_t extent = values;
  const int rank = values ? 1 : -1;
  if (a->kind == WHOLE) return edit_numbers(at, a->name, H5T_NATIVE_INT64, rank, &extent, reals);
  if (a->kind == REAL) return edit_numbers(at, a->name, H5T_NATIVE_DOUBLE, rank, &extent, reals);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, 4);
  const bool ok = edit_numbers(at, a->name, type, rank, &extent, "one\0two");
  H5Tclose(type);
  return ok;
}

static bool one_more(hid_t at, const struct attribute *a)
{
  return with_length(at, a, a->values + 1);
}

static bool one_fewer(hid_t at, const struct attribute *a)
{
  return with_length(at, a, a->values - 1);
}

static void test_each_of_another_length(void **state)
{
  (void)state;
  for (int i = 0; i < ATTRIBUTES; i++) {
    const struct attribute *a = &attributes[i];
    char more[64], fewer[64];
    snprintf(more, sizeof more, "has %zu values and must have %zu", a->values + 1, a->values);
    snprintf(fewer, sizeof fewer, "has %zu values and must have %zu", a->values - 1, a->values);
    expect(a, "one more", a->kind == TEXT ? "must be one text of fixed length" : more, one_more);
    expect(a, "one fewer", a->kind == TEXT ? "must be one text of fixed length" : fewer, one_fewer);
  }
}

static bool minus_one(hid_t at, const struct attribute *a)
{
  return edit_whole(at, a->name, -1);
}

/** Those that count something say so at once; the others are held against each other. */
static void test_each_negative(void **state)
{
  (void)state;
  for (int i = 0; i < ATTRIBUTES; i++) {
    const char *name = attributes[i].name;
    const bool root = attributes[i].group[0] == '.';
    if (strcmp(name, "format_version") == 0 || strcmp(name, "classes") == 0 || strcmp(name, "noises") == 0 ||
        (!root && strstr(name, "step") && strcmp(name, "steps") != 0) ||
        (!root && strcmp(name, "epoch") == 0))
      expect(&attributes[i], "negative", "is -1 and must not be negative", minus_one);
  }
}

static bool as_narrow_or_big(hid_t at, const char *name, hid_t stored)
{
  int64_t value = 0;
  hid_t attribute = H5Aopen(at, name, H5P_DEFAULT);
  bool ok = H5Aread(attribute, H5T_NATIVE_INT64, &value) >= 0;
  H5Aclose(attribute);
  const hid_t space = H5Screate(H5S_SCALAR);
  H5Adelete(at, name);
  attribute = H5Acreate2(at, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  ok = ok && H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0;
  H5Aclose(attribute);
  H5Sclose(space);
  return ok;
}

/* Whatever holds the same number is the same: HDF5 converts it. */
static bool narrow_step(hid_t file)
{
  return as_narrow_or_big(file, "step", H5T_STD_I32LE);
}
static bool big_endian_step(hid_t file)
{
  return as_narrow_or_big(file, "step", H5T_STD_I64BE);
}
static bool job_again(hid_t file)
{
  return H5Adelete(file, "job") >= 0 && edit_text(file, "job", "job 17 on two hosts", 20);
}
static bool model_without_its_end(hid_t file)
{
  const char *text = "conv 3 2x2 name=z\nbatchnorm name=a\ndense classes\n";
  return edit_text(file, "model", text, strlen(text));
}
static bool no_creator(hid_t file)
{
  return H5Adelete(file, "creator") >= 0;
}
static bool more_attributes(hid_t file)
{
  return edit_whole(file, "future", 1) && edit_text(file, "note", "kept", 5);
}

static void test_other_forms_of_the_same(void **state)
{
  (void)state;
  static const damage list[] = {
      {"32 bits", narrow_step, NULL},   {"big endian", big_endian_step, NULL},
      {"job again", job_again, NULL},   {"no zero byte", model_without_its_end, NULL},
      {"no creator", no_creator, NULL}, {"more", more_attributes, NULL}};
  damage_try(list, sizeof list / sizeof *list, false);
}

static bool other_format(hid_t file)
{
  return edit_text(file, "format", "lockstep-dataset", 17);
}
static bool no_format(hid_t file)
{
  return H5Adelete(file, "format") >= 0;
}
static bool number_as_format(hid_t file)
{
  return edit_whole(file, "format", 1);
}
static bool long_format(hid_t file)
{
  char text[65];
  memset(text, 'x', 64);
  text[64] = '\0';
  return edit_text(file, "format", text, 65);
}
static bool version_2(hid_t file)
{
  return edit_whole(file, "format_version", 2);
}
static bool version_0(hid_t file)
{
  return edit_whole(file, "format_version", 0);
}
static bool free_text(hid_t file)
{
  return edit_free_text(file, "model", "dense classes\n");
}
static bool text_with_a_zero(hid_t file)
{
  return edit_text(file, "model", "dense classes\n", 24);
}
static bool long_fingerprint(hid_t file)
{
  return edit_text(file, "fingerprint", "0123456789abcdef0123456789abcdef0", 34);
}
static bool long_hash(hid_t file)
{
  char text[66];
  memset(text, 'a', 65);
  text[65] = '\0';
  return edit_text(file, "data_hash", text, 66);
}
static bool other_fingerprint(hid_t file)
{
  return H5Adelete(file, "state_hash") >= 0 &&
         edit_text(file, "fingerprint", "0123456789abcdef0123456789abcdef", 33);
}
static bool job_as_number(hid_t file)
{
  return edit_whole(file, "job", 17);
}
static bool job_of_bytes(hid_t file, size_t bytes)
{
  char text[LKS_TEXT_MAX + 8];
  memset(text, 'j', bytes);
  text[bytes] = '\0';
  return edit_text(file, "job", text, bytes + 1);
}
static bool long_job(hid_t file)
{
  return job_of_bytes(file, LKS_TEXT_MAX);
}
static bool isa_as_number(hid_t file)
{
  return edit_whole(file, "isa", 2);
}
static bool long_isa(hid_t file)
{
  return edit_text(file, "isa", "0123456789abcdef0123456789abcdef", 33);
}
static bool unknown_key(hid_t file)
{
  return edit_text(file, "config", "[Run]\nseed = 1\nsede = 2\n", 25);
}
static bool no_ini(hid_t file)
{
  return edit_text(file, "config", "no such thing\n", 15);
}
static bool value_out_of_range(hid_t file)
{
  return edit_text(file, "config", "momentum = -3\n", 15);
}
static bool other_seed(hid_t file)
{
  const uint64_t seed = UINT64_MAX - 1;
  return edit_numbers(file, "seed", H5T_NATIVE_UINT64, 0, NULL, &seed);
}
static bool other_epoch(hid_t file)
{
  return edit_whole(file, "epoch", 2);
}
static bool other_step(hid_t file)
{
  return edit_whole(file, "step", 38);
}

static void test_texts_and_versions(void **state)
{
  (void)state;
  static const damage list[] = {
      {"other format", other_format, "a lockstep-dataset, not a checkpoint"},
      {"no format", no_format, "an HDF5 file, but not a checkpoint"},
      {"number as format", number_as_format, "an HDF5 file, but not a checkpoint"},
      {"long format", long_format, "an HDF5 file, but not a checkpoint"},
      {"newer version", version_2,
       "of format version 2, and this program reads up to 1; take a newer lockstep"},
      {"version 0", version_0, "of format version 0, and the first one is 1"},
      {"text of no fixed length", free_text, "its attribute model must be one text of fixed length"},
      {"zero byte", text_with_a_zero, "its attribute model holds a zero byte"},
      {"long fingerprint", long_fingerprint, "its attribute fingerprint is longer than 32 bytes"},
      {"long hash", long_hash, "its attribute data_hash is longer than 64 bytes"},
      {"job as number", job_as_number, "its attribute job must be one text"},
      {"long job", long_job, "its attribute job is longer than 511 bytes"},
      {"isa as number", isa_as_number, "its attribute isa must be one text"},
      {"long isa", long_isa, "its attribute isa is longer than 31 bytes"},
      {"unknown key", unknown_key, "its attribute config:3: "},
      {"no INI text", no_ini, "its attribute config:1: "},
      {"value out of range", value_out_of_range, "its attribute config:1: "},
      {"other seed", other_seed,
       "its attribute seed is 18446744073709551614 where the state or the settings say"},
      {"other epoch", other_epoch, "its attribute epoch is 2 where the state or the settings say 3"},
      {"other step", other_step, "its attribute step is 38 where the state or the settings say 37"},
  };
  damage_try(list, sizeof list / sizeof *list, true);
  static const damage whole = {
      "other fingerprint", other_fingerprint,
      "does not have the fingerprint 0123456789abcdef0123456789abcdef that it was written with"};
  damage_try(&whole, 1, false);
}

static bool state_number(hid_t file, const char *name, long long value)
{
  const hid_t group = H5Gopen2(file, "state", H5P_DEFAULT);
  const bool ok = edit_whole(group, name, value);
  H5Gclose(group);
  return ok;
}
static bool shape(hid_t file, int64_t height, int64_t width, int64_t channels)
{
  const int64_t value[3] = {height, width, channels};
  return edit_numbers(file, "input_shape", H5T_NATIVE_INT64, 1, (hsize_t[]){3}, value);
}
static bool no_height(hid_t file)
{
  return shape(file, 0, 5, 2);
}
static bool no_width(hid_t file)
{
  return shape(file, 4, -5, 2);
}
static bool no_channels(hid_t file)
{
  return shape(file, 4, 5, 0);
}
static bool high(hid_t file)
{
  return shape(file, (int64_t)1 << 31, 1, 2);
}
static bool more_channels(hid_t file)
{
  return shape(file, 4, 5, 3);
}
static bool too_many_bytes(hid_t file)
{
  return shape(file, INT32_MAX, INT32_MAX, 2);
}
static bool just_too_many_bytes(hid_t file)
{
  return shape(file, INT32_MAX, 1 << 30, 2);
}
static bool too_many_noises(hid_t file)
{
  return state_number(file, "noises", LKS_NOISE_STATE_MAX + 1);
}
static bool no_classes(hid_t file)
{
  return edit_whole(file, "classes", 0);
}
static bool endless_classes(hid_t file)
{
  return edit_whole(file, "classes", (long long)1 << 31);
}

static bool other_names(hid_t file)
{
  return edit_text(file, "class_names", "cat\ncow\n", 9);
}
static bool names_without_hash(hid_t file)
{
  return H5Adelete(file, "class_names_hash") >= 0;
}

static void test_sizes(void **state)
{
  (void)state;
  static const damage list[] = {
      {"no height", no_height, "its attribute input_shape has 0 and must have 1 to 2147483647"},
      {"no width", no_width, "its attribute input_shape has -5 and must have 1 to 2147483647"},
      {"no channels", no_channels, "its attribute input_shape has 0 and must have 1 to 2147483647"},
      {"high", high, "its attribute input_shape has 2147483648 and must have 1 to 2147483647"},
      {"more channels", more_channels, "its attribute input_mean has 2 values and must have 3"},
      {"product", too_many_bytes,
       "its input_shape 2147483647 x 2147483647 x 2 holds more bytes than there can"},
      {"product with channels", just_too_many_bytes, "holds more bytes than there can be"},
      {"noises", too_many_noises, "its attribute state/noises is 1284 and must be 1283 at most"},
      {"other names", other_names, "its attribute class_names is not as it was written"},
      {"names without a hash", names_without_hash, "its attribute class_names_hash is missing"},
      {"no classes", no_classes, "its classes is 0 and must be 1 to 2147483647"},
      {"endless classes", endless_classes, "its classes is 2147483648 and must be 1 to 2147483647"},
  };
  damage_try(list, sizeof list / sizeof *list, true);
}

/** What is added from version to version may not be there: a key has its default then. */
static void test_of_an_earlier_version(void **state)
{
  (void)state;
  lks_checkpoint_header header;
  const hid_t file = damage_begin();
  assert_true(H5Adelete(file, "job") >= 0 && H5Adelete(file, "isa") >= 0);
  assert_true(H5Adelete(file, "header_hash") >= 0 && H5Adelete(file, "state_hash") >= 0);
  assert_true(edit_text(file, "config", "[Training]\nseed = 18446744073709551615\n", 40));
  H5Fclose(file);
  assert_int_equal(lks_checkpoint_read(&header, NULL, damage_bad), LKS_OK);
  lks_config standard;
  lks_config_default(&standard);
  assert_true(header.config.lr == standard.lr && header.config.batch_size == standard.batch_size);
  assert_true(header.config.seed == UINT64_MAX);
  assert_true(header.state.job[0] == '\0' && header.state.isa[0] == '\0');
  lks_checkpoint_header_clear(&header);
}

/** Texts of up to 64 MiB: no model is longer, and a file that says so is not to fill the memory. */
static void test_longest_text(void **state)
{
  (void)state;
  enum { LONGEST = 1 << 26 };
  char *text = lks_new(LONGEST + 2, 1);
  assert_non_null(text);
  for (size_t size = LONGEST; size <= LONGEST + 1; size++) {
    lks_checkpoint_header header;
    memset(text, '#', size);
    text[size] = '\0';
    const hid_t file = damage_begin();
    const bool edited = H5Adelete(file, "header_hash") >= 0 && H5Adelete(file, "state_hash") >= 0 &&
                        edit_text(file, "model", text, size);
    assert_true(H5Fclose(file) >= 0 && edited);
    const lks_status status = lks_checkpoint_read(&header, NULL, damage_bad);
    assert_int_equal(status, size == LONGEST ? LKS_OK : LKS_ERR_DATA);
    if (!status) {
      assert_string_equal(header.model_text, text);
      lks_checkpoint_header_clear(&header);
    } else
      assert_non_null(strstr(lks_message(), "its attribute model must be one text of fixed length"));
  }
  lks_free(text);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, damage_nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(test_each_missing),  TEST(test_each_of_another_class),   TEST(test_each_of_another_length),
      TEST(test_each_negative), TEST(test_other_forms_of_the_same), TEST(test_texts_and_versions),
      TEST(test_sizes),         TEST(test_of_an_earlier_version),   TEST(test_longest_text),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
