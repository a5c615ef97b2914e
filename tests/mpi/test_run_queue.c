#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "compare/run_queue.h"
#include "lockstep/network.h"
#include "support/mpi_test.h"

/* Teams of ranks take runs from a queue, as fast as each gets on; the runs are made up here. */

enum { RUNS = 23, STEPS = 4 };

/* What a made-up run does. */
typedef struct play {
  size_t diverges, fails, stops, warns; /* run of that number; LKS_NO_RUN: none */
  lks_status failure;
  bool slow_team; /* team 0's steps take long */
} play;

static const play plain = {LKS_NO_RUN, LKS_NO_RUN, LKS_NO_RUN, LKS_NO_RUN, LKS_OK, false};

/* What came of it. */
typedef struct came {
  int64_t made[RUNS]; /* ranks that made each, over all teams; then how often it was given out */
  size_t own;         /* runs of this rank's team */
  lks_queue_outcome outcome;
  lks_status status;
} came;

static void make_run(lks_run_queue *queue, const lks_teams *teams, size_t run, const play *p)
{
  lks_status status = LKS_OK;
  for (size_t step = 1; step <= STEPS; step++) {
    if (teams->number == 0 && p->slow_team) usleep(20000);
    lks_run_queue_step(queue, step, 10, 1.0);
    lks_run_queue_pulse(queue);
  }
  if (run == p->warns && lks_teams_leads(teams)) lks_warn("run %zu is odd", run);
  if (run == p->diverges) status = LKS_ERR_DIVERGED;
  if (run == p->fails) status = lks_fail(p->failure, "run %zu failed", run);
  if (run == p->stops) status = LKS_STOPPED;
  if (lks_teams_leads(teams)) lks_run_queue_ended(queue, run, status, STEPS, "");
}

static lks_status play_all(came *c, lks_comm *comm, int count, const play *p)
{
  lks_teams teams;
  lks_run_queue *queue;
  size_t steps[RUNS], run;
  *c = (came){.own = 0};
  for (size_t i = 0; i < RUNS; i++) steps[i] = STEPS;
  lks_status status = lks_teams_create_all(&teams, comm, count);
  if (status) return status;
  status = lks_run_queue_create_all(&queue, &teams, RUNS, steps, 0, NULL, NULL);
  if (!status) status = lks_run_queue_next_all(&run, queue);
  while (!status && run != LKS_NO_RUN) {
    if (run < RUNS) c->made[run]++;
    c->own++;
    make_run(queue, &teams, run, p);
    status = lks_run_queue_next_all(&run, queue);
  }
  const lks_status ended = lks_run_queue_end_all(&c->outcome, &queue);
  lks_teams_destroy_all(&teams);
  c->status = c->outcome.status;
  if (!status) status = ended;
  int code = MPI_Allreduce(MPI_IN_PLACE, c->made, RUNS, MPI_INT64_T, MPI_SUM, lks_comm_handle(comm));
  return code == MPI_SUCCESS ? status : LKS_ERR_RANK;
}

/* All ranks of one team made each run [0..runs), and nobody those behind them. */
static bool each_once(const came *c, int size, int teams, size_t runs)
{
  const int least = size / teams, most = (size + teams - 1) / teams;
  for (size_t i = 0; i < RUNS; i++) {
    if (i < runs && (c->made[i] < least || c->made[i] > most)) return false;
    if (i >= runs && c->made[i] != 0) return false;
  }
  return true;
}

/* Plays it on so many teams, which make the runs [0..runs). */
static void played_all(came *c, lks_comm *comm, int teams, const play *p, size_t runs)
{
  lks_assert_ok_all(comm, play_all(c, comm, teams, p));
  lks_assert_all(comm, each_once(c, lks_comm_size(comm), teams, runs));
}

static void test_each_run_once(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  for (int teams = 1; teams <= size; teams++) {
    came c;
    played_all(&c, comm, teams, &plain, RUNS);
    lks_assert_all(comm, c.status == LKS_OK && c.outcome.diverged == 0);
  }
}

/* A team that is slow takes fewer runs: the others don't wait for it. */
static void test_refilled(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  play p = plain;
  came c;
  p.slow_team = true;
  played_all(&c, comm, size, &p, RUNS);
  lks_assert_all(comm, lks_comm_rank(comm) > 0 || size == 1 || c.own < RUNS / (size_t)size + 1);
}

