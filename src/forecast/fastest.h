#ifndef LKS_FORECAST_FASTEST_H
#define LKS_FORECAST_FASTEST_H

#include <stdio.h>

#include "base/json.h"
#include "bench/bench_runner.h"

/** Settings that change how fast a network is trained, and were tried. */
typedef struct lks_trial {
  int ranks;
  size_t threads, microbatch; /* threads: of each rank */
  lks_type precision;
  double rate; /* images a second: median of some measurements */
} lks_trial;

enum { LKS_TRIALS_MAX = 64 };

typedef struct lks_fastest {
  lks_config config;   /* as given */
  size_t trials, best; /* the first one is as given */
  lks_trial trial[LKS_TRIALS_MAX];
  int cores; /* that a rank is bound to at least */
} lks_fastest;

/** Collective; arguments equal on all ranks. Looks for the fastest settings of a network on this machine: first for precision and
 * microbatch with all ranks, then for fewer ranks with more threads, as far as ranks may use the cores of others. config:
 * its data "" for made-up samples of shape. seconds: of a measurement. Equal on all ranks. */
lks_status lks_fastest_find_all(lks_fastest *fastest, lks_comm *comm, const lks_config *config,
                                lks_shape shape, size_t classes, double seconds);

/** Local. The table, and the command line to use. */
void lks_fastest_print(FILE *out, const lks_fastest *fastest);
/** Local. The same, as members of the object that is open. */
void lks_fastest_print_json(lks_json *json, const lks_fastest *fastest);

#endif
