#include "bench/bench.h"

#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "bench/bench_ceiling.h"
#include "bench/bench_cost.h"
#include "bench/bench_parts.h"
#include "statistics/statistics.h"

/* Measures arms in turn: one measurement of every arm, then the next of every arm. The clocks of single
 * operators are read in a turn of their own, after the rates. */

static lks_status add_arm(lks_bench *bench, const char *bn, const char *reduce, const char *precision)
{
  if (bench->arms == LKS_BENCH_ARMS_MAX)
    return lks_fail(LKS_ERR_USAGE, "more than %d arms; shorten the lists", LKS_BENCH_ARMS_MAX);
  lks_config *config = &bench->arm[bench->arms++].config;
  *config = bench->options.config;
  lks_status status = lks_config_set(config, "bn", bn);
  if (!status) status = lks_config_set(config, "reduce", reduce);
  if (!status) status = lks_config_set(config, "precision", precision);
  return status ? status : lks_bench_config_check(config);
}

/* The next word of a list, or false. */
static bool next_word(char word[LKS_TEXT_MAX], const char **list)
{
  size_t length = strcspn(*list, ",");
  if (**list == '\0') return false;
  memcpy(word, *list, length);
  word[length] = '\0';
  *list += length + ((*list)[length] == ',');
  return true;
}

static lks_status make_arms(lks_bench *bench)
{
  const lks_bench_options *o = &bench->options;
  char bn[LKS_TEXT_MAX], reduce[LKS_TEXT_MAX], precision[LKS_TEXT_MAX];
  for (const char *p = o->precision; next_word(precision, &p);)
    for (const char *r = o->reduce; next_word(reduce, &r);)
      for (const char *b = o->bn; next_word(bn, &b);) {
        lks_status status = add_arm(bench, bn, reduce, precision);
        if (status) return status;
      }
  if (bench->arms == 0) return lks_fail(LKS_ERR_USAGE, "nothing to measure: an empty list of arms");
  return LKS_OK;
}

/* What is needed while measuring alone. */
typedef struct measuring {
  lks_bench *bench;
  lks_comm *comm;
  lks_bench_source source;
  lks_bench_runner *runner[LKS_BENCH_ARMS_MAX];
  lks_bench_copies copies;
} measuring;

static lks_status create_runners_all(measuring *m)
{
  for (size_t a = 0; a < m->bench->arms; a++) {
    lks_status status =
        lks_bench_runner_create_all(&m->runner[a], m->comm, &m->source, &m->bench->arm[a].config);
    if (status) return status;
  }
  m->bench->threads = lks_bench_runner_threads(m->runner[0]);
  return LKS_OK;
}

/* The first steps touch all memory for the first time; then steps as many as last long enough. */
static lks_status warm_up_all(measuring *m, size_t arm)
{
  enum { COLD = 2, WARM = 3 };
  lks_profile unused = {0};
  double images, seconds;
  lks_status status = lks_bench_runner_steps_all(m->runner[arm], COLD, &images, &seconds, &unused);
  if (!status) status = lks_bench_runner_steps_all(m->runner[arm], WARM, &images, &seconds, &unused);
  if (status) return status;
  double steps = m->bench->options.seconds * WARM / seconds;
  m->bench->arm[arm].steps = steps > 1 ? (size_t)steps : 1;
  return LKS_OK;
}

static lks_status measure_rates_all(measuring *m, lks_profile *profile)
{
  lks_bench *bench = m->bench;
  lks_status status = LKS_OK;
  for (size_t r = 0; r < bench->options.repeats && !status; r++)
    for (size_t a = 0; a < bench->arms && !status; a++) {
      double images, seconds;
      status = lks_bench_runner_steps_all(m->runner[a], bench->arm[a].steps, &images, &seconds, &profile[a]);
      if (!status) bench->arm[a].rate[r] = images / seconds;
    }
  return status;
}

static void traffic_now(double *out, const lks_comm *comm)
{
  for (int t = 0; t < LKS_TRAFFICS; t++) {
    lks_traffic_count count = lks_comm_traffic(comm, (lks_traffic)t);
    out[t] = (double)count.calls;
    out[LKS_TRAFFICS + t] = (double)count.bytes;
  }
}

