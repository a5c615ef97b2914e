/* Checkpoints when something fails: each call that writing or reading makes, of HDF5, of the system, for
 * memory. The linker leads those of Lockstep's own objects here (--wrap, see tests/CMakeLists.txt). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint_parse.h"
#include "checkpoint/checkpoint_read.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/fingerprint.h"
#include "support/damaged_checkpoint.h"
#include "support/hdf5_edit.h"

/** What is to fail: the call of that number, from 0, among those of a kind. */
typedef enum call { NONE, HDF5, MEMORY, SYSTEM } call;
static struct {
  call kind;
  int number, calls; /* calls of that kind so far */
  int closed;        /* of them, those that close something */
  bool at_closing;   /* it was one of these that failed */
  int cause;         /* errno of the system's */
  const char *only;  /* the system's function, or NULL for any */
  char log[512];     /* of the system's calls that succeeded */
} plan;

static bool fails(call kind)
{
  return plan.kind == kind && plan.calls++ == plan.number;
}

static void expect_failure(call kind, int number)
{
  plan.kind = kind;
  plan.number = number;
  plan.calls = plan.closed = 0;
  plan.at_closing = false;
  plan.only = NULL;
  plan.log[0] = '\0';
}

#define REAL(function) __asm__("__real_" #function)
#define WRAPPED(function) __asm__("__wrap_" #function)
#define MAKES(type, function, parameters, arguments)                                                         \
  type real_##function parameters REAL(function);                                                            \
  type wrap_##function parameters WRAPPED(function);                                                         \
  type wrap_##function parameters                                                                            \
  {                                                                                                          \
    return fails(HDF5) ? (type)-1 : real_##function arguments;                                               \
  }
/* What is closed is closed, whatever it says. */
#define CLOSES(function)                                                                                     \
  herr_t real_##function(hid_t id) REAL(function);                                                           \
  herr_t wrap_##function(hid_t id) WRAPPED(function);                                                        \
  herr_t wrap_##function(hid_t id)                                                                           \
  {                                                                                                          \
    const herr_t result = real_##function(id);                                                               \
    plan.closed++;                                                                                           \
    if (!fails(HDF5)) return result;                                                                         \
    plan.at_closing = true;                                                                                  \
    return -1;                                                                                               \
  }

MAKES(hid_t, H5Fcreate, (const char *name, unsigned flags, hid_t create, hid_t access),
      (name, flags, create, access))
MAKES(hid_t, H5Acreate2, (hid_t at, const char *name, hid_t type, hid_t space, hid_t create, hid_t access),
      (at, name, type, space, create, access))
MAKES(herr_t, H5Awrite, (hid_t attribute, hid_t type, const void *value), (attribute, type, value))
MAKES(hid_t, H5Gcreate2, (hid_t at, const char *name, hid_t link, hid_t create, hid_t access),
      (at, name, link, create, access))
MAKES(hid_t, H5Dcreate2,
      (hid_t at, const char *name, hid_t type, hid_t space, hid_t link, hid_t create, hid_t access),
      (at, name, type, space, link, create, access))
MAKES(herr_t, H5Dwrite, (hid_t set, hid_t type, hid_t memory, hid_t space, hid_t transfer, const void *data),
      (set, type, memory, space, transfer, data))
MAKES(herr_t, H5Pset_chunk, (hid_t list, int rank, const hsize_t *chunk), (list, rank, chunk))
MAKES(herr_t, H5Pset_fletcher32, (hid_t list), (list))
MAKES(herr_t, H5Tset_size, (hid_t type, size_t size), (type, size))
MAKES(herr_t, H5Tset_cset, (hid_t type, H5T_cset_t set), (type, set))
MAKES(hid_t, H5Fopen, (const char *name, unsigned flags, hid_t access), (name, flags, access))
MAKES(hid_t, H5Aopen, (hid_t at, const char *name, hid_t access), (at, name, access))
MAKES(herr_t, H5Aread, (hid_t attribute, hid_t type, void *value), (attribute, type, value))
MAKES(hid_t, H5Gopen2, (hid_t at, const char *name, hid_t access), (at, name, access))
MAKES(hid_t, H5Dopen2, (hid_t at, const char *name, hid_t access), (at, name, access))
MAKES(herr_t, H5Dread, (hid_t set, hid_t type, hid_t memory, hid_t space, hid_t transfer, void *data),
      (set, type, memory, space, transfer, data))
