/* The event file of TensorBoard, read by a reader of its own: framing, what stands in it, what a resumed run takes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "train/event_file.h"

static char folder[64];

static int enter(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/lockstep-events-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) == 0 && lks_allocations_open() == 0 ? 0 : -1;
}

/* RFC 3720, appendix B.4, and the check value of catalogues. */
static void checksums_are_those_of_the_rfc(void **state)
{
  (void)state;
  uint8_t up[32], down[32], zeros[32] = {0}, ones[32];
  memset(ones, 0xff, sizeof ones);
  for (int i = 0; i < 32; i++) {
    up[i] = (uint8_t)i;
    down[i] = (uint8_t)(31 - i);
  }
  assert_int_equal(lks_crc32c(zeros, 32), 0x8a9136aa);
  assert_int_equal(lks_crc32c(ones, 32), 0x62a8ab43);
  assert_int_equal(lks_crc32c(up, 32), 0x46dd794e);
  assert_int_equal(lks_crc32c(down, 32), 0x113fdb5c);
  assert_int_equal(lks_crc32c("123456789", 9), 0xe3069283);
  assert_int_equal(lks_crc32c("", 0), 0);
}

static void append(lks_run_tables *tables, size_t epoch)
{
  const lks_metrics_row row = {epoch, 10 * epoch, 0.1, 1.5 / (double)epoch, 0.5, NAN, 0.25, 1000, 2.0};
  assert_int_equal(lks_event_append(tables, &row), LKS_OK);
}

static void write_rows(size_t from, size_t to)
{
  lks_run_tables *tables = NULL;
  assert_int_equal(lks_run_tables_create(&tables, folder), LKS_OK);
  for (size_t epoch = from; epoch <= to; epoch++) append(tables, epoch);
  assert_int_equal(lks_run_tables_sync(tables), LKS_OK);
  lks_run_tables_destroy(&tables);
}

static char *contents(size_t *bytes)
{
  char path[128], *data = NULL;
  snprintf(path, sizeof path, "%s/%s", folder, LKS_EVENT_FILE);
  assert_int_equal(lks_file_read(&data, bytes, path), LKS_OK);
  return data;
}

/* Lengths and checksums by the format's words; message[i] of the records, at most `most`. */
static size_t records(const uint8_t **message, size_t *length, size_t most, const char *data, size_t bytes)
{
  size_t count = 0;
  for (size_t at = 0; at < bytes; count++) {
    const uint8_t *byte = (const uint8_t *)data + at;
    uint64_t size;
    uint32_t crc[2];
    assert_true(count < most && bytes - at >= 16);
    memcpy(&size, byte, 8);
    memcpy(&crc[0], byte + 8, 4);
    assert_true(size <= bytes - at - 16);
    memcpy(&crc[1], byte + 12 + size, 4);
    for (int i = 0; i < 2; i++) {
      const uint32_t rotated = crc[i] - 0xa282ead8U;
      assert_int_equal((rotated >> 17) | (rotated << 15), lks_crc32c(i ? byte + 12 : byte, i ? size : 8));
    }
    message[count] = byte + 12;
    length[count] = size;
    at += 16 + size;
  }
  return count;
}

static const uint8_t *find(const uint8_t *message, size_t length, const void *what, size_t bytes)
{
  return memmem(message, length, what, bytes);
}

/* A value in the wire format, by hand: tag "loss/train", then 2 << 3 | 5 and the float. */
static void rows_are_events(void **state)
{
  (void)state;
  const uint8_t *message[8];
  size_t length[8], bytes;
  write_rows(1, 3);
  char *data = contents(&bytes);
  assert_int_equal(records(message, length, 8, data, bytes), 4);
  assert_int_equal(message[0][0], 0x09);
  assert_memory_equal(message[0] + 9, "\x1a\x0d", 2);
  assert_memory_equal(message[0] + 11, "brain.Event:2", 13);
  assert_int_equal(length[0], 24);
  for (size_t epoch = 1; epoch <= 3; epoch++) {
    const float loss = (float)(1.5 / (double)epoch);
    const uint8_t *m = message[epoch], step[2] = {0x10, (uint8_t)(10 * epoch)};
    assert_memory_equal(m + 9, step, 2);
    const uint8_t *at = find(m, length[epoch], "\x0a\x0aloss/train\x15", 13);
    assert_non_null(at);
    assert_memory_equal(at + 13, &loss, 4);
    assert_null(find(m, length[epoch], "loss/test", 9)); /* it was not measured */
    assert_non_null(find(m, length[epoch], "accuracy/test", 13));
  }
  lks_free(data);
}

static void expect_records(size_t count)
{
  const uint8_t *message[8];
  size_t length[8], bytes;
  char *data = contents(&bytes);
  assert_int_equal(records(message, length, 8, data, bytes), count);
  lks_free(data);
}

static void a_resumed_run_takes_back_what_it_will_write_again(void **state)
{
  (void)state;
  write_rows(1, 4);
  assert_int_equal(lks_event_truncate(folder, 20), LKS_OK);
  expect_records(3);
  write_rows(3, 3);
  expect_records(4); /* without a second heading */
  assert_int_equal(lks_event_truncate(folder, 1000), LKS_OK);
  expect_records(4);
  assert_int_equal(lks_event_truncate(folder, 0), LKS_OK);
  expect_records(1);
}

/* Every way in which a file can end early, every byte of a record turned round: what stands before it stays. */
static void what_is_damaged_ends_the_file(void **state)
{
  (void)state;
  size_t bytes, first;
  write_rows(1, 1);
  lks_free(contents(&first));
  write_rows(2, 2);
  char *data = contents(&bytes), *copy = lks_new(bytes, 1);
  assert_non_null(copy);
  for (size_t cut = first; cut < bytes; cut++) {
    memcpy(copy, data, bytes);
    assert_int_equal(lks_event_keep(copy, cut, 1000), first);
    copy[cut] = (char)~copy[cut];
    assert_int_equal(lks_event_keep(copy, bytes, 1000), first);
    assert_memory_equal(copy, data, first);
  }
  memcpy(copy, data, bytes);
  assert_int_equal(lks_event_keep(copy, bytes, 1000), bytes);
  assert_int_equal(lks_event_keep(copy, 0, 1000), 0);
  lks_free(copy);
  lks_free(data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checksums_are_those_of_the_rfc),
      cmocka_unit_test_setup_teardown(rows_are_events, enter, leave),
      cmocka_unit_test_setup_teardown(a_resumed_run_takes_back_what_it_will_write_again, enter, leave),
      cmocka_unit_test_setup_teardown(what_is_damaged_ends_the_file, enter, leave),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
