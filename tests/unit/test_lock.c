/* One process at a time in a folder: refusals, what is taken over, what the file says, and a file system that has no
 * locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/leave.h"
#include "base/lock.h"
#include "base/lock_holder.h"
#include "base/log.h"

static char folder[64], host[65];
static bool without_locks; /* as on some network file systems */

int __real_flock(int file, int operation);
int __wrap_flock(int file, int operation);
int __wrap_flock(int file, int operation)
{
  if (!without_locks) return __real_flock(file, operation);
  errno = ENOLCK;
  return -1;
}

static int set_up(void **state)
{
  (void)state;
  without_locks = false;
  gethostname(host, sizeof host - 1);
  snprintf(folder, sizeof folder, "/tmp/lockstep-lock-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/a.lock", folder);
  unlink(path);
  return rmdir(folder);
}

static const char *path_of_lock(void)
{
  static char path[128];
  snprintf(path, sizeof path, "%s/a.lock", folder);
  return path;
}

static lks_status take(lks_lock **lock)
{
  return lks_lock_take(lock, folder, "a.lock", 0);
}

static void assert_refused(const char *pattern)
{
  lks_lock *lock;
  assert_int_equal(take(&lock), LKS_ERR_USAGE);
  assert_null(lock);
  if (!strstr(lks_message(), pattern) || !strstr(lks_message(), folder))
    fail_msg("not said: %s; but: %s", pattern, lks_message());
}

static void assert_taken(void)
{
  lks_lock *lock;
  if (take(&lock) != LKS_OK) fail_msg("%s", lks_message());
  lks_lock_release(&lock);
  assert_null(lock);
  assert_false(lks_file_exists(path_of_lock()));
}

static void write_text(const char *text)
{
  if (lks_file_write(path_of_lock(), text, strlen(text)) != LKS_OK) fail_msg("%s", lks_message());
}

/* As a process that is no more, or this one or another, would have left it. */
static void leave_text(const char *at, long process, unsigned long long started, const char *job, int restart)
{
  char text[400];
  snprintf(
      text, sizeof text,
      "host = %s\nprocess = %ld\nstarted = %llu\njob = %s\nrestart = %d\nsince = 2020-02-20 20:20:20 +0000\n",
      at, process, started, job, restart);
  write_text(text);
}

/* A process that begins with fork, does `act` and waits to be killed. */
static pid_t start_process(void (*act)(void))
{
  int ends[2];
  char byte = 'x';
  assert_int_equal(pipe(ends), 0);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (act != NULL) act();
    if (write(ends[1], &byte, 1) != 1) lks_leave(1);
    for (;;) pause();
  }
  assert_int_equal(read(ends[0], &byte, 1), 1);
  close(ends[0]);
  close(ends[1]);
  return pid;
}

static void end_process(pid_t pid)
{
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void take_and_keep(void)
{
  lks_lock *lock;
  if (take(&lock) != LKS_OK) lks_leave(1);
}

static pid_t dead_process(void)
{
  const pid_t pid = start_process(NULL);
  end_process(pid);
  return pid;
}

static void a_second_one_is_refused_and_told_of_the_first(void **state)
{
  (void)state;
  char process[160];
  lks_lock *lock;
  setenv("SLURM_JOB_ID", "4711", 1);
  assert_int_equal(take(&lock), LKS_OK);
  unsetenv("SLURM_JOB_ID");
  snprintf(process, sizeof process, "process %ld on host %s, job 4711 writes into", (long)getpid(), host);
  assert_refused(process);
  assert_refused("since 20");
  lks_lock_release(&lock);
  assert_taken();
}

static void another_process_is_refused_too(void **state)
{
  (void)state;
  char process[160];
  const pid_t pid = start_process(take_and_keep);
  snprintf(process, sizeof process, "process %ld on host %s writes into", (long)pid, host);
  assert_refused(process);
  end_process(pid);
  assert_taken(); /* however it ended */
}

static pid_t *child; /* of another process, in memory of both */

static void take_and_start_a_program(void)
{
  take_and_keep();
  const pid_t made = fork();
  if (made == 0) {
    execlp("sleep", "sleep", "100", (char *)NULL);
    lks_leave(1);
  }
  *child = made;
}

/* What a holder executes, as a program that draws, may outlive it. */
static void children_do_not_hold_it(void **state)
{
  (void)state;
  child = mmap(NULL, sizeof *child, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(child != MAP_FAILED);
  const pid_t pid = start_process(take_and_start_a_program);
  char path[64], name[8] = "";
  snprintf(path, sizeof path, "/proc/%ld/comm", (long)*child);
  while (strncmp(name, "sleep", 5) != 0) { /* until it is executed */
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    if (fgets(name, sizeof name, file) == NULL) name[0] = '\0';
    fclose(file);
  }
  assert_refused("writes into");
  end_process(pid);
  assert_int_equal(kill(*child, 0), 0);
  assert_taken();
  kill(*child, SIGKILL);
  munmap(child, sizeof *child);
}

static void one_can_wait_for_it(void **state)
{
  (void)state;
  lks_lock *lock;
  const pid_t pid = start_process(take_and_keep), killer = fork();
  if (killer == 0) {
    usleep(100000);
    kill(pid, SIGKILL);
    lks_leave(0);
  }
  assert_int_equal(lks_lock_take(&lock, folder, "a.lock", 100), LKS_OK);
  lks_lock_release(&lock);
  assert_int_equal(waitpid(killer, NULL, 0), killer);
  end_process(pid);
}

static void those_of_two_names_are_two(void **state)
{
  (void)state;
  lks_lock *a, *b;
  assert_int_equal(take(&a), LKS_OK);
  assert_int_equal(lks_lock_take(&b, folder, "b.lock", 0), LKS_OK);
  lks_lock_release(&a);
  lks_lock_release(&b);
}

/* Many at once: never two of them, and all have their turn, though each removes the file. */
static void many_take_turns(void **state)
{
  (void)state;
  enum { PROCESSES = 6, TURNS = 60 };
  pid_t pid[PROCESSES];
  char inside[128];
  snprintf(inside, sizeof inside, "%s/inside", folder);
  for (int i = 0; i < PROCESSES; i++) {
    pid[i] = fork();
    if (pid[i] != 0) continue;
    for (int turn = 0; turn < TURNS; turn++) {
      lks_lock *lock;
      if (lks_lock_take(&lock, folder, "a.lock", 1000) != LKS_OK) lks_leave(1);
      if (mkdir(inside, 0700) != 0) lks_leave(2);
      if (rmdir(inside) != 0) lks_leave(3);
      lks_lock_release(&lock);
    }
    lks_leave(0);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int how;
    assert_int_equal(waitpid(pid[i], &how, 0), pid[i]);
    assert_int_equal(how, 0);
  }
  assert_false(lks_file_exists(path_of_lock()));
}

static void what_is_left_lying_is_taken_over(void **state)
{
  (void)state;
  leave_text(host, dead_process(), 1, "", 0);
  assert_taken();
  leave_text("elsewhere", 12, 34, "9", 0); /* with a warning, for its lock is free */
  assert_taken();
  write_text("");
  assert_taken();
  write_text("\x01\x02 no text = [of = ours\n\n=");
  assert_taken();
}

static void other_files_are_no_locks(void **state)
{
  (void)state;
  lks_lock *lock;
  assert_int_equal(mkfifo(path_of_lock(), 0600), 0);
  assert_int_equal(take(&lock), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "no regular file"));
  assert_int_equal(unlink(path_of_lock()), 0);
  assert_int_equal(symlink("/tmp/lockstep-nowhere", path_of_lock()), 0);
  assert_int_equal(take(&lock), LKS_ERR_IO);
  assert_false(lks_file_exists("/tmp/lockstep-nowhere"));
  assert_int_equal(unlink(path_of_lock()), 0);
  assert_int_equal(lks_lock_take(&lock, "/tmp/lockstep-nowhere", "a.lock", 0), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "/tmp/lockstep-nowhere/a.lock"));
  assert_null(lock);
}