CLOSES(H5Fclose)
CLOSES(H5Aclose)
CLOSES(H5Gclose)
CLOSES(H5Dclose)

void *real_lks_new(size_t count, size_t size) REAL(lks_new);
void *wrap_lks_new(size_t count, size_t size) WRAPPED(lks_new);
void *wrap_lks_new(size_t count, size_t size)
{
  if (!fails(MEMORY)) return real_lks_new(count, size);
  lks_fail(LKS_ERR_RANK, "out of memory: asked for %zu times %zu bytes", count, size);
  return NULL;
}

static bool system_fails(const char *function)
{
  if (plan.kind == SYSTEM && (!plan.only || strcmp(plan.only, function) == 0) && fails(SYSTEM)) {
    errno = plan.cause;
    return true;
  }
  strncat(plan.log, function, sizeof plan.log - strlen(plan.log) - 1);
  strncat(plan.log, " ", sizeof plan.log - strlen(plan.log) - 1);
  return false;
}

static bool is_folder(int file)
{
  struct stat about;
  return fstat(file, &about) == 0 && S_ISDIR(about.st_mode);
}

int real_open(const char *path, int flags, ...) REAL(open);
int wrap_open(const char *path, int flags, ...) WRAPPED(open);
int wrap_open(const char *path, int flags, ...)
{
  if (system_fails(flags & O_DIRECTORY ? "open-folder" : "open")) return -1;
  return real_open(path, flags, 0666);
}

ssize_t real_write(int file, const void *data, size_t bytes) REAL(write);
ssize_t wrap_write(int file, const void *data, size_t bytes) WRAPPED(write);
ssize_t wrap_write(int file, const void *data, size_t bytes)
{
  if (!system_fails("write")) return real_write(file, data, bytes);
  return plan.cause ? -1 : real_write(file, data, bytes / 3); /* no cause: it writes a part */
}

int real_fsync(int file) REAL(fsync);
int wrap_fsync(int file) WRAPPED(fsync);
int wrap_fsync(int file)
{
  return system_fails(is_folder(file) ? "sync-folder" : "sync") ? -1 : real_fsync(file);
}

int real_close(int file) REAL(close);
int wrap_close(int file) WRAPPED(close);
int wrap_close(int file)
{
  const bool failed = system_fails(is_folder(file) ? "close-folder" : "close");
  const int cause = errno, result = real_close(file);
  errno = cause;
  return failed ? -1 : result;
}

int real_rename(const char *from, const char *to) REAL(rename);
int wrap_rename(const char *from, const char *to) WRAPPED(rename);
int wrap_rename(const char *from, const char *to)
{
  return system_fails("rename") ? -1 : real_rename(from, to);
}

/** Entries of the folder: the good file alone, or something was left. */
static int entries(void)
{
  int count = -2;
  DIR *listing = opendir(damage_folder);
  assert_non_null(listing);
  while (readdir(listing)) count++;
  closedir(listing);
  return count;
}

/** After a failure: the old file, nothing beside it, nothing open. */
static void expect_nothing_done(const char *what, int number)
{
  plan.kind = NONE;
  if (!made_up_reads_back(damage_good, 1.0f))
    fail_msg("%s %d: the old file is not what it was", what, number);
  if (entries() != 1) fail_msg("%s %d: a file was left", what, number);
  if (lks_allocations_open() != 0) fail_msg("%s %d: memory was left", what, number);
  if (hdf5_identifiers() != 0) fail_msg("%s %d: identifiers of HDF5 were left", what, number);
}

/** Saves tag 2 with each call of a kind failing once, until none is left to fail. Returns how many there
 * were. */
