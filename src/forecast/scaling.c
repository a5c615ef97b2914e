#include "forecast/scaling.h"

#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/integers.h"
#include "forecast/link_probe.h"
#include "forecast/solo.h"

typedef struct forecasting {
  lks_scaling *scaling;
  lks_comm *comm;
  const lks_bench *bench;
  lks_bench_source source;
} forecasting;

static lks_config config_of(const forecasting *p, size_t arm, size_t batch)
{
  lks_config config = p->bench->arm[arm].config;
  config.data[0] = '\0';
  config.batch_size = batch;
  config.threads = (size_t)p->bench->threads;
  return config;
}

/* Arms of one precision do the same work: normalization batches and reductions are communication. */
static lks_status calibrate_all(lks_cost_work work[LKS_BENCH_ARMS_MAX], const forecasting *p, bool takes_part)
{
  const lks_bench_arm *arm = p->bench->arm;
  lks_status status = LKS_OK;
  for (size_t a = 0; a < p->bench->arms && !status; a++) {
    size_t same = 0;
    while (arm[same].config.precision != arm[a].config.precision) same++;
    const lks_config config = config_of(p, a, p->bench->batch);
    if (same == a)
      status = lks_solo_calibrate_all(&work[a], p->comm, &p->source, &config, p->scaling->samples, takes_part,
                                      p->bench->options.seconds);
    else
      work[a] = work[same];
  }
  return status;
}

static bool fits(const lks_norm *norm, size_t batch)
{
  return (norm->kind != LKS_NORM_SIZE && norm->kind != LKS_NORM_RANKS) || norm->size <= batch;
}

static lks_status forecast_at(const forecasting *p, lks_scaling_point *point, const lks_cost_machine *machine,
                              const lks_cost_work *work, const lks_stages *stages)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; a < p->bench->arms && !status; a++) {
    const lks_config *config = &p->bench->arm[a].config;
    lks_cost_run run = {.ranks = point->ranks,
                        .hosts = point->hosts,
                        .batch = point->ranks * p->scaling->samples,
                        .microbatch = p->bench->microbatch,
                        .norm = config->bn,
                        .reduce = config->reduce};
    if (fits(&run.norm, run.batch)) status = lks_cost_step(&point->cost[a], machine, &work[a], &run, stages);
  }
  return status;
}

/* The arms on the first ranks, as many as the point has; hosts are counted on the way. */
static lks_status measure_at_all(const forecasting *p, lks_scaling_point *point)
{
  lks_status status = LKS_OK;
  for (size_t a = 0; a < p->bench->arms && !status; a++) {
    lks_solo_result result;
    const size_t batch = point->ranks * p->scaling->samples;
    const lks_solo_run run = {.source = &p->source,
                              .config = config_of(p, a, batch),
                              .seconds = p->bench->options.seconds,
                              .takes_part = (size_t)lks_comm_rank(p->comm) < point->ranks};
    if (!fits(&run.config.bn, batch)) continue;
    status = lks_solo_measure_all(&result, p->comm, &run);
    point->measured[a] = result.seconds;
    point->hosts = result.hosts;
  }
  return status;
}

static lks_status check_all(const forecasting *p, const lks_stages *stages)
{
  lks_scaling *scaling = p->scaling;
  size_t size = (size_t)lks_comm_size(p->comm);
  lks_status status = LKS_OK;
  for (size_t ranks = 1; !status && scaling->checks < LKS_CHECKS_MAX; ranks *= 2) {
    lks_scaling_point *point = &scaling->check[scaling->checks++];
    *point = (lks_scaling_point){.ranks = lks_min(ranks, size), .hosts = 1};
    lks_cost_work work[LKS_BENCH_ARMS_MAX];
    status = calibrate_all(work, p, (size_t)lks_comm_rank(p->comm) < point->ranks);
    if (!status) status = measure_at_all(p, point);
    if (!status) status = lks_comm_agree_all(p->comm, forecast_at(p, point, &scaling->machine, work, stages));
    if (ranks >= size) break;
  }
  return status;
}

/* On hosts that have a core for every rank. */
static lks_status forecast_each(const forecasting *p, const lks_stages *stages)
{
  lks_scaling *scaling = p->scaling;
  lks_cost_machine machine = scaling->machine;
  lks_status status = LKS_OK;
  machine.host_ranks = (double)scaling->host_ranks;
  for (size_t i = 0; i < LKS_FORECASTS && !status; i++) {
    size_t ranks = (size_t)2 << i;
    scaling->forecast[i] =
        (lks_scaling_point){.ranks = ranks, .hosts = lks_divide_up(ranks, scaling->host_ranks)};
    status = forecast_at(p, &scaling->forecast[i], &machine, scaling->work, stages);
  }
  return status;
}

/* What the model knows of the network: layers and stages, no data. */
static lks_status compile(lks_model **model, lks_stages **stages, const forecasting *p)
{
  const lks_config *config = &p->bench->arm[0].config;
  lks_status status = lks_model_parse_as(model, p->source.text, config->model, p->bench->shape,
                                         p->bench->classes, lks_config_norm_layers(config));
  return status
             ? status
             : lks_stages_create(stages, *model, p->bench->microbatch, LKS_FP32, (lks_frozen){NULL, false});
}

static lks_status run_all(forecasting *p)
{
  lks_model *model = NULL;
  lks_stages *stages = NULL;
  const lks_config config = config_of(p, 0, p->bench->batch);
  lks_status status =
      lks_bench_source_open_all(&p->source, p->comm, &config, p->bench->shape, p->bench->classes);
  if (!status) status = lks_comm_agree_all(p->comm, compile(&model, &stages, p));
  if (!status) status = lks_link_probe_all(&p->scaling->machine, p->comm);
  if (!status)
    status = calibrate_all(p->scaling->work, p, lks_comm_node_rank(p->comm) < p->scaling->machine.host_ranks);
  if (!status) status = check_all(p, stages);
  if (!status) status = lks_comm_agree_all(p->comm, forecast_each(p, stages));
  lks_stages_destroy(&stages);
  lks_model_destroy(&model);
  lks_bench_source_close_all(&p->source);
  return status;
}

static void prepare(forecasting *p, const lks_scaling_options *options)
{
  size_t ranks = (size_t)p->bench->ranks;
  long cores = sysconf(_SC_NPROCESSORS_ONLN) / p->bench->threads;
  p->scaling->samples = options->samples ? options->samples : lks_divide_up(p->bench->batch, ranks);
  if (p->scaling->samples < p->bench->microbatch) p->scaling->samples = p->bench->microbatch;
  p->scaling->between_measured = p->bench->hosts > 1;
  p->scaling->machine =
      (lks_cost_machine){.host_ranks = cores > 1 ? (double)cores : 1,
                         .between = lks_cost_link_assumed(options->latency, options->bandwidth)};
  p->scaling->host_ranks = options->host_ranks ? options->host_ranks : (size_t)p->scaling->machine.host_ranks;
}

lks_status lks_scaling_forecast_all(lks_scaling **scaling, lks_comm *comm, const lks_bench *bench,
                                    const lks_scaling_options *options)
{
  forecasting p = {.scaling = lks_new(1, sizeof *p.scaling), .comm = comm, .bench = bench};
  *scaling = p.scaling;
  lks_status status = lks_comm_agree_all(comm, p.scaling ? LKS_OK : LKS_ERR_RANK);
  if (!status && p.scaling) {
    prepare(&p, options);
    status = run_all(&p);
  }
  if (!status) return LKS_OK;
  lks_free(p.scaling);
  *scaling = NULL;
  return status;
}
