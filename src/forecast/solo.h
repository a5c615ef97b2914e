#ifndef LKS_FORECAST_SOLO_H
#define LKS_FORECAST_SOLO_H

#include "bench/bench_runner.h"
#include "forecast/cost_model.h"

/** Some ranks of a run train, all others sleep, so that they take no core from those. */
typedef struct lks_solo_run {
  const lks_bench_source *source; /* of the whole run; borrowed */
  lks_config config;
  double seconds;  /* that the measurement is to last */
  bool takes_part; /* whether this rank does; rank 0 always */
  bool alone;      /* each by itself, in runs of one rank; else all that take part in one run */
} lks_solo_run;

typedef struct lks_solo_result {
  double seconds; /* a step, median */
  double scatter; /* standard deviation of a step's time, from the quartiles; alone only */
  double forward; /* of it in the forward pass */
  double weights; /* of it in the gradients of weights; alone only */
  size_t hosts;   /* of the run that rank 0 was in */
} lks_solo_result;

/** Collective. Means over the ranks that took part, equal on all. */
lks_status lks_solo_measure_all(lks_solo_result *result, lks_comm *comm, const lks_solo_run *run);

/** Collective. What a rank's own work costs while other ranks of its host are at work too, each by itself: a
 * shard of `samples` samples and one of a single microbatch fix a line. takes_part: whether this rank is at
 * work, rank 0 always; config: of the whole run. */
lks_status lks_solo_calibrate_all(lks_cost_work *work, lks_comm *comm, const lks_bench_source *source,
                                  const lks_config *config, size_t samples, bool takes_part, double seconds);

#endif