static int fail_each_in_turn(call kind, lks_status expected, const char *part)
{
  lks_checkpoint_header header = made_up_header();
  int number = 0;
  for (;; number++) {
    lks_snapshot snapshot;
    plan.kind = NONE;
    assert_int_equal(made_up_snapshot(&snapshot, 2.0f), LKS_OK);
    assert_int_equal(lks_snapshot_fingerprint(header.fingerprint, &snapshot), LKS_OK);
    expect_failure(kind, number);
    const lks_status status = lks_checkpoint_save(damage_good, true, &header, &snapshot);
    const bool reached = plan.calls > number;
    plan.kind = NONE;
    lks_snapshot_clear(&snapshot);
    if (!reached) {
      assert_int_equal(status, LKS_OK);
      break;
    }
    if (status != expected || !strstr(lks_message(), damage_good) || !strstr(lks_message(), part))
      fail_msg("call %d: status %d, message \"%s\"", number, status, status ? lks_message() : "");
    expect_nothing_done("call", number);
  }
  assert_true(made_up_reads_back(damage_good, 2.0f));
  assert_int_equal(made_up_save(damage_good, 1.0f), LKS_OK);
  return number;
}

static void test_each_call_of_hdf5_fails(void **state)
{
  (void)state;
  /* 16 attributes of the file, 11 of its state, one of the optimizer, 11 arrays and a count, each several
   * calls */
  assert_true(fail_each_in_turn(HDF5, LKS_ERR_RANK, "is memory short?") > 3 * 28 + 4 * 12);
}

static void test_each_allocation_of_writing_fails(void **state)
{
  (void)state;
  assert_true(fail_each_in_turn(MEMORY, LKS_ERR_RANK, "memory") >= 3);
}

/** Each step of writing the file, as the system refuses it. */
static void test_each_step_of_writing_fails(void **state)
{
  (void)state;
  static const char *const step[] = {"open", "write", "sync", "close", "rename"};
  for (int i = 0; i < 5; i++) {
    expect_failure(SYSTEM, 0);
    plan.only = step[i];
    plan.cause = ENOSPC;
    assert_int_equal(made_up_save(damage_good, 2.0f), LKS_ERR_IO);
    if (!strstr(lks_message(), "cannot write ") || !strstr(lks_message(), damage_good) ||
        !strstr(lks_message(), "No space left on device"))
      fail_msg("%s: its message is \"%s\"", step[i], lks_message());
    expect_nothing_done(step[i], 0);
  }
}

/** The new file is in place, but may not last: that is said as well, and nothing is left beside it. */
static void test_folder_cannot_be_synced(void **state)
{
  (void)state;
  static const char *const step[] = {"open-folder", "sync-folder"};
  for (int i = 0; i < 2; i++) {
    expect_failure(SYSTEM, 0);
    plan.only = step[i];
    plan.cause = EIO;
    assert_int_equal(made_up_save(damage_good, 2.0f), LKS_ERR_IO);
    plan.kind = NONE;
    assert_true(made_up_reads_back(damage_good, 2.0f));
    assert_int_equal(entries(), 1);
    assert_int_equal(made_up_save(damage_good, 1.0f), LKS_OK);
  }
  expect_failure(SYSTEM, 0);
  plan.only = "sync-folder";
  plan.cause = EINVAL; /* some file systems cannot, and need not */
  assert_int_equal(made_up_save(damage_good, 1.0f), LKS_OK);
  plan.kind = NONE;
}

static void test_interrupted_and_partial_writes(void **state)
{
  (void)state;
  static const int cause[] = {EINTR, 0};
  for (int i = 0; i < 2; i++) {
    expect_failure(SYSTEM, 0);
    plan.only = "write";
    plan.cause = cause[i];
    assert_int_equal(made_up_save(damage_good, 1.0f), LKS_OK);
    assert_true(plan.calls > 1);
    expect_nothing_done("write", i);
  }
}

