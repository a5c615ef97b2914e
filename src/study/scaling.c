#include "study/scaling.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "study/link_probe.h"
#include "study/statistics.h"

enum { REPEATS = 5, COLD = 2, WARM = 3 };

typedef struct predicting {
  lks_scaling *predict;
  lks_comm *comm;
  const lks_bench *bench;
  lks_bench_source source;
} predicting;

static lks_config config_of(const predicting *p, size_t arm, size_t batch)
{
  lks_config config = p->bench->arm[arm].config;
  config.data[0] = '\0';
  config.batch_size = batch;
  config.threads = (size_t)p->bench->threads;
  return config;
}

/* Seconds a step: the median of some measurements. */
static lks_status time_runner_all(double *seconds, lks_bench_runner *runner, double duration)
{
  lks_profile unused = {0};
  double images, elapsed, run[REPEATS];
  lks_status status = lks_bench_runner_steps_all(runner, COLD, &images, &elapsed, &unused);
  if (!status) status = lks_bench_runner_steps_all(runner, WARM, &images, &elapsed, &unused);
  if (status) return status;
  size_t steps = (size_t)(duration * WARM / elapsed) + 1;
  for (int r = 0; r < REPEATS && !status; r++) {
    status = lks_bench_runner_steps_all(runner, steps, &images, &elapsed, &unused);
    run[r] = elapsed / (double)steps;
  }
  if (!status) *seconds = lks_quantile(run, REPEATS, 0.5);
  return status;
}

static lks_status time_arm_all(double *seconds, const predicting *p, lks_comm *comm, size_t arm, size_t batch)
{
  lks_bench_runner *runner = NULL;
  const lks_config config = config_of(p, arm, batch);
  lks_status status = lks_bench_runner_create_all(&runner, comm, &p->source, &config);
  if (!status) status = time_runner_all(seconds, runner, p->bench->options.seconds / REPEATS);
  lks_bench_runner_destroy_all(&runner);
  return status;
}

/* Ranks up to `count`, or this one alone, measure one arm; all others sleep. seconds: 0 on those. */
static lks_status time_some_all(double *seconds, const predicting *p, bool takes_part, bool alone, size_t arm,
                                size_t batch, size_t *hosts)
{
  int rank = lks_comm_rank(p->comm);
  MPI_Comm part = MPI_COMM_NULL;
  lks_comm *comm = NULL;
  *seconds = 0;
  int color = !takes_part ? MPI_UNDEFINED : alone ? rank : 0;
  int code = MPI_Comm_split(lks_comm_handle(p->comm), color, rank, &part);
  lks_status status = code == MPI_SUCCESS ? LKS_OK : lks_fail(LKS_ERR_RANK, "MPI_Comm_split failed");
  if (part != MPI_COMM_NULL) {
    status = lks_comm_create_all(&comm, part);
    if (!status) status = time_arm_all(seconds, p, comm, arm, batch);
    if (!status && hosts) *hosts = (size_t)lks_comm_node_count(comm);
    lks_comm_destroy_all(&comm);
    MPI_Comm_free(&part);
  }
  status = lks_status_worse(status, lks_sleep_until_all(p->comm));
  return lks_comm_agree_all(p->comm, status);
}

/* Mean over the ranks that measured. */
static lks_status mean_all(double *mean, lks_comm *comm, double seconds)
{
  double values[] = {seconds, seconds > 0}, spread[6];
  lks_status status = lks_comm_spread_all(comm, spread, values, 2);
  if (!status) *mean = spread[4] > 0 ? spread[1] / spread[4] : 0;
  return status;
}

/* A rank by itself while all cores of its host work: a step of its shard, and one of a single microbatch,
 * fix a line. */
static lks_status calibrate_all(predicting *p)
{
  lks_cost_machine *m = &p->predict->machine;
  size_t microbatch = p->bench->microbatch, samples = p->predict->samples;
  double microbatches = ceil((double)samples / (double)microbatch), whole, one, mean_whole, mean_one;
  bool works = lks_comm_node_rank(p->comm) < m->host_ranks;
  lks_status status = time_some_all(&whole, p, works, true, 0, samples, NULL);
  if (!status) status = mean_all(&mean_whole, p->comm, whole);
  if (!status) status = time_some_all(&one, p, works, true, 0, microbatch, NULL);
  if (!status) status = mean_all(&mean_one, p->comm, one);
  if (status) return status;
  m->microbatch = microbatches > 1 ? (mean_whole - mean_one) / (microbatches - 1) : mean_whole;
  m->fixed = mean_whole - microbatches * m->microbatch;
  if (m->fixed < 0) m->fixed = 0;
  const lks_bench_arm *arm = &p->bench->arm[0];
  double own = (double)p->bench->batch / ((double)p->bench->ranks * (double)microbatch);
  for (size_t l = 0; l < arm->layers; l++) m->weights += arm->layer[l].work[LKS_WORK_WEIGHTS].seconds / own;
  return LKS_OK;
}

