#include "forecast/plan.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/integers.h"
#include "bench/process_memory.h"
#include "dataset/dataset_file.h"
#include "dataset/window_reader.h"
#include "forecast/link_probe.h"
#include "forecast/plan_probe.h"
#include "forecast/solo.h"
#include "sums/partition.h"

/* A chain of so many microbatches has left the cache, as a whole shard has. */
enum { CHAIN = 8 };

typedef struct planning {
  lks_plan *plan;
  lks_comm *comm;
  lks_bench_source source;
  lks_layout layout;
  lks_model *model;
  lks_stages *stages;
  lks_plan_probe probe;
  lks_cost_machine machine;
  lks_cost_work work;
} planning;

/* Rank 0 reads the header of the file. */
static lks_status read_layout_all(planning *p)
{
  const char *path = p->plan->options.config.data;
  lks_dataset_file *file = NULL;
  lks_status status = lks_comm_rank(p->comm) == 0
                          ? lks_dataset_file_open(&file, path, &p->plan->options.config.names)
                          : LKS_OK;
  if (file) p->layout = lks_dataset_file_header(file)->layout;
  lks_dataset_file_close(&file);
  status = lks_comm_agree_all(p->comm, status);
  return status ? status : lks_comm_broadcast_all(p->comm, &p->layout, sizeof p->layout, 0);
}

static lks_status find_layout_all(planning *p)
{
  const lks_plan_options *o = &p->plan->options;
  if (o->config.data[0] != '\0') return read_layout_all(p);
  p->layout = (lks_layout){.shape = o->shape,
                           .features = o->shape.height == 1 && o->shape.width == 1,
                           .classes = o->classes,
                           .count = {o->train, o->test}};
  return LKS_OK;
}

static lks_status choose_samples(planning *p)
{
  lks_plan *plan = p->plan;
  const lks_config *c = &plan->options.config;
  const size_t all = p->layout.count[LKS_SPLIT_TRAIN];
  plan->train = c->train_samples ? c->train_samples : all;
  if (plan->train > all || c->holdout >= plan->train)
    return lks_fail(LKS_ERR_USAGE, "train-samples = %zu and holdout = %zu of %zu training samples: too many",
                    c->train_samples, c->holdout, all);
  plan->train -= c->holdout;
  plan->test = c->holdout ? c->holdout : p->layout.count[LKS_SPLIT_TEST];
  if (plan->test == 0)
    return lks_fail(
        LKS_ERR_DATA,
        "%s has no test samples; give --holdout N, which keeps N training samples back to test on", c->data);
  plan->steps = lks_divide_up(plan->train, c->batch_size);
  plan->options.shape = p->layout.shape;
  plan->options.classes = p->layout.classes;
  plan->features = p->layout.features;
  return LKS_OK;
}

static void choose_ranks(planning *p)
{
  lks_plan *plan = p->plan;
  lks_plan_options *o = &plan->options;
  const size_t cores = lks_max(1, (size_t)sysconf(_SC_NPROCESSORS_ONLN)),
               size = (size_t)lks_comm_size(p->comm);
  size_t threads = o->config.threads;
  if (!o->ranks) o->ranks = size;
  const bool as_here = o->ranks == size && !o->hosts;
  if (as_here) o->hosts = (size_t)lks_comm_node_count(p->comm);
  if (!o->hosts) o->hosts = lks_divide_up(o->ranks * lks_max(1, threads), cores);
  o->hosts = lks_min(o->hosts, o->ranks);
  if (!threads)
    threads = as_here ? (size_t)lks_threads_default(p->comm)
                      : lks_max(1, cores / lks_divide_up(o->ranks, o->hosts));
  o->config.threads = threads;
  plan->threads = (int)threads;
  p->machine = (lks_cost_machine){.host_ranks = (double)lks_max(1, cores / threads), .between = o->between};
}

static size_t shard_of(const planning *p, size_t batch)
{
  const lks_plan_options *o = &p->plan->options;
  const size_t microbatches = lks_divide_up(batch, o->config.microbatch);
  return lks_min(batch, lks_partition_begin(microbatches, o->ranks, 1) * o->config.microbatch);
}

/* What a mini-batch of this size takes on a rank. */
static lks_status count_memory(lks_plan_memory *memory, const planning *p, size_t batch)
{
  const lks_plan *plan = p->plan;
  lks_config config = plan->options.config;
  config.batch_size = batch;
  const lks_network_options options = lks_setup_options(&config, plan->threads);
  const size_t shard = shard_of(p, batch);
  const size_t sample = lks_layout_sample_bytes(&p->layout);
  memory->loader = lks_loader_footprint(sample, plan->train, shard, true) +
                   lks_loader_footprint(sample, plan->test, shard, false) +
                   (plan->train + config.holdout) * sizeof(uint32_t);
  return lks_network_footprint(&memory->network, p->model, &options, (int)plan->options.ranks);
}

static size_t private_bytes(const lks_plan_memory *m)
{
  return lks_network_memory_sum(&m->network) + m->optimizer + m->loader + m->own;
}

static size_t host_bytes(const lks_plan_memory *m, size_t ranks)
{
  return ranks * (private_bytes(m) + m->snapshot) + m->writing - m->snapshot + m->program + m->dataset;
}