/** Content before name, and both before it is said to be there. */
static void test_order_of_steps(void **state)
{
  (void)state;
  expect_failure(NONE, 0);
  assert_int_equal(made_up_save(damage_good, 1.0f), LKS_OK);
  assert_string_equal(plan.log, "open write sync close rename open-folder sync-folder close-folder ");
}

static lks_status parse(const char *image, size_t bytes)
{
  lks_checkpoint_header header;
  lks_snapshot snapshot;
  const lks_status status = lks_checkpoint_parse(&header, &snapshot, image, bytes);
  if (!status) {
    lks_checkpoint_header_clear(&header);
    lks_snapshot_clear(&snapshot);
  }
  return status;
}

/** What the reading process does. Only what is closed may say whatever it wants. */
static void test_each_call_of_reading_fails(void **state)
{
  (void)state;
  char *image;
  size_t bytes;
  assert_int_equal(lks_file_read(&image, &bytes, damage_good), LKS_OK);
  expect_failure(HDF5, 1 << 20);
  assert_int_equal(parse(image, bytes), LKS_OK);
  const int calls = plan.calls;
  assert_true(plan.closed > 24 + 11 * 2); /* attributes, and tensors twice */
  for (int number = 0; number < calls; number++) {
    expect_failure(HDF5, number);
    const lks_status status = parse(image, bytes);
    plan.kind = NONE;
    if (!status && !plan.at_closing) fail_msg("call %d: its failure was overlooked", number);
    if (status && status != LKS_ERR_DATA) fail_msg("call %d: status %d", number, status);
    if (hdf5_identifiers() != 0) fail_msg("call %d: identifiers of HDF5 were left", number);
  }
  lks_free(image);
  assert_int_equal(lks_allocations_open(), 0);
}

static void test_each_allocation_of_reading_fails(void **state)
{
  (void)state;
  char *image;
  size_t bytes;
  int number = 0;
  assert_int_equal(lks_file_read(&image, &bytes, damage_good), LKS_OK);
  for (bool reached = true; reached; number += reached) {
    expect_failure(MEMORY, number);
    const lks_status status = parse(image, bytes);
    reached = plan.calls > number;
    plan.kind = NONE;
    if (reached && status != LKS_ERR_RANK) fail_msg("allocation %d: status %d", number, status);
    if (lks_allocations_open() != 1) fail_msg("allocation %d: memory was left", number);
    if (hdf5_identifiers() != 0) fail_msg("allocation %d: identifiers of HDF5 were left", number);
  }
  lks_free(image);
  assert_true(number >= 10); /* six texts, mean, deviation, the arrays and their block */
}

/** In the process that reads, around its child, whose own allocations are not these. */
static void test_each_allocation_around_the_child_fails(void **state)
{
  (void)state;
  for (int number = 0;; number++) {
    lks_checkpoint_header header;
    lks_snapshot snapshot;
    expect_failure(MEMORY, number);
    const lks_status status = lks_checkpoint_read(&header, &snapshot, damage_good);
    const bool reached = plan.calls > number;
    plan.kind = NONE;
    if (!reached) {
      assert_int_equal(status, LKS_OK);
      lks_checkpoint_header_clear(&header);
      lks_snapshot_clear(&snapshot);
      assert_true(number > 5);
      break;
    }
    if (status != LKS_ERR_RANK) fail_msg("allocation %d: status %d", number, status);
    assert_non_null(strstr(lks_message(), damage_good));
    assert_int_equal(lks_allocations_open(), 0);
  }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, damage_nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(test_each_call_of_hdf5_fails),
      TEST(test_each_allocation_of_writing_fails),
      TEST(test_each_step_of_writing_fails),
      TEST(test_folder_cannot_be_synced),
      TEST(test_interrupted_and_partial_writes),
      TEST(test_order_of_steps),
      TEST(test_each_call_of_reading_fails),
      TEST(test_each_allocation_of_reading_fails),
      TEST(test_each_allocation_around_the_child_fails),
  };
  return cmocka_run_group_tests(tests, damage_set_up, damage_tear_down);
}
