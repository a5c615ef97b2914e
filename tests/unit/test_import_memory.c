/* Files ten times as large as the memory that an import may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "import/export.h"
#include "import/import.h"
#include "import/source_cifar.h"
#include "import/source_csv.h"
#include "import/source_h5.h"
#include "import/source_idx.h"
#include "import/source_npz.h"
#include "lockstep/fork_server.h"
#include "support/format_files.h"
#include "support/limit_kept.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum {
  ALLOWED = 12 << 20,
  FILE_BYTES = 10 * ALLOWED,
  SIDE = 64,
  IMAGE = SIDE * SIDE,
  COUNT = FILE_BYTES / IMAGE + 1
};

static char folder[] = "/tmp/lockstep-test-XXXXXX", output[64], first[64], second[64];

/* Bytes of data that this process has now. */
static size_t data_bytes(void)
{
  char line[128];
  size_t kilobytes = 0;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "VmData: %zu", &kilobytes) == 1) break;
  fclose(file);
  return kilobytes << 10;
}

/* Holds what comes to ALLOWED bytes more than there are; false: put the old limit back. */
static void limit(bool on)
{
  static struct rlimit old;
  if (on) getrlimit(RLIMIT_DATA, &old);
  const struct rlimit tight = {data_bytes() + ALLOWED, old.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_DATA, on ? &tight : &old), 0);
}

/* A file that begins with these bytes, and ends with zeros that take no room. */
static void put_sparse(const char *path, const void *start, size_t start_bytes, size_t bytes)
{
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(start, 1, start_bytes, file), start_bytes);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(truncate(path, (off_t)(start_bytes + bytes)), 0);
}

static void finish(lks_status status, lks_source **source, size_t count)
{
  const lks_import_options options = {.output = output, .force = true};
  lks_layout layout = {0};
  if (!status) status = lks_import(&layout, *source, &options);
  lks_source_destroy(source);
  limit(false);
  if (status) fail_msg("status %d: %s", status, lks_message());
  assert_int_equal(layout.count[LKS_SPLIT_TRAIN], count);
}

static void test_idx(void **state)
{
  (void)state;
  const uint8_t images[16] = {0, 0, 8, 3, 0, 0, COUNT >> 8, COUNT & 255, 0, 0, 0, SIDE, 0, 0, 0, SIDE},
                labels[8] = {0, 0, 8, 1, 0, 0, COUNT >> 8, COUNT & 255};
  lks_source *source = NULL;
  put_sparse(first, images, sizeof images, (size_t)COUNT * IMAGE);
  put_sparse(second, labels, sizeof labels, COUNT);
  limit(true);
  finish(lks_source_idx_open(&source, &(lks_idx_paths){first, second, NULL, NULL}), &source, COUNT);
}

/* Less than what is needed is noticed: so the limit is one. */
static void test_limit_holds(void **state)
{
  (void)state;
  if (!limit_is_kept(RLIMIT_DATA)) skip();
  limit(true);
  void *much = lks_new(3 * ALLOWED, 1);
  limit(false);
  assert_null(much);
}

static void test_npy(void **state)
{
  (void)state;
  static const lks_dataset_names names;
  const size_t size[] = {COUNT / 8, IMAGE};
  size_t bytes = 0;
  lks_source *source = NULL;
  void *header = lks_make_npy(&bytes, "<f8", 2, size, "", 0);
  put_sparse(first, header, bytes, sizeof(double) * size[0] * size[1]);
  free(header);
  header = lks_make_npy(&bytes, "<i8", 1, size, "", 0);
  put_sparse(second, header, bytes, 8 * size[0]);
  free(header);
  limit(true);
  finish(lks_source_npz_open(&source, &(lks_npz_options){.file = {first, second}, .names = &names}), &source,
         size[0]);
}

static void test_cifar(void **state)
{
  (void)state;
  const char *path = first;
  lks_source *source = NULL;
  put_sparse(first, "", 0, (size_t)COUNT * (1 + IMAGE));
  limit(true);
  const lks_cifar_options options = {.train = &path, .trains = 1, .shape = {SIDE, SIDE, 1}};
  finish(lks_source_cifar_open(&source, &options), &source, COUNT);
}

/* Mostly blanks, which are read as well. */
static void test_csv(void **state)
{
  (void)state;
  enum { ROWS = 6000, BLANKS = FILE_BYTES / ROWS };
  char *blanks = malloc(BLANKS + 1);
  FILE *file = fopen(first, "wb");
  lks_source *source = NULL;
  assert_true(blanks && file);
  memset(blanks, ' ', BLANKS);
  blanks[BLANKS] = '\0';
  for (int i = 0; i < ROWS; i++) fprintf(file, "%d,%s%d.5,%d\n", i % 3, blanks, i, 7 * i);
  assert_int_equal(fclose(file), 0);
  free(blanks);
  limit(true);
  finish(lks_source_csv_open(&source, &(lks_csv_options){.train = first, .label = "1"}), &source, ROWS);
}

/* And back: of the file that the test before has left. */
static void test_h5_and_export(void **state)
{
  (void)state;
  static const lks_dataset_names names;
  lks_source *source = NULL;
  test_idx(state);
  assert_int_equal(rename(output, second), 0);
  limit(true);
  lks_status status = lks_source_h5_open(&source, second, &names);
  if (!status) status = lks_export_npz(source, first, true);
  if (!status) status = lks_source_rewind(source);
  finish(status, &source, COUNT);
}

static int set_up(void **state)
{
  (void)state;
#ifdef SANITIZED
  printf("skipped: memory of imports, a sanitizer has its own ways with memory\n");
  exit(77);
#endif
  if (!mkdtemp(folder)) return -1;
  snprintf(output, sizeof output, "%s/out.h5", folder);
  snprintf(first, sizeof first, "%s/first", folder);
  snprintf(second, sizeof second, "%s/second", folder);
  return lks_fork_server_start(); /* so that what reads has its own limits alone */
}

static int clean(void **state)
{
  (void)state;
  unlink(output);
  unlink(first);
  unlink(second);
  return lks_allocations_open() != 0;
}

static int tear_down(void **state)
{
  (void)state;
  return rmdir(folder);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_limit_holds, clean),

      cmocka_unit_test_teardown(test_npy, clean),
      cmocka_unit_test_teardown(test_cifar, clean),
      cmocka_unit_test_teardown(test_csv, clean),
      cmocka_unit_test_teardown(test_h5_and_export, clean),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
