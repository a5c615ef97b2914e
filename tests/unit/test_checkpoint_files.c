/* The checkpoints of a run directory: in which order they are tried, what the link leads to, what is removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "train/checkpoint_files.h"

static char folder[64];

static int enter(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/lockstep-files-XXXXXX");
  return mkdtemp(folder) && chdir(folder) == 0 && mkdir("run", 0777) == 0 ? 0 : -1;
}

static int leave(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (chdir("/") != 0 || system(command) != 0) return -1;
  return lks_allocations_open() == 0 ? 0 : -1;
}

static void make(const char *name)
{
  char path[128];
  snprintf(path, sizeof path, "run/%s", name);
  assert_int_equal(lks_file_write(path, name, strlen(name)), LKS_OK);
}

static void make_steps(const size_t *step, size_t count)
{
  char name[64];
  for (size_t i = 0; i < count; i++) {
    snprintf(name, sizeof name, "checkpoint-%zu.h5", step[i]);
    make(name);
  }
}

/** Adds a word to a list; of a checkpoint its step alone. */
static void add(char list[512], const char *name)
{
  char step[32] = "", end;
  if (sscanf(name, "checkpoint-%31[0-9].h%c", step, &end) == 2 && end == '5' && strlen(name) < 24)
    name = step;
  snprintf(list + strlen(list), 512 - strlen(list), "%s%.60s", list[0] ? " " : "", name);
}

static void expect_order(const char *expected)
{
  lks_checkpoint_files files;
  char order[512] = "", path[LKS_CHECKPOINT_PATH];
  assert_int_equal(lks_checkpoint_files_find(&files, "run"), LKS_OK);
  for (size_t i = 0; i < files.count; i++) {
    lks_checkpoint_files_get(path, &files, i);
    add(order, strncmp(path, "run/", 4) == 0 ? path + 4 : path);
  }
  lks_checkpoint_files_clear(&files);
  assert_string_equal(order, expected);
}

static int by_text(const void *a, const void *b)
{
  return strcmp(a, b);
}

static void expect_entries(const char *expected)
{
  char name[32][64], all[512] = "";
  size_t count = 0;
  DIR *stream = opendir("run");
  assert_non_null(stream);
  for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
    if (entry->d_name[0] != '.') snprintf(name[count++], sizeof *name, "%.63s", entry->d_name);
  closedir(stream);
  qsort(name, count, sizeof *name, by_text);
  for (size_t i = 0; i < count; i++) add(all, name[i]);
  assert_string_equal(all, expected);
}

static void test_none(void **state)
{
  (void)state;
  lks_checkpoint_files files;
  expect_order("");
  assert_int_equal(lks_checkpoint_files_find(&files, "run/none"), LKS_OK);
  assert_int_equal(files.count, 0);
  make("a");
  assert_int_equal(lks_checkpoint_files_find(&files, "run/a"), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "run/a"));
}

static void test_order(void **state)
{
  (void)state;
  const size_t step[] = {9, 100, 20, 7, 30};
  make_steps(step, 5);
  static const char *const others[] = {"checkpoint-08.h5",
                                       "checkpoint-8.h5.tmp",
                                       "checkpoint-8.h5.host.5.tmp",
                                       "checkpoint-.h5",
                                       "checkpoint--8.h5",
                                       "checkpoint-+8.h5",
                                       "checkpoint-8.h4",
                                       "checkpoint-99999999999999999999999999.h5",
                                       "my-checkpoint-8.h5"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) make(others[i]);
  expect_order("100 30 20 9 7");
  assert_int_equal(lks_checkpoint_files_link("run", 20), LKS_OK);
  expect_order("20 9 7 30 100");
  assert_int_equal(lks_checkpoint_files_link("run", 100), LKS_OK);
  expect_order("100 30 20 9 7");
  assert_int_equal(lks_checkpoint_files_link("run", 7), LKS_OK);
  expect_order("7 9 20 30 100");
  assert_int_equal(lks_checkpoint_files_link("run", 21), LKS_OK); /* which is not there */
  expect_order("21 20 9 7 30 100");
}

static void test_other_targets(void **state)
{
  (void)state;
  const size_t step[] = {1, 2};
  char where[64], long_name[900];
  make_steps(step, 2);
  make("last.h5"); /* copied by who follows links */
  expect_order("last.h5 2 1");
  unlink("run/last.h5");
  assert_int_equal(symlink("good.h5", "run/last.h5"), 0);
  expect_order("good.h5 2 1");
  unlink("run/last.h5");
  assert_int_equal(symlink("/else/where.h5", "run/last.h5"), 0);
  expect_order("/else/where.h5 2 1");
  unlink("run/last.h5");
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  assert_int_equal(symlink(long_name, "run/last.h5"), 0);
  lks_checkpoint_files files;
  assert_int_equal(lks_checkpoint_files_find(&files, "run"), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "run/last.h5"));
  assert_int_equal(lks_checkpoint_files_link("run", 2), LKS_OK);
  assert_int_equal(readlink("run/last.h5", where, sizeof where), strlen("checkpoint-2.h5"));
  expect_entries("1 2 last.h5");
  assert_int_equal(lks_checkpoint_files_link("none", 2), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "cannot point none/last.h5 at checkpoint-2.h5: No such file"));
}

