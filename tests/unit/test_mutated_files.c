/* Datasets and checkpoints with bytes changed at random, by kind of change: refused with one message, or read as what
 * they were. usage: test_unit_mutated_files [--soak [COUNT [SEED]]]; without --soak a few of each are tried. */
#include <hdf5.h>
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
#include "checkpoint/checkpoint_read.h"
#include "dataset/generate.h"
#include "support/dataset_copy.h"
#include "support/hdf5_edit.h"
#include "support/made_up_checkpoint.h"

static char folder[] = "/tmp/lockstep-mutated-XXXXXX";
static char good[64], bad[64];
static uint32_t count = 120, seed = 1;

typedef struct outcomes {
  size_t refused, same, other,
      unclear; /* unclear: another code, or a message that is not one line with the path */
} outcomes;

static uint32_t random_below(uint32_t number, uint32_t draw, size_t bound)
{
  const lks_random_key key = lks_random_key_make(seed, LKS_RANDOM_GENERATE, 0, draw, number);
  return (uint32_t)lks_random_below(&key, 0, bound);
}

/* Numbers that sizes, addresses and counts are often wrong by. */
static const uint64_t edges[] = {0, 1, 2, 127, 128, 255, 65535, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
enum { EDGES = sizeof edges / sizeof *edges, KINDS = 7 };

/* Changes *bytes of data; it may become shorter. The kinds come in turn. */
static void mutate(char *data, size_t *bytes, uint32_t number)
{
  const uint32_t kind = number % KINDS;
  const size_t at = random_below(number, 1, *bytes), left = *bytes - at;
  const size_t length = 1 + random_below(number, 2, left < 64 ? left : 64);
  const uint64_t edge = edges[random_below(number, 3, EDGES)];
  const size_t from = random_below(number, 4, *bytes - length + 1);
  switch (kind) {
  case 0: data[at] ^= (char)(1 << random_below(number, 5, 8)); break;
  case 1: data[at] = (char)random_below(number, 5, 256); break;
  case 2: memcpy(data + at, &edge, left < sizeof edge ? left : sizeof edge); break;
  case 3: memset(data + at, 0, length); break;
  case 4: memmove(data + at, data + from, length < left ? length : left); break;
  case 5: *bytes = at; break;
  default:
    for (uint32_t i = 0; i < 8; i++) data[random_below(number, 16 + i, *bytes)] ^= (char)(1 << i);
  }
}

typedef int (*reading)(const void *expected); /* -1 refused, 0 read as another, 1 read as it was */

static bool is_clear(void)
{
  const char *message = lks_message();
  return strncmp(message, bad, strlen(bad)) == 0 && !strchr(message, '\n');
}

/* lks_file_write would wait for the disk. */
static void put(const char *path, const char *data, size_t bytes)
{
  FILE *file = fopen(path, "w");
  assert_true(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0);
}

static void try_all(const char *what, reading read, const void *expected)
{
  outcomes o = {0};
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, good), LKS_OK);
  char *changed = malloc(bytes);
  assert_non_null(changed);
  for (uint32_t number = 0; number < count; number++) {
    size_t left = bytes;
    memcpy(changed, data, bytes);
    mutate(changed, &left, number);
    put(bad, changed, left);
    const int found = read(expected);
    o.refused += found < 0;
    o.same += found > 0;
    o.other += found == 0;
    if (found < 0 && !is_clear()) o.unclear++;
    if (found == 0 || (found < 0 && !is_clear()))
      print_error("%s, change %u of seed %u: %s\n", what, number, seed,
                  found ? lks_message() : "read as another");
  }
  print_message("%s: %u changed, %zu refused, %zu as they were, %zu with other content, %zu unclear\n", what,
                count, o.refused, o.same, o.other, o.unclear);
  free(changed);
  lks_free(data);
  assert_int_equal(o.other + o.unclear, 0);
  assert_true(o.refused > count / 10);
}

