#include "lockstep/profile.h"

#include <time.h>

enum { DEEPEST = sizeof((lks_profile *)0)->stack / sizeof(lks_part) - 1 };

double lks_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Parts entered deeper than the stack are booked on the deepest one it holds. */
static lks_part running(const lks_profile *profile)
{
  return profile->stack[profile->depth < DEEPEST ? profile->depth : DEEPEST];
}

void lks_profile_start(lks_profile *profile)
{
  *profile = (lks_profile){.stack = {LKS_PART_OTHER}, .since = lks_seconds()};
  profile->calls[LKS_PART_OTHER] = 1;
}

void lks_profile_settle(lks_profile *profile)
{
  if (!profile) return;
  double now = lks_seconds();
  profile->seconds[running(profile)] += now - profile->since;
  profile->since = now;
}

void lks_profile_enter(lks_profile *profile, lks_part part)
{
  if (!profile) return;
  lks_profile_settle(profile);
  if (++profile->depth <= DEEPEST) profile->stack[profile->depth] = part;
  profile->calls[part]++;
}

void lks_profile_leave(lks_profile *profile)
{
  if (!profile || profile->depth == 0) return;
  lks_profile_settle(profile);
  profile->depth--;
}

const char *lks_part_name(lks_part part)
{
  static const char *const name[LKS_PARTS] = {
      [LKS_PART_DATA] = "data",
      [LKS_PART_FORWARD] = "forward",
      [LKS_PART_BACKWARD] = "backward",
      [LKS_PART_OPTIMIZER] = "optimizer",
      [LKS_PART_BN_COMM] = "batch-norm communication",
      [LKS_PART_GRADIENT_COMM] = "gradient communication",
      [LKS_PART_STEP_COMM] = "step communication",
      [LKS_PART_EVALUATION] = "evaluation",
      [LKS_PART_CHECKPOINT] = "checkpoint",
      [LKS_PART_OTHER] = "other",
  };
  return name[part];
}
