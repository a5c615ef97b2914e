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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "hdf5/child.h"
#include "hdf5/first_of_node.h"
#include "lockstep/fork_server.h"
#include "support/limit_kept.h"

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

/* Waits for what never comes, as for a file system that does not answer. */
static lks_status wait_for_ever(int output, const void *argument, size_t size)
{
  (void)output;
  (void)argument;
  (void)size;
  for (;;) pause();
  return LKS_OK;
}

/* Takes memory: `large` bytes, and before that allows itself so much more. */
typedef struct appetite {
  size_t allowed, large;
} appetite;

static lks_status take_memory(int output, const void *argument, size_t size)
{
  const appetite *a = argument;
  (void)size;
  lks_child_allow(a->allowed);
  char *memory = malloc(a->large);
  if (!memory) return lks_fail(LKS_ERR_DATA, "there is no memory");
  memory[a->large - 1] = 1;
  return lks_child_send(output, &memory[a->large - 1], 1);
}

static const lks_child_limits usual = {10, 60, 64 << 20};

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
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, &usual), LKS_OK);
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

static void expect_end(lks_child_function function, const lks_child_limits *limits, lks_status status,
                       const char *part)
{
  lks_child *child = NULL;
  char bytes[3];
  assert_int_equal(lks_child_start(&child, function, "me", 3, limits), LKS_OK);
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
  const lks_child_limits hurried = {1, 60, 64 << 20}, impatient = {10, 1, 64 << 20};
  expect_end(refuse, &usual, LKS_ERR_USAGE, "not with me");
  expect_end(crash, &usual, LKS_ERR_DATA, "crashes");
  expect_end(leave, &usual, LKS_ERR_DATA, "crashes");
  expect_end(loop, &hurried, LKS_ERR_DATA, "never finishes reading it");
  expect_end(wait_for_ever, &impatient, LKS_ERR_IO, "no sign of life for 1 seconds");
  expect_end(orphan, &usual, LKS_ERR_IO, "was ended by signal 9");
}

/* Half a second passes between two bytes: whoever sends again and again may take as long as it likes. */
static lks_status send_slowly(int output, const void *argument, size_t size)
{
  (void)argument;
  (void)size;
  for (int i = 0; i < 5; i++) {
    usleep(500000);
    lks_status status = lks_child_send(output, "x", 1);
    if (status) return status;
  }
  return LKS_OK;
}

static void test_who_is_slow_is_waited_for(void **state)
{
  (void)state;
  const lks_child_limits patient = {10, 2 * 10, 64 << 20};
  lks_child *child = NULL;
  char bytes[5];
  assert_int_equal(lks_child_start(&child, send_slowly, NULL, 0, &patient), LKS_OK);
  assert_int_equal(lks_child_receive(child, bytes, sizeof bytes), LKS_OK);
  assert_int_equal(lks_child_finish(child), LKS_OK);
  lks_child_destroy(&child);
  no_child_is_left();
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

static lks_status appetite_of(size_t allowed, size_t large)
{
  const appetite a = {allowed, large};
  char byte = 0;
  lks_child *child = NULL;
  assert_int_equal(lks_child_start(&child, take_memory, &a, sizeof a, &usual), LKS_OK);
  const lks_status status = lks_child_receive(child, &byte, 1);
  lks_child_destroy(&child);
  no_child_is_left();
  return status;
}

static void test_memory_is_limited(void **state)
{
  (void)state;
#ifdef SANITIZED
  skip();
#endif
  if (!limit_is_kept(RLIMIT_AS)) skip();
  assert_int_equal(appetite_of(0, 32 << 20), LKS_OK);
  assert_int_equal(appetite_of(0, 128 << 20), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "there is no memory"));
  assert_int_equal(appetite_of(128 << 20, 128 << 20), LKS_OK);
}

/* Which of a node's processes reads for all is known before MPI starts. */
static void test_one_server_a_node(void **state)
{
  (void)state;
  static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
  assert_true(lks_first_of_node());
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    setenv(names[i], "0", 1);
    assert_true(lks_first_of_node());
    setenv(names[i], "10", 1);
    assert_false(lks_first_of_node());
    unsetenv(names[i]);
  }
  setenv("SLURM_LOCALID", "1", 1);
  setenv("OMPI_COMM_WORLD_LOCAL_RANK", "0", 1);
  assert_true(lks_first_of_node()); /* mpirun's word is the newer one */
  unsetenv("SLURM_LOCALID");
  setenv("OMPI_COMM_WORLD_LOCAL_RANK", "3", 1);
  assert_int_equal(lks_fork_server_start(), LKS_OK);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);                          /* there is none */
  expect_end(refuse, &usual, LKS_ERR_USAGE, "not with me"); /* but who reads all the same, can */
  unsetenv("OMPI_COMM_WORLD_LOCAL_RANK");
}

static void test_takes_its_argument_along(void **state)
{
  (void)state;
  lks_child *child = NULL;
  uint8_t *bytes = malloc(MANY), *back = malloc(MANY);
  assert_non_null(bytes);
  assert_non_null(back);
  for (size_t i = 0; i < MANY; i++) bytes[i] = (uint8_t)(i * 5 >> 2);
  assert_int_equal(lks_child_start(&child, send_back, bytes, MANY, &usual), LKS_OK);
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
    assert_int_equal(lks_child_start(&child[i], i == 2 ? loop : send_back, &i, sizeof i, &usual), LKS_OK);
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
  assert_int_equal(lks_child_start(&child, send_byte_of_file, "here", 5, &usual), LKS_OK);
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
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, &usual), LKS_OK);
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
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, &usual), LKS_ERR_RANK);
  assert_non_null(strstr(lks_message(), "is gone"));
  assert_null(child);
  no_child_is_left();
}

static void test_destroy_ends_it(void **state)
{
  (void)state;
  lks_child *child = NULL;
  assert_int_equal(lks_child_start(&child, loop, NULL, 0, &usual), LKS_OK);
  lks_child_destroy(&child);
  assert_int_equal(lks_child_start(&child, send_many, NULL, 0, &usual), LKS_OK);
  lks_child_destroy(&child);
  lks_child_destroy(&child);
  no_child_is_left();
}

/* Each megabyte of a file is worth a second, and memory for some copies of it. */
static void test_limits_grow_with_the_file(void **state)
{
  (void)state;
  const lks_child_limits least = lks_child_limits_for(0), large = lks_child_limits_for((size_t)3 << 30);
  assert_in_range(least.cpu_seconds, 1, 60);
  assert_true(least.silent_seconds > least.cpu_seconds);
  assert_in_range(least.memory, 100000000, 2000000000);
  assert_int_equal(large.cpu_seconds, least.cpu_seconds + 3 * 1024);
  assert_int_equal(large.silent_seconds, least.silent_seconds + 3 * 1024);
  assert_in_range(large.memory - least.memory, (uint64_t)6 << 30, (uint64_t)30 << 30);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_limits_grow_with_the_file),
      cmocka_unit_test(test_hands_over_bytes),
      cmocka_unit_test(test_bad_ends_become_messages),
      cmocka_unit_test(test_who_is_slow_is_waited_for),
      cmocka_unit_test(test_memory_is_limited),
      cmocka_unit_test(test_one_server_a_node),
      cmocka_unit_test(test_takes_its_argument_along),
      cmocka_unit_test(test_several_at_once),
      cmocka_unit_test(test_follows_to_another_folder),
      cmocka_unit_test(test_signals_are_the_programs_affair),
      cmocka_unit_test(test_a_lost_server_is_told),
      cmocka_unit_test(test_destroy_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
