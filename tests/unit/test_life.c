/* Who works alone for long, while others wait, shows that it gets on: a slow file is no rank that hangs. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/life.h"
#include "hdf5/child.h"
#include "lockstep/fork_server.h"

enum { PIECES = 5, MOST_A_WRITE = 1 << 26 };

static unsigned long long beats(void)
{
  return atomic_load(&atomic_load(&lks_life_own)->beats);
}

/* Each byte as late as from a disk that is slow. */
static lks_status send_slowly(int output, const void *argument, size_t size)
{
  (void)size;
  lks_status status = LKS_OK;
  for (int i = 0; i < PIECES && !status; i++) {
    status = lks_child_send(output, (const char *)argument + i, 1);
    usleep(50000);
  }
  return status;
}

static void test_reading(void **state)
{
  (void)state;
  lks_child *child;
  char got[PIECES];
  const lks_child_limits limits = lks_child_limits_for(0);
  assert_int_equal(lks_child_start(&child, send_slowly, "abcde", PIECES, &limits), LKS_OK);
  const unsigned long long before = beats();
  assert_int_equal(lks_child_receive(child, got, PIECES), LKS_OK);
  assert_true(beats() - before > PIECES / 2); /* some may have come together */
  assert_int_equal(lks_child_finish(child), LKS_OK);
  assert_memory_equal(got, "abcde", PIECES);
  lks_child_destroy(&child);
}

static void test_writing(void **state)
{
  (void)state;
  const size_t bytes = (size_t)PIECES * MOST_A_WRITE;
  char *nothing = calloc(bytes, 1); /* which nobody looks at */
  const int file = open("/dev/null", O_WRONLY);
  const unsigned long long before = beats();
  assert_non_null(nothing);
  assert_int_equal(lks_file_write_fully(file, nothing, bytes), 0);
  assert_true(beats() - before >= PIECES);
  close(file);
  free(nothing);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_writing)};
  if (lks_fork_server_start() != LKS_OK) return 1;
  const int failures = cmocka_run_group_tests(tests, NULL, NULL);
  lks_fork_server_stop();
  return failures;
}
