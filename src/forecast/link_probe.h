#ifndef LKS_FORECAST_LINK_PROBE_H
#define LKS_FORECAST_LINK_PROBE_H

#include "forecast/cost_model.h"
#include "lockstep/comm.h"

/** Collective. Measures what a reduction and a message cost: `inside` between two ranks of a host, `between`
 * two ranks of two hosts, both untouched where there are no two such ranks; `oversubscribed_latency`
 * when this run has more ranks on a host than host_ranks. Other ranks sleep meanwhile. Equal on all ranks. */
lks_status lks_link_probe_all(lks_cost_machine *machine, lks_comm *comm);

/** Collective. Waits for all ranks without taking a core from those that still work. */
lks_status lks_sleep_until_all(lks_comm *comm);

#endif
