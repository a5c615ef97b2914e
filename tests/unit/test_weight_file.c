/* Files of weights that others wrote: what is read, and hostile ones, of which there is a message each and nothing worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "export/weight_file.h"
#include "import/npz_write.h"
#include "lockstep/memory.h"

static char folder[] = "/tmp/lockstep-weights-XXXXXX";
static char path[256];

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return 1;
  snprintf(path, sizeof path, "%s/weights", folder);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  unlink(path);
  return rmdir(folder);
}

/* A header, and `data` behind it. length: what the file says of the header; SIZE_MAX: the truth. */
static void put(const char *header, const void *data, size_t bytes, size_t length)
{
  static char file[1 << 16];
  const uint64_t said = length == SIZE_MAX ? strlen(header) : length;
  for (int b = 0; b < 8; b++) file[b] = (char)(said >> 8 * b & 255);
  memcpy(file + 8, header, strlen(header));
  if (bytes) memcpy(file + 8 + strlen(header), data, bytes);
  assert_int_equal(lks_file_write(path, file, 8 + strlen(header) + bytes), LKS_OK);
}

static void refused(const char *header, size_t bytes, size_t length, const char *because)
{
  static const char zeros[256];
  lks_weight_file *file = NULL;
  put(header, zeros, bytes, length);
  assert_int_equal(lks_weight_file_open(&file, path), LKS_ERR_DATA);
  assert_null(file);
  assert_non_null(strstr(lks_message(), path));
  if (!strstr(lks_message(), because)) fail_msg("'%s' does not say '%s'", lks_message(), because);
}

static void test_hostile_headers(void **state)
{
  (void)state;
  refused("{}", 4, SIZE_MAX, "describes 0 bytes of numbers, and 4 follow");
  refused("{\"a\":{", 0, SIZE_MAX, "no JSON");
  refused("{\"a\":1}", 0, SIZE_MAX, "nothing that describes an array");
  refused("{}", 0, 1000, "should have 1000 bytes");
  refused("{}", 0, SIZE_MAX - 1, "should have");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, SIZE_MAX,
          "behind the end of the file");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, SIZE_MAX,
          "another number of bytes");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, SIZE_MAX, "data_offsets");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, SIZE_MAX, "data_offsets");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, SIZE_MAX, "whole numbers");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, SIZE_MAX, "whole numbers");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,4]}}", 4, SIZE_MAX, "no JSON");
  refused("{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, SIZE_MAX, "no dtype");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, SIZE_MAX,
          "at most 8");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,4]}}", 4,
          SIZE_MAX, "another number of bytes");
  refused(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
      4, SIZE_MAX, "on top of another");
  refused(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
      4, SIZE_MAX, "behind a gap");
  refused(
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
      4, SIZE_MAX, "duplicate");
  refused(
      "{\"a\\u0001\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"a\\u0002\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
      4, SIZE_MAX, "two arrays with the name a?");
}

/* Brackets within brackets would fill the stack of a parser that follows them. */
static void test_deep_header(void **state)
{
  (void)state;
  char header[1 << 15] = "{\"a\":";
  memset(header + strlen(header), '[', sizeof header - 100);
  refused(header, 0, SIZE_MAX, "no JSON");
}

static void test_other_files(void **state)
{
  (void)state;
  lks_weight_file *file = NULL;
  static const char *const content[] = {"", "1234567", "epoch,step\n1,2\n", "PK\3\4 but no archive",
                                        "\x89HDF\r\n\x1a\n and no more"};
  for (size_t i = 0; i < sizeof content / sizeof *content; i++) {
    assert_int_equal(lks_file_write(path, content[i], strlen(content[i])), LKS_OK);
    assert_int_equal(lks_weight_file_open(&file, path), LKS_ERR_DATA);
    assert_null(file);
  }
  assert_int_equal(lks_weight_file_open(&file, folder), LKS_ERR_IO);
  assert_int_equal(lks_weight_file_open(&file, "/nowhere/at/all"), LKS_ERR_IO);
}

/* 1.5 in each type, and what is not exact as a float. */
static void test_types(void **state)
{
  (void)state;
  static const unsigned char data[] = {0,    0,    0, 0, 0,    0,    0xf8, 0x3f, 1,    0,    0,    0,    0, 0,
                                       0xf0, 0x3f, 0, 0, 0xc0, 0x3f, 0,    0x3e, 0xc0, 0x3f, 0xfe, 0xff, 7};
  lks_weight_file *file = NULL;
  put("{\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},\"f\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[16,20]},\"h\":{\"dtype\":\"F16\",\"shape\":[1,1],\"data_offsets\":[20,22]},\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[22,24]},\"i\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[24,26]},\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[26,27]},\"__metadata__\":{\"format\":\"pt\"}}  ",
      data, sizeof data, SIZE_MAX);
  assert_int_equal(lks_weight_file_open(&file, path), LKS_OK);
  static const char *const name[] = {"d", "f", "h", "b", "i", "x"};
  static const float expected[] = {1.5f, 1.5f, 1.5f, 1.5f, -2.0f};
  assert_int_equal(lks_weight_file_count(file), 6);
  for (size_t i = 0; i < 5; i++) {
    float out[2];
    bool exact;
    assert_string_equal(lks_weight_file_entry(file, i)->name, name[i]);
    assert_int_equal(lks_weight_file_read(out, &exact, file, i), LKS_OK);
    assert_true(out[0] == expected[i]);
    assert_int_equal(exact, i > 0); /* 1 + 2^-52 is no float */
  }
  float none;
  bool exact;
  assert_int_equal(lks_weight_file_read(&none, &exact, file, 5), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "F8_E4M3"));
  lks_weight_file_close(&file);
}

enum { MANY = 700000 };

static lks_status give(void *context, const char **piece, size_t *bytes, size_t member, size_t offset)
{
  const size_t all = member ? sizeof(int64_t) : MANY * sizeof(float), left = all - offset;
  *piece = (const char *)((void **)context)[member] + offset;
  *bytes = left < 1000 ? left : 1000; /* in small pieces */
  return LKS_OK;
}

/* More than one part of the reader. */
static void test_npz(void **state)
{
  (void)state;
  static float values[MANY], back[MANY];
  int64_t steps = 12;
  for (size_t i = 0; i < MANY; i++) values[i] = (float)i / 7;
  const lks_npz_member member[] = {{"conv.weight", "<f4", 4, {7, 100, 10, 100}, sizeof values},
                                   {"bn.num_batches_tracked", "<i8", 0, {0}, sizeof steps}};
  void *data[] = {values, &steps};
  assert_int_equal(lks_npz_write(path, true, member, 2, give, data), LKS_OK);
  lks_weight_file *file = NULL;
  bool exact;
  double count;
  assert_int_equal(lks_weight_file_open(&file, path), LKS_OK);
  const lks_weight_entry *entry = lks_weight_file_entry(file, 0);
  assert_string_equal(entry->name, "conv.weight");
  assert_string_equal(entry->type, "F32");
  assert_int_equal(entry->dimensions, 4);
  assert_int_equal(entry->extent[3], 100);
  assert_int_equal(lks_weight_file_read(back, &exact, file, 0), LKS_OK);
  assert_true(exact);
  assert_memory_equal(back, values, sizeof values);
  assert_int_equal(lks_weight_file_number(&count, file, 1), LKS_OK);
  assert_true(count == 12);
  lks_weight_file_close(&file);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hostile_headers),
      cmocka_unit_test(test_deep_header),
      cmocka_unit_test(test_other_files),
      cmocka_unit_test(test_types),
      cmocka_unit_test(test_npz),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