static void prune(size_t keep, size_t step)
{
  assert_int_equal(lks_checkpoint_files_prune("run", keep, step), LKS_OK);
}

static void test_prune(void **state)
{
  (void)state;
  const size_t step[] = {5, 10, 15, 20, 25, 30};
  make_steps(step, 6);
  make("other.h5");
  assert_int_equal(lks_checkpoint_files_link("run", 30), LKS_OK);
  prune(0, 30);
  prune(6, 30);
  expect_entries("10 15 20 25 30 5 last.h5 other.h5");
  prune(4, 30);
  expect_entries("15 20 25 30 last.h5 other.h5");
  /* Whoever went back by hand: what is newer neither counts nor goes. */
  assert_int_equal(lks_checkpoint_files_link("run", 20), LKS_OK);
  prune(2, 20);
  expect_entries("15 20 25 30 last.h5 other.h5");
  prune(1, 20);
  expect_entries("20 25 30 last.h5 other.h5");
  /* What a link leads to stays. */
  prune(1, 30);
  expect_entries("20 30 last.h5 other.h5");
  assert_int_equal(lks_checkpoint_files_prune("none", 1, 30), LKS_OK);
}

static void test_best(void **state)
{
  (void)state;
  const size_t step[] = {5, 10, 15, 20, 25};
  char where[64];
  struct stat before, after;
  make_steps(step, 5);
  assert_int_equal(lks_checkpoint_files_link("run", 25), LKS_OK);
  assert_int_equal(lks_checkpoint_files_link_best("run", 15), LKS_OK);
  assert_int_equal(readlink("run/best.h5", where, sizeof where), strlen("checkpoint-15.h5"));
  assert_memory_equal(where, "checkpoint-15.h5", strlen("checkpoint-15.h5"));
  expect_order("25 20 15 10 5"); /* it is last.h5 that a run goes on from */
  prune(2, 25);
  expect_entries("best.h5 15 20 25 last.h5");
  /* A link that is right is not made again. */
  assert_int_equal(lstat("run/best.h5", &before), 0);
  assert_int_equal(lks_checkpoint_files_link_best("run", 15), LKS_OK);
  assert_int_equal(lstat("run/best.h5", &after), 0);
  assert_int_equal(before.st_ino, after.st_ino);
  assert_int_equal(lks_checkpoint_files_link_best("run", 20), LKS_OK);
  prune(1, 25);
  expect_entries("best.h5 20 25 last.h5");
  /* The newest may be the best one. */
  assert_int_equal(lks_checkpoint_files_link_best("run", 25), LKS_OK);
  prune(1, 25);
  expect_entries("best.h5 25 last.h5");
  /* One that leads to nothing, or elsewhere, or is a file, keeps nothing and is replaced. */
  make_steps(step, 5);
  assert_int_equal(lks_checkpoint_files_link_best("run", 11), LKS_OK);
  prune(2, 25);
  expect_entries("best.h5 20 25 last.h5");
  unlink("run/best.h5");
  assert_int_equal(symlink("/else/checkpoint-20.h5", "run/best.h5"), 0);
  prune(1, 25);
  expect_entries("best.h5 25 last.h5");
  unlink("run/best.h5");
  make("best.h5");
  prune(1, 25);
  assert_int_equal(lks_checkpoint_files_link_best("run", 25), LKS_OK);
  assert_int_equal(readlink("run/best.h5", where, sizeof where), strlen("checkpoint-25.h5"));
  assert_int_equal(lks_checkpoint_files_link_best("none", 25), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "cannot point none/best.h5 at checkpoint-25.h5: No such file"));
}

static void test_what_cannot_be_removed(void **state)
{
  (void)state;
  const size_t step[] = {1, 3};
  make_steps(step, 2);
  assert_int_equal(mkdir("run/checkpoint-2.h5", 0777), 0); /* nobody's checkpoint */
  prune(1, 3);
  expect_entries("2 3");
  make_steps(step, 1);
  const uid_t user = geteuid();
  chmod("run", 0555);
  chmod(folder, 0755);                                /* another user has to reach it */
  if (user == 0) assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
  const lks_status status = lks_checkpoint_files_prune("run", 1, 3);
  if (user == 0) assert_int_equal(seteuid(user), 0);
  chmod("run", 0755);
  assert_int_equal(status, LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "cannot remove run/checkpoint-1.h5: "));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_none, enter, leave),
      cmocka_unit_test_setup_teardown(test_order, enter, leave),
      cmocka_unit_test_setup_teardown(test_other_targets, enter, leave),
      cmocka_unit_test_setup_teardown(test_prune, enter, leave),
      cmocka_unit_test_setup_teardown(test_best, enter, leave),
      cmocka_unit_test_setup_teardown(test_what_cannot_be_removed, enter, leave),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
