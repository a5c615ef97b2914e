/* Temporary files: a name that is taken is left alone; litter goes, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/temporary.h"

static char folder[64], host[65];
static long gone; /* a process that was */

static int enter(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/lockstep-temporary-XXXXXX");
  gethostname(host, sizeof host - 1);
  gone = fork();
  if (gone == 0) _exit(0);
  if (waitpid((pid_t)gone, NULL, 0) < 0) return -1;
  return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return chdir("/") == 0 && system(command) == 0 && lks_allocations_open() == 0 ? 0 : -1;
}

static void make(const char *name)
{
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  fputs("mine", file);
  fclose(file);
}

static void make_old(const char *name, int hours)
{
  const struct utimbuf times = {time(NULL) - hours * 3600, time(NULL) - hours * 3600};
  make(name);
  assert_int_equal(utime(name, &times), 0);
}

static bool there(const char *name)
{
  struct stat about;
  return lstat(name, &about) == 0;
}

/* A link of that name would lead the writing elsewhere. */
static void test_taken_names(void **state)
{
  (void)state;
  char first[256], second[256];
  lks_temporary_name(first, sizeof first, "a.txt", 0);
  lks_temporary_name(second, sizeof second, "a.txt", 1);
  assert_string_not_equal(first, second);
  make("victim");
  assert_int_equal(symlink("victim", first), 0);
  make(second);
  assert_int_equal(lks_file_write("a.txt", "new", 3), LKS_OK);
  assert_int_equal(lks_file_link("b.txt", "a.txt"), LKS_OK);
  char *text;
  size_t bytes;
  assert_int_equal(lks_file_read(&text, &bytes, "victim"), LKS_OK);
  assert_string_equal(text, "mine");
  lks_free(text);
  assert_int_equal(lks_file_read(&text, &bytes, "b.txt"), LKS_OK);
  assert_string_equal(text, "new");
  lks_free(text);
  assert_true(there(first) && there(second));
}

static void test_litter(void **state)
{
  (void)state;
  char litter[7][256], kept[8][256];
  snprintf(litter[0], 256, "checkpoint-5.h5.%s.%ld.tmp", host, gone);
  snprintf(litter[1], 256, "config.ini.%s.%ld-12.tmp", host, gone);
  snprintf(litter[2], 256, "last.h5.%s.%ld.tmp", host, gone);
  snprintf(litter[3], 256, "metrics.csv.other.host.%ld.tmp", gone);
  snprintf(litter[4], 256, "metrics.csv.%s.%ld.tmp", host, (long)getpid());
  snprintf(litter[5], 256, "last.h5.%ld.tmp", gone); /* of older versions */
  const pid_t dead = fork(); /* and nobody has asked for it yet, as for a rank whose mpirun was killed too */
  if (dead == 0) _exit(0);
  assert_int_equal(waitid(P_PID, (id_t)dead, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
  snprintf(litter[6], 256, "checkpoint-6.h5.%s.%ld.tmp", host, (long)dead);
  make(litter[6]);
  for (int i = 0; i < 2; i++) make(litter[i]);
  assert_int_equal(symlink("none", litter[2]), 0);
  for (int i = 3; i < 6; i++) make_old(litter[i], 25);
  snprintf(kept[0], 256, "checkpoint-5.h5.%s.%ld.tmp", host, (long)getpid());
  snprintf(kept[1], 256, "checkpoint-5.h5.other.%ld.tmp", gone);
  snprintf(kept[2], 256, "checkpoint-5.h5.x%s.%ld.tmp", host, gone);
  snprintf(kept[3], 256, "checkpoint-5.h5.%s.%ld.tmq", host, gone);
  snprintf(kept[4], 256, "notes.tmp");
  snprintf(kept[5], 256, "%ld.tmp", gone);
  snprintf(kept[6], 256, "a.%s.%ldx.tmp", host, gone);
  snprintf(kept[7], 256, "checkpoint-5.h5");
  for (int i = 0; i < 8; i++) make_old(kept[i], i < 3 ? 23 : 100);
  char name[256];
  snprintf(name, sizeof name, "folder.%s.%ld.tmp", host, gone);
  assert_int_equal(mkdir(name, 0777), 0);
  lks_temporary_tidy(".");
  waitpid(dead, NULL, 0);
  for (int i = 0; i < 7; i++)
    if (there(litter[i])) fail_msg("%s is still there", litter[i]);
  for (int i = 0; i < 8; i++)
    if (!there(kept[i])) fail_msg("%s was removed", kept[i]);
  assert_true(there(name));
  lks_temporary_tidy("none");
}

/* What was left for one file goes, what was left for another one stays. */
static void test_litter_of_one_file(void **state)
{
  (void)state;
  char litter[256], other[256], longer[256], path[512];
  snprintf(litter, 256, "data.h5.%s.%ld.tmp", host, gone);
  snprintf(other, 256, "other.h5.%s.%ld.tmp", host, gone);
  snprintf(longer, 256, "data.h50.%s.%ld.tmp", host, gone);
  for (int absolute = 0; absolute < 2; absolute++) {
    make(litter);
    make(other);
    make(longer);
    snprintf(path, sizeof path, "%s%sdata.h5", absolute ? folder : "", absolute ? "/" : "");
    lks_temporary_tidy_file(path);
    assert_true(!there(litter) && there(other) && there(longer));
  }
}

/* What a signal handler does: only what is being written, and is not done or given up. */
static void test_remove_all(void **state)
{
  (void)state;
  lks_file_writer *open, *done, *given_up;
  assert_int_equal(lks_file_writer_open(&open, "open"), LKS_OK);
  assert_int_equal(lks_file_writer_open(&done, "done"), LKS_OK);
  assert_int_equal(lks_file_writer_open(&given_up, "given-up"), LKS_OK);
  assert_int_equal(lks_file_writer_commit(done), LKS_OK);
  char name[256];
  snprintf(name, sizeof name, "%s", lks_file_writer_temporary(given_up));
  lks_file_writer_close(&given_up);
  make(name); /* somebody else's by now */
  assert_true(there(lks_file_writer_temporary(open)));
  lks_temporary_remove_all();
  assert_false(there(lks_file_writer_temporary(open)));
  assert_true(there(name) && there("done"));
  lks_file_writer_close(&open);
  lks_file_writer_close(&done);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_taken_names, enter, leave),
      cmocka_unit_test_setup_teardown(test_remove_all, enter, leave),
      cmocka_unit_test_setup_teardown(test_litter, enter, leave),
      cmocka_unit_test_setup_teardown(test_litter_of_one_file, enter, leave),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