/* Memory grows by as much with each microbatch of a shard. */
static lks_status find_largest_batch(lks_plan_memory *memory, const planning *p, size_t on_host)
{
  const lks_config *c = &p->plan->options.config;
  const size_t all = p->plan->options.ranks * c->microbatch, shards = lks_divide_up(c->batch_size, all);
  lks_plan_memory now = *memory, more = *memory;
  lks_status status = count_memory(&now, p, shards * all);
  if (!status) status = count_memory(&more, p, (shards + 1) * all);
  if (status || !memory->available) return status;
  const double held = (double)host_bytes(&now, on_host), grows = (double)host_bytes(&more, on_host) - held;
  const double fitting = floor((double)shards + ((double)memory->available - held) / grows);
  memory->largest_batch = fitting > 0 ? (size_t)fitting * all : 0;
  return LKS_OK;
}

static size_t dataset_bytes(const lks_config *config, const lks_layout *layout)
{
  lks_section section[LKS_SECTIONS];
  if (config->window) return lks_window_footprint(layout, config->window);
  return config->cache[0] ? 0 : lks_layout_sections(section, layout);
}

static lks_status plan_memory(planning *p)
{
  lks_plan_memory *m = &p->plan->memory;
  const lks_plan_options *o = &p->plan->options;
  const size_t on_host = lks_divide_up(o->ranks, o->hosts), available = m->available;
  *m = (lks_plan_memory){.optimizer = (size_t)p->probe.optimizer,
                         .own = (size_t)p->probe.own,
                         .program = (size_t)p->probe.program,
                         .dataset = dataset_bytes(&o->config, &p->layout),
                         .snapshot = (size_t)p->probe.snapshot,
                         .writing = (size_t)p->probe.writing,
                         .available = available};
  lks_status status = count_memory(m, p, o->config.batch_size);
  if (status) return status;
  m->rank = private_bytes(m) + m->program + m->dataset + m->snapshot;
  m->rank_0 = m->rank - m->snapshot + m->writing;
  m->host = host_bytes(m, on_host);
  return find_largest_batch(m, p, on_host);
}

static lks_status cost_of(lks_cost *cost, const planning *p, size_t batch)
{
  const lks_plan_options *o = &p->plan->options;
  lks_cost_run run = {.ranks = o->ranks,
                      .hosts = o->hosts,
                      .batch = batch,
                      .microbatch = o->config.microbatch,
                      .norm = o->config.bn,
                      .reduce = o->config.reduce};
  return lks_cost_step(cost, &p->machine, &p->work, &run, p->stages);
}

/* All whole mini-batches of an epoch of both splits, and the rest of each. */
static lks_status plan_time(planning *p)
{
  lks_plan *plan = p->plan;
  lks_plan_time *time = &plan->time;
  const size_t batch = plan->options.config.batch_size, whole = plan->train / batch;
  const size_t test_whole = plan->test / batch;
  lks_cost rest = {0}, test_rest = {0};
  lks_status status = cost_of(&time->step, p, batch);
  if (!status && plan->train % batch) status = cost_of(&rest, p, plan->train % batch);
  if (!status && plan->test % batch) status = cost_of(&test_rest, p, plan->test % batch);
  if (status) return status;
  time->training = (double)whole * time->step.total + rest.total;
  time->evaluation = (double)test_whole * time->step.forward + test_rest.forward;
  time->images_per_second = (double)plan->train / time->training;
  return LKS_OK;
}

static lks_status measure_all(planning *p)
{
  const lks_plan_options *o = &p->plan->options;
  const lks_config *c = &o->config;
  const size_t chain = lks_min(lks_divide_up(shard_of(p, c->batch_size), c->microbatch), CHAIN);
  lks_status status = lks_plan_probe_all(&p->probe, p->comm, &p->source, c);
  if (!status) status = lks_link_probe_all(&p->machine, p->comm);
  if (!status)
    status = lks_solo_calibrate_all(&p->work, p->comm, &p->source, c, chain * c->microbatch,
                                    lks_comm_node_rank(p->comm) < p->machine.host_ranks, o->seconds);
  p->plan->near_measured = lks_comm_node_size(p->comm) > 1;
  p->plan->between_measured = lks_comm_node_count(p->comm) > 1;
  return status;
}

static lks_status compile(planning *p)
{
  const lks_config *c = &p->plan->options.config;
  lks_status status = lks_model_parse_as(&p->model, p->source.text, c->model, p->layout.shape,
                                         p->layout.classes, lks_config_norm_layers(c));
  return status ? status
                : lks_stages_create(&p->stages, p->model, c->microbatch, LKS_FP32,
                                    (lks_frozen){c->freeze, c->freeze_bn});
}

static lks_status reckon(planning *p)
{
  lks_status status = compile(p);
  if (!status) status = plan_memory(p);
  return status ? status : plan_time(p);
}

static lks_status make_all(planning *p)
{
  lks_config made_up = p->plan->options.config;
  made_up.data[0] = '\0';
  lks_status status = find_layout_all(p);
  if (!status) status = choose_samples(p);
  if (status) return status;
  choose_ranks(p);
  status = lks_bench_source_open_all(&p->source, p->comm, &made_up, p->layout.shape, p->layout.classes);
  if (!status) status = measure_all(p);
  return status ? status : lks_comm_agree_all(p->comm, reckon(p));
}

lks_status lks_plan_make_all(lks_plan *plan, lks_comm *comm, const lks_plan_options *options)
{
  planning p = {.plan = plan, .comm = comm};
  *plan = (lks_plan){.options = *options, .memory = {.available = lks_host_memory_available()}};
  lks_status status = make_all(&p);
  lks_stages_destroy(&p.stages);
  lks_model_destroy(&p.model);
  lks_bench_source_close_all(&p.source);
  return status ? status : lks_comm_broadcast_all(comm, plan, sizeof *plan, 0);
}