/* Then the text decides. */
static void without_locks_the_text_counts(void **state)
{
  (void)state;
  lks_lock *lock;
  without_locks = true;
  assert_int_equal(take(&lock), LKS_OK);
  assert_refused("writes into");
  lks_lock_release(&lock);
  assert_taken();
  leave_text(host, dead_process(), 1, "", 0);
  assert_taken();
  leave_text(host, (long)getpid(), 1, "", 0); /* its number is this process's by now */
  assert_taken();
  const lks_lock_holder own = lks_lock_holder_own();
  leave_text(host, own.process, own.started, "", 0);
  assert_refused("writes into");
  leave_text("elsewhere", 12, 34, "9", 0);
  assert_refused("process 12 on host elsewhere, job 9 writes into");
  assert_refused("since 2020-02-20 20:20:20 +0000");
  assert_refused("remove");
  write_text("");
  assert_refused("another process writes into");
  assert_int_equal(unlink(path_of_lock()), 0);
}

/* A batch job that lost its host begins again on another. */
static void without_locks_a_job_goes_on_elsewhere(void **state)
{
  (void)state;
  without_locks = true;
  setenv("SLURM_JOB_ID", "9", 1);
  setenv("SLURM_RESTART_COUNT", "1", 1);
  leave_text("elsewhere", 12, 34, "9", 1);
  assert_refused("host elsewhere");
  leave_text("elsewhere", 12, 34, "8", 0);
  assert_refused("host elsewhere");
  leave_text("elsewhere", 12, 34, "9", 0);
  assert_taken();
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_RESTART_COUNT");
}

static void anybodys_text_is_printable(void **state)
{
  (void)state;
  char text[500];
  without_locks = true;
  snprintf(text, sizeof text, "host = \x1b[31m%0200d\nprocess = 7\n", 5);
  write_text(text);
  assert_refused("process 7 on host ?[31m000");
  assert_null(strchr(lks_message(), '\x1b'));
  assert_int_equal(unlink(path_of_lock()), 0);
}

/* A full disk: what holds says nothing, and holds all the same. */
static void it_holds_without_a_text(void **state)
{
  (void)state;
  lks_lock *lock;
  assert_int_equal(take(&lock), LKS_OK);
  assert_int_equal(truncate(path_of_lock(), 0), 0);
  assert_refused("another process writes into");
  lks_lock_release(&lock);
  assert_taken();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
  lks_log_enable(false);
  const struct CMUnitTest tests[] = {
      TEST(a_second_one_is_refused_and_told_of_the_first),
      TEST(another_process_is_refused_too),
      TEST(children_do_not_hold_it),
      TEST(one_can_wait_for_it),
      TEST(those_of_two_names_are_two),
      TEST(many_take_turns),
      TEST(what_is_left_lying_is_taken_over),
      TEST(other_files_are_no_locks),
      TEST(without_locks_the_text_counts),
      TEST(without_locks_a_job_goes_on_elsewhere),
      TEST(anybodys_text_is_printable),
      TEST(it_holds_without_a_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