static int read_dataset(const void *expected)
{
  lks_dataset_copy got;
  const lks_status status = lks_dataset_copy_read(&got, bad);
  if (status) return status == LKS_ERR_DATA ? -1 : 0;
  const bool same = lks_dataset_copy_equal(expected, &got);
  lks_dataset_copy_clear(&got);
  return same;
}

static int read_checkpoint(const void *expected)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  (void)expected;
  const lks_status status = lks_checkpoint_read(&header, &snapshot, bad);
  if (status) return status == LKS_ERR_DATA ? -1 : 0;
  lks_checkpoint_header_clear(&header);
  lks_snapshot_clear(&snapshot);
  return made_up_reads_back(bad, 1.0f);
}

static int set_up(void **state)
{
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(good, sizeof good, "%s/good.h5", folder);
  snprintf(bad, sizeof bad, "%s/bad.h5", folder);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  unlink(good);
  unlink(bad);
  return rmdir(folder);
}

static int nothing_is_left(void **state)
{
  (void)state;
  return lks_allocations_open() != 0;
}

static const lks_generate_options images = {
    .shape = {5, 4, 3}, .classes = 4, .train = 70, .test = 13, .noise = 128, .seed = 3};

static void try_dataset(const char *what)
{
  lks_dataset_copy before;
  assert_int_equal(lks_dataset_copy_read(&before, good), LKS_OK);
  try_all(what, read_dataset, &before);
  lks_dataset_copy_clear(&before);
}

static void test_datasets(void **state)
{
  (void)state;
  assert_int_equal(lks_generate(good, &images, true), LKS_OK);
  try_dataset("datasets");
}

/* As other programs write them: in the oldest layout, in which nothing has a checksum, and compressed. */
static void test_datasets_of_others(void **state)
{
  (void)state;
  assert_int_equal(lks_generate(bad, &images, true), LKS_OK);
  const hid_t from = H5Fopen(bad, H5F_ACC_RDONLY, H5P_DEFAULT),
              to = H5Fcreate(good, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  static const char *const name[] = {"train", "test"};
  for (int i = 0; i < 2; i++) assert_true(H5Ocopy(from, name[i], to, name[i], H5P_DEFAULT, H5P_DEFAULT) >= 0);
  const hsize_t three = 3;
  char text[64];
  for (int i = 0; i < 3; i++) {
    static const char *const texts[] = {"format", "creator", "content_hash"};
    const hid_t attribute = H5Aopen(from, texts[i], H5P_DEFAULT), type = H5Aget_type(attribute);
    assert_true(H5Aread(attribute, type, text) >= 0 && edit_text(to, texts[i], text, H5Tget_size(type)));
    H5Tclose(type);
    H5Aclose(attribute);
  }
  for (int i = 0; i < 2; i++) {
    static const char *const numbers[] = {"mean", "std"};
    double values[3];
    const hid_t attribute = H5Aopen(from, numbers[i], H5P_DEFAULT);
    assert_true(H5Aread(attribute, H5T_NATIVE_DOUBLE, values) >= 0 &&
                edit_numbers(to, numbers[i], H5T_NATIVE_DOUBLE, 1, &three, values));
    H5Aclose(attribute);
  }
  assert_true(edit_whole(to, "format_version", 1) && edit_whole(to, "classes", 4));
  assert_true(H5Fclose(from) >= 0 && H5Fclose(to) >= 0);
  try_dataset("datasets of others");
}

static void test_checkpoints(void **state)
{
  (void)state;
  assert_int_equal(made_up_save(good, 1.0f), LKS_OK);
  try_all("checkpoints", read_checkpoint, NULL);
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "--soak") == 0) {
    count =
        argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 7000; /* of each of the three: more than 20,000 */
    if (argc > 3) seed = (uint32_t)strtoul(argv[3], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_datasets, nothing_is_left),
      cmocka_unit_test_teardown(test_datasets_of_others, nothing_is_left),
      cmocka_unit_test_teardown(test_checkpoints, nothing_is_left),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