static void test_diverged(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  play p = plain;
  came c;
  p.diverges = 5;
  for (int teams = 1; teams <= size; teams += 2) {
    played_all(&c, comm, teams, &p, RUNS);
    lks_assert_all(comm, !c.status && c.outcome.diverged == 1 && c.outcome.first == 5 &&
                             c.outcome.first_at == STEPS);
  }
}

/* What is wrong with one run's files leaves the others alone; the message comes to all ranks. */
static void test_failed(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  play p = plain;
  came c;
  p.fails = 7;
  p.failure = LKS_ERR_IO;
  for (int teams = 1; teams <= size; teams += 2) {
    played_all(&c, comm, teams, &p, RUNS);
    lks_assert_all(comm, c.status == LKS_ERR_IO && strcmp(lks_message(), "run 7 failed") == 0);
  }
}

/* After any other failure no run begins any more; those under way come to their end. */
static void test_given_up(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  play p = plain;
  came c;
  p.fails = 2;
  p.failure = LKS_ERR_RANK;
  played_all(&c, comm, 1, &p, 3);
  lks_assert_all(comm, c.status == LKS_ERR_RANK);
  lks_assert_ok_all(comm, play_all(&c, comm, size, &p));
  lks_assert_all(comm, c.status == LKS_ERR_RANK && c.made[2] == 1);
}

/* One run that was asked to stop stops them all: each hears of it at its next mini-batch. */
static void test_stopped(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  lks_teams teams;
  lks_run_queue *queue;
  lks_queue_outcome outcome;
  size_t steps[RUNS] = {0}, run, step = 0;
  lks_assert_ok_all(comm, lks_teams_create_all(&teams, comm, size));
  lks_assert_ok_all(comm, lks_run_queue_create_all(&queue, &teams, RUNS, steps, 0, NULL, NULL));
  lks_status status = lks_run_queue_next_all(&run, queue);
  const bool first = run == 0;
  unsigned asked = 0;
  while (run != LKS_NO_RUN && !first && !(asked & LKS_REQUEST_STOP) && step < 1000000) {
    lks_run_queue_step(queue, ++step, 1, 0);
    asked |= lks_run_queue_requests(queue);
    usleep(100);
  }
  if (run != LKS_NO_RUN) lks_run_queue_ended(queue, run, LKS_STOPPED, step, "");
  const bool took_part = run != LKS_NO_RUN, told = first || (asked & LKS_REQUEST_STOP) || !took_part;
  if (!status && took_part) status = lks_run_queue_next_all(&run, queue);
  const lks_status ended = lks_run_queue_end_all(&outcome, &queue);
  lks_teams_destroy_all(&teams);
  lks_assert_ok_all(comm, status);
  lks_assert_ok_all(comm, ended);
  lks_assert_all(comm, told && run == LKS_NO_RUN && outcome.status == LKS_STOPPED);
}

static char warned[256];
static void take(void *context, const char *text)
{
  (void)context;
  snprintf(warned, sizeof warned, "%s", text);
}

/* Rank 0 says what any leader warns of, once. */
static void test_warning(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  play p = plain;
  came c;
  p.warns = RUNS - 1;
  p.slow_team = true; /* so that another one makes the last run */
  if (lks_comm_rank(comm) == 0) lks_log_divert(take, NULL);
  const lks_status status = play_all(&c, comm, size, &p);
  if (lks_comm_rank(comm) == 0) lks_log_divert(NULL, NULL);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, lks_comm_rank(comm) > 0 || strcmp(warned, "run 22 is odd") == 0);
}

/* Neighbours, and sizes that differ by one at most. */
static void test_teams(lks_comm *comm)
{
  bool ok = true;
  for (int size = 1; size <= 40; size++)
    for (int teams = 1; teams <= size; teams++) {
      int members[40] = {0}, least = size, most = 0;
      for (int rank = 0; rank < size; rank++) {
        const int team = lks_team_of(rank, size, teams),
                  before = lks_team_of(rank ? rank - 1 : 0, size, teams);
        ok = ok && team >= before && team <= before + 1 && team < teams;
        members[team < 40 ? team : 0]++;
      }
      for (int t = 0; t < teams; t++) {
        least = members[t] < least ? members[t] : least;
        most = members[t] > most ? members[t] : most;
      }
      ok = ok && least > 0 && most - least <= 1;
    }
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_teams),    LKS_MPI_TEST(test_each_run_once), LKS_MPI_TEST(test_refilled),
      LKS_MPI_TEST(test_diverged), LKS_MPI_TEST(test_failed),        LKS_MPI_TEST(test_given_up),
      LKS_MPI_TEST(test_stopped),  LKS_MPI_TEST(test_warning),
  };
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
