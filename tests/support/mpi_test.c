#include "mpi_test.h"

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "lockstep/fork_server.h"

enum { STALL_SECONDS = 60 };

static lks_comm *world;
static bool in_step = true; /* false while a test runs; true again when it ended on all ranks together */

/* cmocka's own lines are printed by rank 0 alone. The other ranks are loud only while a test runs, and stay
 * so when they fall out of step: that report must be seen. */
static FILE *terminal_out, *terminal_error, *nowhere;

static void set_quiet(bool quiet)
{
  bool mute = quiet && nowhere != NULL;
  stdout = mute ? nowhere : terminal_out;
  stderr = mute ? nowhere : terminal_error;
}

static void abort_if_out_of_step(void)
{
  if (in_step) return;
  fprintf(stderr, "rank %d left its test without the others; its report stands above\n",
          lks_comm_rank(world));
  MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

static void leave_in_step(void)
{
  in_step = true;
  set_quiet(true);
}

/* The cmocka test function of all tests; its state is the lks_mpi_test. */
static void run_on_world(void **state)
{
  abort_if_out_of_step();
  const lks_mpi_test *test = *state;
  long before = lks_allocations_open();
  in_step = false;
  set_quiet(false);
  test->run(world);
  lks_assert_all(world, lks_allocations_open() == before);
  leave_in_step();
}

static int run_group(const lks_mpi_test *tests, size_t count)
{
  struct CMUnitTest *group = calloc(count, sizeof *group);
  if (group == NULL) return 1;
  for (size_t i = 0; i < count; i++)
    group[i] = (struct CMUnitTest){tests[i].name, run_on_world, NULL, NULL, (void *)&tests[i]};
  int failures = _cmocka_run_group_tests("tests", group, count, NULL, NULL);
  free(group);
  return failures;
}

/* The number of failures on this rank. */
static int run_world(const lks_mpi_test *tests, size_t count)
{
  if (lks_comm_create_all(&world, MPI_COMM_WORLD) != LKS_OK) {
    fprintf(stderr, "%s\n", lks_message());
    return 1;
  }
  lks_comm_stall_limit(world, lks_test_patience(STALL_SECONDS));
  lks_log_enable(lks_comm_rank(world) == 0);
  terminal_out = stdout;
  terminal_error = stderr;
  if (lks_comm_rank(world) != 0) nowhere = fopen("/dev/null", "w");
  set_quiet(true);
  int failures = run_group(tests, count);
  abort_if_out_of_step();
  set_quiet(false);
  if (nowhere != NULL) fclose(nowhere);
  lks_comm_destroy_all(&world);
  return failures + (lks_allocations_open() != 0);
}

double lks_test_patience(double seconds)
{
  const char *slowness = getenv("LOCKSTEP_TEST_SLOWNESS");
  const double factor = slowness ? strtod(slowness, NULL) : 1;
  return ceil(factor > 1 ? seconds * sqrt(factor) : seconds);
}

/* Takes the place of the C library's: Open MPI's plugins stay loaded, so that the leak sanitizer can still
 * tell whose the memory is that they never give back (lsan.supp). */
int dlclose(void *handle)
{
  (void)handle;
  return 0;
}

int lks_mpi_test_main(int *argc, char ***argv, const lks_mpi_test *tests, size_t count)
{
  lks_fork_server_start();
  int provided;
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided);
  int failures = run_world(tests, count);
  MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failures > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* One bit for each of the first 64 ranks on which `condition` does not hold. */
static uint64_t ranks_against_all(lks_comm *comm, bool condition)
{
  int rank = lks_comm_rank(comm);
  uint64_t against = condition ? 0 : UINT64_C(1) << (rank < 64 ? rank : 63);
  MPI_Allreduce(MPI_IN_PLACE, &against, 1, MPI_UINT64_T, MPI_BOR, lks_comm_handle(comm));
  return against;
}

static void fail_in_step(uint64_t against, const char *text, const char *why, const char *file, int line)
{
  char ranks[256] = "";
  for (int rank = 0; rank < 64; rank++)
    if (against >> rank & 1) snprintf(ranks + strlen(ranks), sizeof ranks - strlen(ranks), " %d", rank);
  leave_in_step();
  print_error("%s does not hold on rank%s%s%s\n", text, ranks, *why ? ": " : "", why);
  _fail(file, line);
}

void lks_assert_all_at(lks_comm *comm, bool condition, const char *text, const char *file, int line)
{
  uint64_t against = ranks_against_all(comm, condition);
  if (against != 0) fail_in_step(against, text, "", file, line);
}

void lks_assert_ok_all_at(lks_comm *comm, lks_status status, const char *text, const char *file, int line)
{
  uint64_t against = ranks_against_all(comm, status == LKS_OK);
  if (against == 0) return;
  char why[1024];
  snprintf(why, sizeof why, "%s", lks_message());
  int lowest = __builtin_ctzll(against);
  if (lowest < lks_comm_size(comm)) MPI_Bcast(why, sizeof why, MPI_CHAR, lowest, lks_comm_handle(comm));
  fail_in_step(against, text, why, file, line);
}

void lks_test_folder_all(lks_comm *comm, char folder[64])
{
  strcpy(folder, "/tmp/lockstep-test-XXXXXX");
  if (lks_comm_rank(comm) == 0 && !mkdtemp(folder)) folder[0] = '\0';
  lks_assert_ok_all(comm, lks_comm_broadcast_all(comm, folder, 64, 0));
  lks_assert_all(comm, folder[0] != '\0');
}

void lks_test_folder_remove_all(lks_comm *comm, const char *folder)
{
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  lks_assert_all(comm, lks_comm_rank(comm) != 0 || system(command) == 0);
}
