#include "comm/stall.h"

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