/* One more measurement, in which the clock of every operator and the traffic are read. */
static lks_status measure_layers_all(measuring *m, size_t a, lks_op_times *times)
{
  enum { COUNTERS = 2 * LKS_TRAFFICS };
  lks_bench_arm *arm = &m->bench->arm[a];
  lks_network *network = lks_bench_runner_network(m->runner[a]);
  lks_profile unused = {0};
  double images, seconds, before[COUNTERS], traffic[COUNTERS], spread[3 * COUNTERS];
  traffic_now(before, m->comm);
  lks_network_op_times(network, times);
  lks_status status = lks_bench_runner_steps_all(m->runner[a], arm->steps, &images, &seconds, &unused);
  lks_network_op_times(network, NULL);
  traffic_now(traffic, m->comm);
  for (int i = 0; i < COUNTERS; i++) traffic[i] = (traffic[i] - before[i]) / (double)arm->steps;
  if (!status) status = lks_comm_spread_all(m->comm, spread, traffic, COUNTERS);
  for (int t = 0; t < LKS_TRAFFICS && !status; t++)
    arm->traffic[t] = (lks_bench_traffic){spread[3 * t + 2], spread[3 * (LKS_TRAFFICS + t) + 2]};
  return status;
}

static lks_status describe_layers(lks_bench_arm *arm, const lks_stages *stages)
{
  arm->layers = (size_t)stages->ops;
  arm->layer = lks_new(arm->layers, sizeof *arm->layer);
  if (!arm->layer) return LKS_ERR_RANK;
  for (size_t o = 0; o < arm->layers; o++) {
    const lks_op *op = &stages->op[o];
    memcpy(arm->layer[o].name, op->layer->name, sizeof arm->layer[o].name);
    arm->layer[o].kind = lks_layer_kind_name(op->layer->kind);
    arm->layer[o].arithmetic = op->kind == LKS_OP_LINEAR;
  }
  return LKS_OK;
}

/* The ceiling of one kind of work. */
static lks_status find_ceiling_all(measuring *m, size_t a, int op, lks_work work)
{
  lks_bench *bench = m->bench;
  lks_bench_arm *arm = &bench->arm[a];
  lks_bench_work *w = &arm->layer[op].work[work];
  lks_network *network = lks_bench_runner_network(m->runner[a]);
  if (w->flops > 0) {
    size_t first, count, microbatch = arm->config.microbatch;
    double alone;
    lks_network_shard(network, bench->batch, &first, &count);
    lks_status status = lks_bench_alone_all(&alone, m->comm, network, bench->threads,
                                            lks_divide_up(count, microbatch), op, work);
    if (!status) w->ceiling = w->flops / alone;
    if (!status) arm->arithmetic += alone;
    return status;
  }
  if (w->bytes <= 0) return LKS_OK;
  double threads = (double)bench->ranks * bench->threads;
  double share = (double)arm->config.microbatch / ((double)bench->batch / threads);
  return lks_bench_copy_all(&w->ceiling, &m->copies, m->comm, bench->threads, (size_t)(w->bytes * share));
}

static lks_status fill_layers_all(measuring *m, size_t a, const lks_op_times *times)
{
  lks_bench *bench = m->bench;
  lks_bench_arm *arm = &bench->arm[a];
  const lks_stages *stages = lks_network_stages(lks_bench_runner_network(m->runner[a]));
  double samples = (double)bench->batch / ((double)bench->ranks * bench->threads);
  size_t element = arm->config.precision == LKS_BF16 ? 2 : 4;
  lks_status status = lks_comm_agree_all(m->comm, describe_layers(arm, stages));
  for (int o = 0; o < stages->ops && !status; o++)
    for (int work = 0; work < LKS_WORKS && !status; work++) {
      lks_bench_work *w = &arm->layer[o].work[work];
      double mine = lks_op_times_seconds(times, o, (lks_work)work) / (double)arm->steps, spread[3];
      status = lks_comm_spread_all(m->comm, spread, &mine, 1);
      lks_op_cost cost = lks_op_cost_of(stages, o, (lks_work)work, element, m->source.features ? 4 : 1);
      *w = (lks_bench_work){
          .seconds = spread[1], .flops = cost.flops * samples, .bytes = cost.bytes * samples};
      if (!status) status = find_ceiling_all(m, a, o, (lks_work)work);
    }
  return status;
}

