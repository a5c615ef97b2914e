/* The watch over processes whose launcher has died. Each case is a launcher that starts a rank and is gone; this process
 * becomes the rank's parent and sees how it ends. A rank that nothing ends says 0 by itself after a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/life.h"
#include "comm/stall_watch.h"

enum { ENDED_BY_THE_WATCH = 6, MICROSECONDS = 1500 * 1000 };

static _Noreturn void be_rank(const char *number, int wait)
{
  if (number)
    setenv("OMPI_COMM_WORLD_RANK", number, 1);
  else
    unsetenv("OMPI_COMM_WORLD_RANK");
  lks_stall_watch_start(1000);
  lks_life_wait(wait);
  usleep(MICROSECONDS);
  _exit(0);
}

/* The launcher lives until the rank has seen it. */
static _Noreturn void be_launcher(const char *number, int wait, bool dies)
{
  const pid_t rank = fork();
  if (rank == 0) be_rank(number, wait);
  usleep(MICROSECONDS / 4);
  if (dies) _exit(0);
  int how = 0;
  waitpid(rank, &how, 0);
  _exit(WIFEXITED(how) ? WEXITSTATUS(how) : 1);
}

/* The exit code of the rank. Emulators may leave orphans to somebody else. */
static int code_of(const char *number, int wait, bool dies)
{
  if (dies && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) skip();
  int code = -1, how;
  const pid_t launcher = fork();
  if (launcher == 0) be_launcher(number, wait, dies);
  for (pid_t ended; (ended = waitpid(-1, &how, 0)) > 0;)
    if ((ended != launcher) == dies) code = WIFEXITED(how) ? WEXITSTATUS(how) : 128;
  return code;
}

static void test_rank_without_launcher_ends_while_mpi_starts(void **state)
{
  (void)state;
  assert_int_equal(code_of("0", LKS_WAIT_START, true), ENDED_BY_THE_WATCH);
}

static void test_rank_with_launcher_goes_on(void **state)
{
  (void)state;
  assert_int_equal(code_of("0", LKS_WAIT_START, false), 0);
}

/* Later MPI itself notices; and whoever was started by hand may have been started by a shell that is gone. */
static void test_others_go_on(void **state)
{
  (void)state;
  assert_int_equal(code_of("0", LKS_WAIT_AGREEMENT, true), 0);
  assert_int_equal(code_of(NULL, LKS_WAIT_START, true), 0);
}

int main(void)
{
  const char *const launchers[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) unsetenv(launchers[i]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rank_without_launcher_ends_while_mpi_starts),
      cmocka_unit_test(test_rank_with_launcher_goes_on),
      cmocka_unit_test(test_others_go_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
