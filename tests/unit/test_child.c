#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "hdf5/child.h"
#include "lockstep/fork_server.h"

enum { MANY = 3 << 20 };

static lks_status send_many(int output, const void *argument, size_t size)
{
  (void)size;
  (void)argument;
  static uint8_t bytes[MANY];
  for (size_t i = 0; i < MANY; i++) bytes[i] = (uint8_t)(i * 7 >> 3);
  return lks_child_send(output, bytes, MANY);
}

static lks_status refuse(int output, const void *argument, size_t size)
{
  (void)size;
  lks_child_send(output, "ab", 2);
  return lks_fail(LKS_ERR_USAGE, "not with %s", (const char *)argument);
}

static lks_status crash(int output, const void *argument, size_t size)
{
  (void)size;
  (void)argument;
  lks_child_send(output, "ab", 2);
  raise(SIGSEGV);
  return LKS_OK;
}

static lks_status leave(int output, const void *argument, size_t size)
{
  (void)size;
  (void)output;
  (void)argument;
  _Exit(0);
}

static lks_status loop(int output, const void *argument, size_t size)
{
  (void)size;
  (void)output;
  (void)argument;
  for (volatile int i = 0;; i = !i) continue;
  return LKS_OK;
}

static lks_status send_back(int output, const void *argument, size_t size)
{
  return lks_child_send(output, argument, size);
}

/* Ends the process that awaits this one. */
static lks_status orphan(int output, const void *argument, size_t size)
{
  (void)output;
  (void)argument;
  (void)size;
  kill(getppid(), SIGKILL);
  for (;;) pause();
  return LKS_OK;
}

static lks_status send_byte_of_file(int output, const void *path, size_t size)
{
  (void)size;
  char byte;
  int file = open(path, O_RDONLY);
  if (file < 0 || read(file, &byte, 1) != 1) return lks_fail(LKS_ERR_IO, "not there");
  return lks_child_send(output, &byte, 1);
}

static void no_child_is_left(void)
{
  lks_fork_server_stop();
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
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, 10), LKS_OK);
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
  assert_int_equal(lks_child_start(&child, function, "me", 3, seconds), LKS_OK);
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
  expect_end(loop, 1, LKS_ERR_DATA, "never finishes reading it");
  expect_end(orphan, 10, LKS_ERR_IO, "was ended by signal 9");
}

static void test_takes_its_argument_along(void **state)
{
  (void)state;
  lks_child *child = NULL;
  uint8_t *bytes = malloc(MANY), *back = malloc(MANY);
  assert_non_null(bytes);
  assert_non_null(back);
  for (size_t i = 0; i < MANY; i++) bytes[i] = (uint8_t)(i * 5 >> 2);
  assert_int_equal(lks_child_start(&child, send_back, bytes, MANY, 10), LKS_OK);
  assert_int_equal(lks_child_receive(child, back, MANY), LKS_OK);
  assert_int_equal(lks_child_finish(child), LKS_OK);
  assert_memory_equal(bytes, back, MANY);
  lks_child_destroy(&child);
  free(bytes);
  free(back);
  no_child_is_left();
}

static void test_several_at_once(void **state)
{
  (void)state;
  enum { CHILDREN = 4 };
  lks_child *child[CHILDREN] = {NULL};
  for (int i = 0; i < CHILDREN; i++)
    assert_int_equal(lks_child_start(&child[i], i == 2 ? loop : send_back, &i, sizeof i, 10), LKS_OK);
  lks_child_destroy(&child[2]);
  for (int i = CHILDREN - 1; i >= 0; i--) {
    int back = -1;
    if (i == 2) continue;
    assert_int_equal(lks_child_receive(child[i], &back, sizeof back), LKS_OK);
    assert_int_equal(back, i);
    assert_int_equal(lks_child_finish(child[i]), LKS_OK);
    lks_child_destroy(&child[i]);
  }
  no_child_is_left();
}

/* The server was started in another folder, and must follow. */
static void test_follows_to_another_folder(void **state)
{
  (void)state;
  char folder[] = "/tmp/test_child.XXXXXX", before[4096], byte = 0;
  lks_child *child = NULL;
  assert_non_null(getcwd(before, sizeof before));
  assert_non_null(mkdtemp(folder));
  assert_int_equal(lks_fork_server_start(), LKS_OK);
  assert_int_equal(chdir(folder), 0);
  FILE *file = fopen("here", "w");
  assert_non_null(file);
  assert_int_equal(fputc('x', file), 'x');
  assert_int_equal(fclose(file), 0);
  assert_int_equal(lks_child_start(&child, send_byte_of_file, "here", 5, 10), LKS_OK);
  assert_int_equal(lks_child_receive(child, &byte, 1), LKS_OK);
  assert_int_equal(byte, 'x');
  lks_child_destroy(&child);
  assert_int_equal(unlink("here"), 0);
  assert_int_equal(chdir(before), 0);
  assert_int_equal(rmdir(folder), 0);
  no_child_is_left();
}

/* mpirun sends a signal to the whole group: to end because of it is the program's decision alone. */
static void test_signals_are_the_programs_affair(void **state)
{
  (void)state;
  static const int asked[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
  uint8_t byte;
  lks_child *child = NULL;
  assert_int_equal(setpgid(0, 0), 0);
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) signal(asked[i], SIG_IGN);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, 10), LKS_OK);
  assert_int_equal(lks_child_receive(child, &byte, 1), LKS_OK);
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) assert_int_equal(kill(0, asked[i]), 0);
  for (size_t i = 1; i < MANY; i++) assert_int_equal(lks_child_receive(child, &byte, 1), LKS_OK);
  assert_int_equal(lks_child_finish(child), LKS_OK);
  lks_child_destroy(&child);
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) signal(asked[i], SIG_DFL);
  no_child_is_left();
}

/* The only child of this process is the server. */
static void test_a_lost_server_is_told(void **state)
{
  (void)state;
  lks_child *child = NULL;
  siginfo_t about;
  char children[64], digits[16] = "";
  assert_int_equal(lks_fork_server_start(), LKS_OK);
  snprintf(children, sizeof children, "/proc/self/task/%d/children", (int)getpid());
  FILE *file = fopen(children, "r");
  if (!file) skip(); /* a kernel without CONFIG_PROC_CHILDREN */
  assert_non_null(fgets(digits, sizeof digits, file));
  fclose(file);
  assert_int_equal(kill((pid_t)strtol(digits, NULL, 10), SIGKILL), 0);
  assert_int_equal(waitid(P_ALL, 0, &about, WEXITED | WNOWAIT), 0);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, 10), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "is gone"));
  assert_null(child);
  no_child_is_left();
}

static void test_destroy_ends_it(void **state)
{
  (void)state;
  lks_child *child = NULL;
  assert_int_equal(lks_child_start(&child, loop, NULL, 0, 10), LKS_OK);
  lks_child_destroy(&child);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, 10), LKS_OK);
  lks_child_destroy(&child);
  lks_child_destroy(&child);
  no_child_is_left();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hands_over_bytes),
      cmocka_unit_test(test_bad_ends_become_messages),
      cmocka_unit_test(test_takes_its_argument_along),
      cmocka_unit_test(test_several_at_once),
      cmocka_unit_test(test_follows_to_another_folder),
      cmocka_unit_test(test_signals_are_the_programs_affair),
      cmocka_unit_test(test_a_lost_server_is_told),
      cmocka_unit_test(test_destroy_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