static lks_status predict_at(const predicting *p, lks_scaling_point *point, const lks_stages *stages)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; a < p->bench->arms && !status; a++) {
    const lks_config *config = &p->bench->arm[a].config;
    lks_cost_run run = {.ranks = point->ranks,
                        .hosts = point->hosts,
                        .batch = point->ranks * p->predict->samples,
                        .microbatch = p->bench->microbatch,
                        .reduce = strcmp(config->reduce, "mpi") == 0 ? LKS_REDUCE_MPI : LKS_REDUCE_TREE};
    status = lks_norm_parse(&run.norm, config->bn);
    if (!status) status = lks_cost_step(&point->cost[a], &p->predict->machine, &run, stages);
  }
  return status;
}

static lks_status check_all(const predicting *p, const lks_stages *stages)
{
  lks_scaling *predict = p->predict;
  size_t size = (size_t)lks_comm_size(p->comm);
  lks_status status = LKS_OK;
  for (size_t ranks = 1; !status && predict->checks < LKS_CHECKS_MAX; ranks *= 2) {
    if (ranks > size) ranks = size;
    lks_scaling_point *point = &predict->check[predict->checks++];
    *point = (lks_scaling_point){.ranks = ranks, .hosts = 1};
    bool works = (size_t)lks_comm_rank(p->comm) < ranks;
    for (size_t a = 0; a < p->bench->arms && !status; a++) {
      double seconds;
      status = time_some_all(&seconds, p, works, false, a, ranks * predict->samples, &point->hosts);
      if (!status) status = mean_all(&point->measured[a], p->comm, seconds);
    }
    if (!status)
      status =
          lks_comm_broadcast_all(p->comm, &point->hosts, sizeof point->hosts, 0); /* rank 0 works always */
    if (!status) status = lks_comm_agree_all(p->comm, predict_at(p, point, stages));
    if (ranks == size) break;
  }
  return status;
}

static lks_status forecast(const predicting *p, const lks_stages *stages)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < LKS_FORECASTS && !status; i++) {
    size_t ranks = (size_t)2 << i, on_host = (size_t)p->predict->machine.host_ranks;
    p->predict->forecast[i] = (lks_scaling_point){.ranks = ranks, .hosts = (ranks + on_host - 1) / on_host};
    status = predict_at(p, &p->predict->forecast[i], stages);
  }
  return status;
}

/* What the model knows of the network: layers and stages, no data. */
static lks_status compile(lks_model **model, lks_stages **stages, const predicting *p)
{
  const lks_config *config = &p->bench->arm[0].config;
  lks_status status = lks_model_parse(model, p->source.text, config->model, p->bench->shape,
                                      p->bench->classes, strcmp(config->bn, "none") == 0);
  return status ? status : lks_stages_create(stages, *model, p->bench->microbatch);
}

static lks_status run_all(predicting *p)
{
  lks_model *model = NULL;
  lks_stages *stages = NULL;
  const lks_config config = config_of(p, 0, p->bench->batch);
  lks_status status =
      lks_bench_source_open_all(&p->source, p->comm, &config, p->bench->shape, p->bench->classes);
  if (!status) status = lks_comm_agree_all(p->comm, compile(&model, &stages, p));
  if (!status) status = lks_link_probe_all(&p->predict->machine, p->comm);
  if (!status) status = calibrate_all(p);
  if (!status) status = check_all(p, stages);
  if (!status) status = lks_comm_agree_all(p->comm, forecast(p, stages));
  lks_stages_destroy(&stages);
  lks_model_destroy(&model);
  lks_bench_source_close_all(&p->source);
  return status;
}

static void prepare(predicting *p, const lks_scaling_options *options)
{
  size_t ranks = (size_t)p->bench->ranks;
  long cores = sysconf(_SC_NPROCESSORS_ONLN) / p->bench->threads;
  p->predict->samples = options->samples ? options->samples : (p->bench->batch + ranks - 1) / ranks;
  if (p->predict->samples < p->bench->microbatch) p->predict->samples = p->bench->microbatch;
  p->predict->between_measured = p->bench->hosts > 1;
  p->predict->machine =
      (lks_cost_machine){.host_ranks = cores > 1 ? (double)cores : 1,
                         .between = {options->latency, 1 / options->bandwidth, options->latency / 4}};
}

lks_status lks_scaling_predict_all(lks_scaling **predict, lks_comm *comm, const lks_bench *bench,
                                   const lks_scaling_options *options)
{
  predicting p = {.predict = lks_new(1, sizeof *p.predict), .comm = comm, .bench = bench};
  *predict = p.predict;
  lks_status status = lks_comm_agree_all(comm, p.predict ? LKS_OK : LKS_ERR_RANK);
  if (!status && p.predict) {
    prepare(&p, options);
    status = run_all(&p);
  }
  if (!status) return LKS_OK;
  lks_free(p.predict);
  *predict = NULL;
  return status;
}
