#include "train/time_table.h"

#include "base/log.h"

static const char *const traffic_name[LKS_TRAFFICS] = {"batch norm", "gradients", "end of step", "other"};

static void print_parts(const double *spread)
{
  double whole = spread[3 * LKS_PARTS + 1];
  lks_say("%-26s %9s %9s %9s %7s", "seconds", "min", "avg", "max", "share");
  for (int part = 0; part < LKS_PARTS; part++) {
    const double *s = spread + 3 * part;
    if (s[2] > 0)
      lks_say("%-26s %9.3f %9.3f %9.3f %6.1f%%", lks_part_name((lks_part)part), s[0], s[1], s[2],
              100 * s[1] / whole);
  }
}

lks_status lks_time_table_print_all(lks_comm *comm, const lks_profile *profile)
{
  double mine[LKS_PARTS + 1] = {0}, spread[3 * (LKS_PARTS + 1)];
  for (int part = 0; part < LKS_PARTS; part++) {
    mine[part] = profile->seconds[part];
    mine[LKS_PARTS] += profile->seconds[part];
  }
  lks_status status = lks_comm_spread_all(comm, spread, mine, LKS_PARTS + 1);
  if (status) return status;
  print_parts(spread);
  for (int t = 0; t < LKS_TRAFFICS && lks_comm_size(comm) > 1; t++) {
    lks_traffic_count count = lks_comm_traffic(comm, (lks_traffic)t);
    if (count.calls)
      lks_say("%-12s %10lld reductions, %12.3f MB from rank 0", traffic_name[t], (long long)count.calls,
              1e-6 * (double)count.bytes);
  }
  return LKS_OK;
}
