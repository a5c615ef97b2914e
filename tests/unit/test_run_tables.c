/* The tables of a run directory: no line is left out or doubled, whatever fails, and none leads out of the folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "train/run_tables.h"

static char folder[64];
static lks_run_tables *tables;

static int enter(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/lockstep-tables-XXXXXX");
  if (!mkdtemp(folder) || chdir(folder) != 0 || mkdir("run", 0777) != 0) return -1;
  return lks_run_tables_create(&tables, "run") == LKS_OK ? 0 : -1;
}

static int leave(void **state)
{
  (void)state;
  char command[128];
  lks_run_tables_destroy(&tables);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return chdir("/") == 0 && system(command) == 0 && lks_allocations_open() == 0 ? 0 : -1;
}

static void append(const char *name, const char *lines)
{
  assert_int_equal(lks_run_tables_append(tables, name, "step,x\n", lines), LKS_OK);
}

static void expect(const char *path, const char *expected)
{
  char *text;
  size_t bytes;
  assert_int_equal(lks_file_read(&text, &bytes, path), LKS_OK);
  assert_string_equal(text, expected);
  lks_free(text);
}

static void limit_files(size_t bytes)
{
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes ? bytes : limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_lines_that_do_not_fit_are_held(void **state)
{
  (void)state;
  append("a.csv", "1,1\n");
  append("b.csv", "1,2\n");
  limit_files(13);          /* the heading and a line and a half */
  append("a.csv", "2,1\n"); /* half of it is written, and taken back */
  append("a.csv", "3,1\n");
  append("c.csv", "1,3\n");
  expect("run/a.csv", "step,x\n1,1\n");
  expect("run/c.csv", "step,x\n1,3\n");
  assert_int_equal(lks_run_tables_sync(tables), LKS_ERR_IO);
  assert_string_equal(lks_message(), "cannot write run/a.csv: File too large");
  limit_files(0);
  append("a.csv", "4,1\n"); /* with those that were held before it */
  expect("run/a.csv", "step,x\n1,1\n2,1\n3,1\n4,1\n");
  expect("run/b.csv", "step,x\n1,2\n");
  assert_int_equal(lks_run_tables_sync(tables), LKS_OK);
}

static void test_a_new_file_that_cannot_be(void **state)
{
  (void)state;
  assert_int_equal(rmdir("run"), 0);
  append("a.csv", "1,1\n");
  assert_int_equal(lks_run_tables_sync(tables), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "run/a.csv: No such file"));
  assert_int_equal(mkdir("run", 0777), 0);
  assert_int_equal(lks_run_tables_sync(tables), LKS_OK);
  expect("run/a.csv", "step,x\n1,1\n");
}

/* What another run left of a line it could not finish is not taken for its own. */
static void test_forget(void **state)
{
  (void)state;
  append("a.csv", "1,1\n2,1\n");
  limit_files(15);
  append("a.csv", "3,1\n");
  limit_files(0);
  lks_run_tables_forget(tables);
  assert_int_equal(lks_run_tables_truncate("run", "a.csv", 1), LKS_OK);
  append("a.csv", "2,5\n");
  expect("run/a.csv", "step,x\n1,1\n2,5\n");
}

static void test_truncate(void **state)
{
  (void)state;
  assert_int_equal(lks_run_tables_truncate("run", "a.csv", 1), LKS_OK); /* none */
  append("a.csv", "1,1\n2,1\n3,1\n4,");
  assert_int_equal(lks_run_tables_truncate("run", "a.csv", 4), LKS_OK);
  expect("run/a.csv", "step,x\n1,1\n2,1\n3,1\n");
  assert_int_equal(lks_run_tables_truncate("run", "a.csv", 2), LKS_OK);
  expect("run/a.csv", "step,x\n1,1\n2,1\n");
}

static void test_links_are_not_followed(void **state)
{
  (void)state;
  assert_int_equal(lks_file_write("outside", "mine\n", 5), LKS_OK);
  assert_int_equal(symlink("../outside", "run/a.csv"), 0);
  assert_int_equal(symlink("../none", "run/b.csv"), 0);
  append("a.csv", "1,1\n");
  assert_int_equal(lks_run_tables_sync(tables), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "run/a.csv"));
  append("b.csv", "1,1\n");
  assert_int_equal(lks_run_tables_truncate("run", "a.csv", 0), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "run/a.csv is a link"));
  assert_int_equal(lks_run_tables_truncate("run", "b.csv", 0), LKS_ERR_IO);
  expect("outside", "mine\n");
  assert_false(lks_file_exists("none"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)
  const struct CMUnitTest tests[] = {TEST(test_lines_that_do_not_fit_are_held),
                                     TEST(test_a_new_file_that_cannot_be), TEST(test_forget),
                                     TEST(test_truncate), TEST(test_links_are_not_followed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
