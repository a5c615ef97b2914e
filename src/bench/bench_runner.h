#ifndef LKS_BENCH_BENCH_RUNNER_H
#define LKS_BENCH_BENCH_RUNNER_H

#include "lockstep/dataset.h"
#include "lockstep/optimizer.h"
#include "lockstep/profile.h"
#include "model/op_times.h"
#include "train/setup.h"

/** What is trained when speed is measured: a model's text, and the samples of a dataset or made-up ones. */
typedef struct lks_bench_source {
  char *text;           /* owned */
  lks_dataset *dataset; /* owned; NULL: samples are made up */
  lks_shape shape;
  size_t classes;
  bool features;
  double *mean, *std; /* owned; of made-up samples */
} lks_bench_source;

/** Collective. config->data "" stands for made-up samples of this shape. */
lks_status lks_bench_source_open_all(lks_bench_source *source, lks_comm *comm, const lks_config *config,
                                     lks_shape shape, size_t classes);
void lks_bench_source_close_all(lks_bench_source *source);

/** Local. lks_config_check, which data "" passes too: made-up samples. */
lks_status lks_bench_config_check(lks_config *config);

/** A network with its optimizer and data, trained a few steps at a time. */
typedef struct lks_bench_runner lks_bench_runner;

/** Collective. config has been checked; source is borrowed, and may have been opened on another communicator
 * that has all ranks of this one. */
lks_status lks_bench_runner_create_all(lks_bench_runner **runner, lks_comm *comm,
                                       const lks_bench_source *source, const lks_config *config);
void lks_bench_runner_destroy_all(lks_bench_runner **runner);

/** Collective. Trains `steps` steps from a common start. images: of all ranks; seconds: of the slowest rank,
 * equal on all. The time of its parts is added to profile, whose LKS_PART_OTHER is what no other part has. */
lks_status lks_bench_runner_steps_all(lks_bench_runner *runner, size_t steps, double *images, double *seconds,
                                      lks_profile *profile);

/** Collective. Seconds of a step, and images a second, after two steps that may be slow: medians of `repeats` measurements that last so
 * many seconds each, or one step where that takes longer; at most LKS_BENCH_RUNNER_REPEATS. Equal on all ranks. */
lks_status lks_bench_runner_time_all(double *seconds, double *rate, lks_bench_runner *runner, double lasting,
                                     size_t repeats);
enum { LKS_BENCH_RUNNER_REPEATS = 8 };

/** Local. Bytes of network, optimizer and mini-batch. */
size_t lks_bench_runner_bytes(const lks_bench_runner *runner);

/** Local; borrowed. */
lks_network *lks_bench_runner_network(lks_bench_runner *runner);
lks_optimizer *lks_bench_runner_optimizer(lks_bench_runner *runner);
int lks_bench_runner_threads(const lks_bench_runner *runner);

#endif
