#include "compare/teams.h"

#include "comm/split.h"

int lks_team_of(int rank, int size, int teams)
{
  int team = 0;
  while ((long long)(team + 1) * size / teams <= rank) team++;
  return team;
}

static lks_status split_all(lks_teams *teams)
{
  const int rank = lks_comm_rank(teams->all);
  teams->number = lks_team_of(rank, lks_comm_size(teams->all), teams->count);
  lks_status status = lks_comm_split_all(&teams->own, teams->all, teams->number);
  if (status) return status;
  status = lks_comm_split_all(&teams->leaders, teams->all, lks_teams_leads(teams) ? 0 : -1);
  if (!status) lks_comm_wait_within(teams->number + 1);
  return status;
}

lks_status lks_teams_create_all(lks_teams *teams, lks_comm *all, int count)
{
  *teams = (lks_teams){.all = all, .own = all, .count = count};
  if (count == 1) return LKS_OK;
  const lks_status status = split_all(teams);
  if (status) lks_teams_destroy_all(teams);
  return status;
}

void lks_teams_destroy_all(lks_teams *teams)
{
  if (teams->count > 1) {
    lks_comm_wait_within(0);
    lks_comm_destroy_all(&teams->leaders);
    if (teams->own != teams->all) lks_comm_destroy_all(&teams->own);
  }
  *teams = (lks_teams){.all = teams->all, .own = teams->all, .count = 1};
}