static lks_status look_inside_all(measuring *m, size_t a)
{
  lks_op_times *times = NULL;
  lks_status status =
      lks_comm_agree_all(m->comm, lks_op_times_create(&times, lks_bench_runner_network(m->runner[a])));
  if (!status) status = measure_layers_all(m, a, times);
  if (!status) status = fill_layers_all(m, a, times);
  if (!status) status = lks_bench_parts_all(&m->bench->arm[a], m->comm, m->runner[a], &m->copies);
  lks_op_times_destroy(&times);
  return status;
}

static lks_status summarize_all(measuring *m, size_t a, const lks_profile *profile)
{
  lks_bench_arm *arm = &m->bench->arm[a];
  double spread[3 * LKS_PARTS], repeats = (double)m->bench->options.repeats;
  lks_status status = lks_comm_spread_all(m->comm, spread, profile->seconds, LKS_PARTS);
  for (int p = 0; p < LKS_PARTS && !status; p++) {
    double steps = repeats * (double)arm->steps;
    arm->part[p].seconds =
        (lks_bench_spread){spread[3 * p] / steps, spread[3 * p + 1] / steps, spread[3 * p + 2] / steps};
  }
  arm->seconds = (double)m->bench->batch / lks_quantile(arm->rate, m->bench->options.repeats, 0.5);
  return status;
}

static lks_status measure_all(measuring *m)
{
  lks_profile profile[LKS_BENCH_ARMS_MAX] = {0};
  lks_bench *bench = m->bench;
  lks_status status = create_runners_all(m);
  for (size_t a = 0; a < bench->arms && !status; a++) status = warm_up_all(m, a);
  if (!status) status = measure_rates_all(m, profile);
  for (size_t a = 0; a < bench->arms && !status; a++) {
    status = summarize_all(m, a, &profile[a]);
    if (!status) status = look_inside_all(m, a);
  }
  return status;
}

static lks_status allocate(lks_bench *bench)
{
  lks_status status = make_arms(bench);
  for (size_t a = 0; a < bench->arms && !status; a++) {
    bench->arm[a].rate = lks_new(bench->options.repeats, sizeof *bench->arm[a].rate);
    if (!bench->arm[a].rate) status = LKS_ERR_RANK;
  }
  return status;
}

static void describe(lks_bench *bench, const lks_comm *comm, const lks_bench_source *source)
{
  bench->ranks = lks_comm_size(comm);
  bench->hosts = lks_comm_node_count(comm);
  bench->batch = bench->arm[0].config.batch_size;
  bench->microbatch = bench->arm[0].config.microbatch;
  bench->shape = source->shape;
  bench->classes = source->classes;
}

lks_status lks_bench_measure_all(lks_bench **bench, lks_comm *comm, const lks_bench_options *options)
{
  measuring m = {.bench = lks_new(1, sizeof *m.bench), .comm = comm};
  *bench = m.bench;
  if (m.bench) m.bench->options = *options;
  lks_status status = lks_comm_agree_all(comm, m.bench ? allocate(m.bench) : LKS_ERR_RANK);
  if (!status)
    status = lks_bench_source_open_all(&m.source, comm, &options->config, options->shape, options->classes);
  if (!status) {
    describe(m.bench, comm, &m.source);
    status = measure_all(&m);
  }
  for (size_t a = 0; a < LKS_BENCH_ARMS_MAX; a++) lks_bench_runner_destroy_all(&m.runner[a]);
  lks_bench_source_close_all(&m.source);
  if (status) lks_bench_destroy(bench);
  return status;
}

void lks_bench_destroy(lks_bench **bench)
{
  if (!*bench) return;
  for (size_t a = 0; a < (*bench)->arms; a++) {
    lks_free((*bench)->arm[a].rate);
    lks_free((*bench)->arm[a].layer);
  }
  lks_free(*bench);
  *bench = NULL;
}

double lks_bench_not_arithmetic(const lks_bench_arm *arm)
{
  return 1 - arm->arithmetic / arm->seconds;
}
