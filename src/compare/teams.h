#ifndef LKS_COMPARE_TEAMS_H
#define LKS_COMPARE_TEAMS_H

#include "lockstep/comm.h"

/** The ranks of a job in teams, each of which makes one run at a time: neighbours, so that those of a host stay together. */
typedef struct lks_teams {
  lks_comm *all; /* borrowed */
  lks_comm *own; /* of this rank's team; all, when there is one team */
  lks_comm
      *leaders; /* rank 0 of each team, in the order of the teams; NULL on other ranks, and with one team */
  int count, number; /* number: of this rank's */
} lks_teams;

/** Local. The team of a rank, of `size`. No two teams differ by more than one rank. */
int lks_team_of(int rank, int size, int teams);

/** Collective over all. count: at most as many as ranks. The watch over the ranks looks at each team by itself from here on. */
lks_status lks_teams_create_all(lks_teams *teams, lks_comm *all, int count);
/** Collective over all. */
void lks_teams_destroy_all(lks_teams *teams);

/** Local. */
static inline bool lks_teams_leads(const lks_teams *teams)
{
  return lks_comm_rank(teams->own) == 0;
}

#endif
