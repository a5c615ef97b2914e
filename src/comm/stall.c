#include "comm/stall.h"

#define OTHER_NODES 5.0 /* seconds that they wait longer, */
#define A_NODE 0.5      /* and each of them longer than the one before it; */
#define A_RANK 4.0      /* or each process: mpirun takes 2 to end the others */
#define LONG_WORK 10.0  /* times the limit: what other nodes wait while one may work alone for long */
enum { MOST_NODES = 60, MOST_RANKS = 8 };

static int bounded(int place, int most)
{
  if (place < 0) return 0;
  return place > most ? most : place;
}

double lks_stall_patience(double limit, int rank, int ranks, bool alone)
{
  return limit * (alone ? LONG_WORK : 1) + OTHER_NODES + A_NODE * bounded(rank / ranks, MOST_NODES);
}

double lks_stall_patience_at_start(double limit, int rank)
{
  return limit + OTHER_NODES + A_RANK * bounded(rank, MOST_RANKS);
}

static bool is_waiting(const lks_silence *s)
{
  return s->waits && !s->lost;
}

lks_stall lks_stall_judge(size_t *who, const lks_silence *silence, size_t ranks, double here,
                          double elsewhere)
{
  size_t missing = ranks;
  bool waited = false, all_long = true;
  for (size_t r = 0; r < ranks; r++) {
    const lks_silence *s = &silence[r];
    const bool silent = s->seconds > here;
    if (!is_waiting(s) && !silent) return LKS_STALL_NONE;
    if (!is_waiting(s) && missing == ranks) missing = r;
    waited = waited || (is_waiting(s) && silent);
    all_long = all_long && s->seconds > elsewhere;
  }
  *who = missing;
  if (missing < ranks) return waited ? LKS_STALL_HERE : LKS_STALL_NONE;
  return all_long ? LKS_STALL_ELSEWHERE : LKS_STALL_NONE;
}
