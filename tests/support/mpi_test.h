#ifndef LKS_TESTS_MPI_TEST_H
#define LKS_TESTS_MPI_TEST_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm.h"

/** Tests that run on every rank at once: tests/mpi/test_X.c, started under mpirun at several rank counts.
 *
 *    static void test_sum(lks_comm *comm)
 *    {
 *      bool ok = ...;                      work it out alone, on every rank
 *      lks_assert_all(comm, ok);           passes or fails on all ranks together
 *    }
 *    static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_sum)};
 *    int main(int argc, char **argv) { return LKS_MPI_TEST_MAIN(argc, argv, tests); }
 *
 *  Rules:
 *  - Assert with lks_assert_all wherever a collective call follows. A cmocka assertion that fails on one rank
 * alone takes that rank out of step; the program is then ended (MPI_Abort) with that rank's report, before
 * the next test.
 *  - `comm` covers all ranks, lives for the whole program and has a stall limit of lks_test_patience(60): a
 * hang ends with a message. A reference that one process computes can use a communicator over MPI_COMM_SELF.
 *  - Every test must free what it made: lks_allocations_open() is compared on every rank after each test.
 *
 *  Rank 0 alone prints cmocka's report; the exit code is 1 on all ranks if any test failed on any rank. */
typedef struct lks_mpi_test {
  const char *name;
  void (*run)(lks_comm *comm);
} lks_mpi_test;

#define LKS_MPI_TEST(function)                                                                               \
  {                                                                                                          \
#function, function                                                                                      \
  }
#define LKS_MPI_TEST_MAIN(argc, argv, tests)                                                                 \
  lks_mpi_test_main(&(argc), &(argv), tests, sizeof(tests) / sizeof *(tests))

/** Collective over MPI_COMM_WORLD. Starts MPI (MPI_THREAD_FUNNELED), runs the tests, ends MPI. Returns the
 * exit code. */
int lks_mpi_test_main(int *argc, char ***argv, const lks_mpi_test *tests, size_t count);

/** Local. How long a sound rank may be waited for on this machine, in whole seconds: so many with two idle
 * cores, and the root of LOCKSTEP_TEST_SLOWNESS times as many elsewhere, as `patience` of time.sh has it. */
double lks_test_patience(double seconds);

/** Collective. Goes on if `condition` holds on every rank; fails the test on every rank otherwise, and the
 * report names the ranks (the first 64) on which it did not hold. */
#define lks_assert_all(comm, condition) lks_assert_all_at(comm, condition, #condition, __FILE__, __LINE__)
void lks_assert_all_at(lks_comm *comm, bool condition, const char *text, const char *file, int line);

/** Collective. lks_assert_all that a status is LKS_OK; the report shows the message of the lowest rank where
 * it is not. */
#define lks_assert_ok_all(comm, status) lks_assert_ok_all_at(comm, status, #status, __FILE__, __LINE__)
void lks_assert_ok_all_at(lks_comm *comm, lks_status status, const char *text, const char *file, int line);

/** Collective. A new temporary folder of all ranks; and its end, with all in it. */
void lks_test_folder_all(lks_comm *comm, char folder[64]);
void lks_test_folder_remove_all(lks_comm *comm, const char *folder);

#endif
