#include "forecast/solo.h"

#include <math.h>
#include <string.h>

#include "base/integers.h"
#include "base/life.h"
#include "comm/split.h"
#include "forecast/link_probe.h"
#include "statistics/statistics.h"

enum { REPEATS = 5, STEPS_MOST = 200, COLD = 2, WARM = 3 };

/* Quartiles of normal numbers are so many standard deviations apart. */
#define QUARTILES 1.349

/* A rank that waits for nobody is timed step by step; else some runs of steps. */
static void divide(size_t *runs, size_t *steps, double fitting, bool alone)
{
  size_t wanted = (size_t)fmax(fitting, REPEATS);
  *runs = alone ? lks_min(wanted, STEPS_MOST) : REPEATS;
  *steps = alone ? 1 : lks_divide_up(wanted, REPEATS);
}

static lks_status time_steps_all(lks_solo_result *result, lks_bench_runner *runner, double duration,
                                 bool alone)
{
  lks_profile unused = {0}, profile = {0};
  double images, elapsed, run[STEPS_MOST];
  size_t runs, steps;
  lks_status status = lks_bench_runner_steps_all(runner, COLD, &images, &elapsed, &unused);
  if (!status) status = lks_bench_runner_steps_all(runner, WARM, &images, &elapsed, &unused);
  if (status) return status;
  divide(&runs, &steps, duration * WARM / elapsed, alone);
  for (size_t r = 0; r < runs && !status; r++) {
    status = lks_bench_runner_steps_all(runner, steps, &images, &elapsed, &profile);
    run[r] = elapsed / (double)steps;
  }
  if (status) return status;
  result->seconds = lks_quantile(run, runs, 0.5);
  result->scatter = (lks_quantile(run, runs, 0.75) - lks_quantile(run, runs, 0.25)) / QUARTILES;
  result->forward = profile.seconds[LKS_PART_FORWARD] / (double)(runs * steps);
  return LKS_OK;
}

static lks_status time_weights_all(double *seconds, lks_bench_runner *runner)
{
  lks_op_times *times;
  lks_profile unused = {0};
  lks_network *network = lks_bench_runner_network(runner);
  double images, elapsed;
  lks_status status = lks_op_times_create(&times, network);
  if (status) return status;
  lks_network_op_times(network, times);
  status = lks_bench_runner_steps_all(runner, WARM, &images, &elapsed, &unused);
  lks_network_op_times(network, NULL);
  for (int o = 0; o < times->ops; o++) *seconds += lks_op_times_seconds(times, o, LKS_WORK_WEIGHTS) / WARM;
  lks_op_times_destroy(&times);
  return status;
}

static lks_status measure_part_all(lks_solo_result *result, lks_comm *comm, const lks_solo_run *run)
{
  lks_bench_runner *runner = NULL;
  lks_status status = lks_bench_runner_create_all(&runner, comm, run->source, &run->config);
  if (!status) status = time_steps_all(result, runner, run->seconds, run->alone);
  if (!status && run->alone) status = time_weights_all(&result->weights, runner);
  lks_bench_runner_destroy_all(&runner);
  result->hosts = (size_t)lks_comm_node_count(comm);
  return status;
}

static lks_status share_all(lks_solo_result *result, lks_comm *comm)
{
  double *const value[] = {&result->seconds, &result->scatter, &result->forward, &result->weights};
  enum { VALUES = sizeof value / sizeof *value };
  double mine[VALUES + 1] = {[VALUES] = result->seconds > 0}, spread[3 * VALUES + 3];
  for (int v = 0; v < VALUES; v++) mine[v] = *value[v];
  lks_status status = lks_comm_spread_all(comm, spread, mine, VALUES + 1);
  if (!status) status = lks_comm_broadcast_all(comm, &result->hosts, sizeof result->hosts, 0);
  if (status) return status;
  const double part = spread[3 * VALUES + 1]; /* of the ranks */
  for (int v = 0; v < VALUES; v++) *value[v] = spread[3 * v + 1] / part;
  return LKS_OK;
}

lks_status lks_solo_measure_all(lks_solo_result *result, lks_comm *comm, const lks_solo_run *run)
{
  int rank = lks_comm_rank(comm), color = !run->takes_part ? -1 : run->alone ? rank : 0;
  lks_comm *own;
  *result = (lks_solo_result){0};
  lks_status status = lks_comm_split_all(&own, comm, color);
  if (status) return status;
  if (own != NULL) {
    status = measure_part_all(result, own, run);
    lks_comm_destroy_all(&own);
  }
  status = lks_status_worse(status, lks_sleep_until_all(comm));
  status = lks_comm_agree_all(comm, status);
  return status ? status : share_all(result, comm);
}

/* A shard is its own normalization batch: what a larger one would add is communication. */
static lks_status measure_shard_all(lks_solo_result *result, lks_comm *comm, lks_solo_run *run,
                                    size_t samples)
{
  run->config.batch_size = samples;
  return lks_solo_measure_all(result, comm, run);
}

/* On the host of rank 0. */
static lks_status count_at_work_all(double *at_work, lks_comm *comm, bool takes_part)
{
  int count = takes_part;
  lks_life_wait(LKS_WAIT_AGREEMENT);
  int code = MPI_Allreduce(MPI_IN_PLACE, &count, 1, MPI_INT, MPI_SUM, lks_comm_node_handle(comm));
  lks_life_go();
  *at_work = count;
  lks_status status = code == MPI_SUCCESS ? LKS_OK : lks_fail(LKS_ERR_RANK, "MPI_Allreduce failed");
  status = lks_comm_agree_all(comm, status);
  return status ? status : lks_comm_broadcast_all(comm, at_work, sizeof *at_work, 0);
}

lks_status lks_solo_calibrate_all(lks_cost_work *work, lks_comm *comm, const lks_bench_source *source,
                                  const lks_config *config, size_t samples, bool takes_part, double seconds)
{
  lks_solo_run run = {
      .source = source, .config = *config, .seconds = seconds, .takes_part = takes_part, .alone = true};
  lks_solo_result shard, one;
  double microbatches = ceil((double)samples / (double)config->microbatch);
  if (config->bn.kind != LKS_NORM_NONE) run.config.bn = (lks_norm){LKS_NORM_SYNC, 0};
  lks_status status = measure_shard_all(&shard, comm, &run, samples);
  if (!status) status = measure_shard_all(&one, comm, &run, config->microbatch);
  if (!status) status = count_at_work_all(&work->at_work, comm, takes_part);
  if (status) return status;
  double slope = microbatches > 1 ? (shard.seconds - one.seconds) / (microbatches - 1) : shard.seconds;
  work->microbatch = fmin(fmax(slope, 0), shard.seconds / microbatches);
  work->fixed = shard.seconds - microbatches * work->microbatch;
  work->scatter = shard.scatter / sqrt(microbatches);
  work->forward = shard.forward / microbatches;
  work->weights = shard.weights / microbatches;
  return LKS_OK;
}
