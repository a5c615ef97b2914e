#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/arena.h"
#include "dataset/child.h"

enum { MANY = 3 << 20 };

static lks_status send_many(int output, const void *argument)
{
  (void)argument;
  static uint8_t bytes[MANY];
  for (size_t i = 0; i < MANY; i++) bytes[i] = (uint8_t)(i * 7 >> 3);
  return lks_child_send(output, bytes, MANY);
}

static lks_status refuse(int output, const void *argument)
{
  lks_child_send(output, "ab", 2);
  return lks_fail(LKS_ERR_USAGE, "not with %s", (const char *)argument);
}

static lks_status crash(int output, const void *argument)
{
  (void)argument;
  lks_child_send(output, "ab", 2);
  raise(SIGSEGV);
  return LKS_OK;
}

static lks_status leave(int output, const void *argument)
{
  (void)output;
  (void)argument;
  _Exit(0);
}

static lks_status loop(int output, const void *argument)
{
  (void)output;
  (void)argument;
  for (volatile int i = 0;; i = !i) continue;
  return LKS_OK;
}

static void no_child_is_left(void)
{
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
  assert_int_equal(lks_allocations_open(), 0);
}

static void test_hands_over_bytes(void **state)
{
  (void)state;
  lks_child *child = NULL;
  uint8_t *bytes = malloc(MANY);
  assert_non_null(bytes);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 10), LKS_OK);
  assert_int_equal(lks_child_receive(child, bytes, 1), LKS_OK);
  assert_int_equal(lks_child_receive(child, bytes + 1, MANY - 1), LKS_OK);
  assert_int_equal(lks_child_finish(child), LKS_OK);
  size_t wrong = 0;
  for (size_t i = 0; i < MANY; i++) wrong += bytes[i] != (uint8_t)(i * 7 >> 3);
  assert_int_equal(wrong, 0);
  assert_int_equal(lks_child_receive(child, bytes, 1), LKS_ERR_DATA); /* there is no more */
  lks_child_destroy(&child);
  free(bytes);
  no_child_is_left();
}

static void expect_end(lks_child_function function, unsigned seconds, lks_status status, const char *part)
{
  lks_child *child = NULL;
  char bytes[3];
  assert_int_equal(lks_child_start(&child, function, "me", seconds), LKS_OK);
  assert_int_equal(lks_child_receive(child, bytes, 3), status);
  assert_non_null(strstr(lks_message(), part));
  assert_int_equal(lks_child_finish(child), status);
  lks_child_destroy(&child);
  assert_null(child);
  no_child_is_left();
}

static void test_bad_ends_become_messages(void **state)
{
  (void)state;
  expect_end(refuse, 10, LKS_ERR_USAGE, "not with me");
  expect_end(crash, 10, LKS_ERR_DATA, "crashes");
  expect_end(leave, 10, LKS_ERR_DATA, "crashes");
  expect_end(loop, 1, LKS_ERR_DATA, "does not come to an end");
}

static void test_destroy_ends_it(void **state)
{
  (void)state;
  lks_child *child = NULL;
  assert_int_equal(lks_child_start(&child, loop, NULL, 10), LKS_OK);
  lks_child_destroy(&child);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 10), LKS_OK);
  lks_child_destroy(&child);
  lks_child_destroy(&child);
  no_child_is_left();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hands_over_bytes),
      cmocka_unit_test(test_bad_ends_become_messages),
      cmocka_unit_test(test_destroy_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
