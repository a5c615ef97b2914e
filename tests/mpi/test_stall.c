#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/life.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* Without arguments: what a stall limit must not do. With arguments "stop RANK", "kill RANK" or "hang RANK" it is
 * the program of tests/fault/stall.sh, in which that rank stops, dies, or does something else for ever, and the
 * others wait for it in an agreement. */

static double
    limit_seconds; /* 2, of the machine that the tests' times are made for: it may stop for most of one */

static void sleep_seconds(double seconds)
{
  usleep((useconds_t)(seconds * 1e6));
}

/* Whether a communicator with this limit still works after rank 0 came `late` seconds after the others, three
 * times. */
static bool works(lks_comm *comm, double limit, double late, int times)
{
  bool ok = true;
  lks_comm_stall_limit(comm, limit_seconds);
  lks_comm_stall_limit(comm, limit);
  for (int i = 0; i < times; i++) {
    if (lks_comm_rank(comm) == 0) sleep_seconds(late);
    ok = lks_comm_agree_all(comm, LKS_OK) == LKS_OK && ok;
  }
  return ok;
}

/* The limit holds for one call, not for the sum of several. */
static void test_waiting_below_the_limit(lks_comm *comm)
{
  lks_comm *own;
  lks_assert_ok_all(comm, lks_comm_create_all(&own, MPI_COMM_WORLD));
  lks_assert_all(comm, works(own, limit_seconds, 0.6 * limit_seconds, 2));
  lks_comm_destroy_all(&own);
}

/* A rank that computes, or waits for a file, waits for no other rank. */
static void test_working_beyond_the_limit(lks_comm *comm)
{
  lks_comm *own;
  lks_assert_ok_all(comm, lks_comm_create_all(&own, MPI_COMM_WORLD));
  lks_comm_stall_limit(own, limit_seconds);
  sleep_seconds(1.5 * limit_seconds);
  lks_assert_ok_all(comm, lks_comm_agree_all(own, LKS_OK));
  lks_comm_destroy_all(&own);
}

/* Others wait longer than the limit for a rank that works, and shows it. */
static void test_slow_work_that_shows(lks_comm *comm)
{
  lks_comm *own;
  lks_assert_ok_all(comm, lks_comm_create_all(&own, MPI_COMM_WORLD));
  lks_comm_stall_limit(own, limit_seconds);
  for (int piece = 0; piece < 10 && lks_comm_rank(own) == 0; piece++) {
    sleep_seconds(0.3 * limit_seconds);
    lks_life_beat();
  }
  lks_assert_ok_all(comm, lks_comm_agree_all(own, LKS_OK));
  lks_comm_destroy_all(&own);
}

static unsigned long long beats(void)
{
  return atomic_load(&atomic_load(&lks_life_own)->beats);
}

/* A step may last longer than the limit: each layer shows that the rank gets on, on the way up, on the way down, and with the
 * gradients of its weights. */
static void test_each_layer_shows(lks_comm *comm)
{
  static const char text[] = "dense 9\ndense 9\ndense 9\ndense 9\ndense 9\ndense 9\ndense 9\ndense classes\n";
  enum { LAYERS = 8 };
  const lks_network_options o = options("none", 1);
  subject s;
  lks_pass_result result;
  make_data();
  lks_status status = subject_create(&s, comm, text, &o);
  if (!status) status = lks_network_prepare(s.network, MICROBATCH, false);
  const unsigned long long before = beats();
  if (!status) status = pass(&s, &result, LKS_PASS_TRAIN, 0, MICROBATCH, 0); /* rank 0 has all of it */
  const unsigned long long shown = beats() - before;
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, lks_comm_rank(comm) > 0 || shown >= 3 * LAYERS);
}

static void test_limit_taken_back(lks_comm *comm)
{
  lks_comm *own;
  lks_assert_ok_all(comm, lks_comm_create_all(&own, MPI_COMM_WORLD));
  lks_assert_all(comm, works(own, 0, 1.5 * limit_seconds, 1));
  lks_comm_destroy_all(&own);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_waiting_below_the_limit), LKS_MPI_TEST(test_working_beyond_the_limit),
    LKS_MPI_TEST(test_slow_work_that_shows),    LKS_MPI_TEST(test_each_layer_shows),
    LKS_MPI_TEST(test_limit_taken_back),
};

static int run_victim(int signal_number, int victim)
{
  lks_comm *comm;
  MPI_Init(NULL, NULL);
  if (lks_comm_create_all(&comm, MPI_COMM_WORLD) != LKS_OK) return EXIT_FAILURE;
  signal(SIGTERM, SIG_IGN); /* the worst case: a waiting rank that mpirun's first signal does not end */
  lks_comm_stall_limit(comm, limit_seconds);
  lks_status status = lks_comm_agree_all(comm, LKS_OK);
  if (lks_comm_rank(comm) == victim && signal_number) raise(signal_number);
  while (lks_comm_rank(comm) == victim && !signal_number) pause();
  if (!status) status = lks_comm_agree_all(comm, LKS_OK);
  lks_comm_destroy_all(&comm);
  MPI_Finalize();
  return status;
}

int main(int argc, char **argv)
{
  limit_seconds = lks_test_patience(2);
  if (argc == 3 && strcmp(argv[1], "stop") == 0) return run_victim(SIGSTOP, atoi(argv[2]));
  if (argc == 3 && strcmp(argv[1], "kill") == 0) return run_victim(SIGKILL, atoi(argv[2]));
  if (argc == 3 && strcmp(argv[1], "hang") == 0) return run_victim(0, atoi(argv[2]));
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
