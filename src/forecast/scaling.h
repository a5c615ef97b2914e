#ifndef LKS_FORECAST_SCALING_H
#define LKS_FORECAST_SCALING_H

#include "bench/bench.h"
#include "forecast/cost_model.h"

/** From 2 to 4,096 ranks by doubling; and the rank counts of this run that the model is checked at. */
enum { LKS_FORECASTS = 12, LKS_CHECKS_MAX = 16 };

typedef struct lks_scaling_options {
  size_t samples;    /* of a rank in a mini-batch, at any rank count; 0: as in this run */
  size_t host_ranks; /* of a host that is foretold; 0: as many as this one has cores for */
  double latency;    /* seconds, between hosts, assumed where it cannot be measured ... */
  double bandwidth;  /* ... and bytes a second */
} lks_scaling_options;

typedef struct lks_scaling_point {
  size_t ranks, hosts;
  lks_cost cost[LKS_BENCH_ARMS_MAX];   /* 0: the mini-batch is too small for the arm's batch norm */
  double measured[LKS_BENCH_ARMS_MAX]; /* seconds a step; 0: not measured */
} lks_scaling_point;

typedef struct lks_scaling {
  size_t samples, host_ranks; /* of a rank; of a host that is foretold */
  lks_cost_machine machine;   /* with the ranks that this host has cores for */
  lks_cost_work work[LKS_BENCH_ARMS_MAX];
  bool between_measured;
  size_t checks;
  lks_scaling_point check[LKS_CHECKS_MAX], forecast[LKS_FORECASTS];
} lks_scaling;

/** Collective. After lks_bench_measure_all, of the same arms: measures links and a rank by itself (with all
 * cores of its host at work), foretells, and checks the model by real steps on the first 1, 2, 4 ... ranks,
 * the others asleep. Samples are made up. */
lks_status lks_scaling_forecast_all(lks_scaling **scaling, lks_comm *comm, const lks_bench *bench,
                                    const lks_scaling_options *options);

/** Local. */
void lks_scaling_print(FILE *out, const lks_scaling *scaling, const lks_bench *bench);
void lks_scaling_print_json(lks_json *json, const lks_scaling *scaling, const lks_bench *bench);

#endif
