#include "bench/bench_runner.h"

#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "statistics/statistics.h"
#include "train/evaluation.h"

/* Labels mean nothing, and no network is to diverge on them: the weights stay, and the arithmetic is the same. */
#define LEARNING_RATE 0

lks_status lks_bench_config_check(lks_config *config)
{
  if (config->data[0] != '\0') return lks_config_check(config);
  lks_config_set(config, "data", "made up");
  const lks_status status = lks_config_check(config);
  config->data[0] = '\0';
  return status;
}

struct lks_bench_runner {
  lks_comm *comm; /* borrowed */
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *loader; /* NULL: the same mini-batch again and again */
  size_t epoch;
  lks_arena *arena;
  void *values;
  int32_t *label;
  uint32_t *sample;
  lks_batch batch;
  uint32_t step;
  int threads;
};

/* Statistics like those of real images, so that no channel is scaled to nothing. */
static lks_status make_up_statistics(lks_bench_source *source)
{
  size_t channels = source->shape.channels;
  source->mean = lks_new(channels, sizeof *source->mean);
  source->std = lks_new(channels, sizeof *source->std);
  if (!source->mean || !source->std) return LKS_ERR_RANK;
  for (size_t c = 0; c < channels; c++) {
    source->mean[c] = 0.5;
    source->std[c] = 0.29;
  }
  return LKS_OK;
}

lks_status lks_bench_source_open_all(lks_bench_source *source, lks_comm *comm, const lks_config *config,
                                     lks_shape shape, size_t classes)
{
  *source = (lks_bench_source){
      .shape = shape, .classes = classes, .features = shape.height == 1 && shape.width == 1};
  lks_status status = lks_model_text_all(&source->text, comm, config->model);
  if (!status && config->data[0] != '\0') {
    const lks_dataset_options how = lks_dataset_options_of(config);
    status = lks_dataset_open_all(&source->dataset, comm, config->data, &how);
    if (status) return status;
    source->shape = lks_dataset_shape(source->dataset);
    source->classes = lks_dataset_classes(source->dataset);
    source->features = lks_dataset_has_features(source->dataset);
  } else if (!status) {
    status = lks_comm_agree_all(comm, make_up_statistics(source));
  }
  return status;
}

void lks_bench_source_close_all(lks_bench_source *source)
{
  lks_dataset_close_all(&source->dataset);
  lks_free(source->text);
  lks_free(source->mean);
  lks_free(source->std);
  *source = (lks_bench_source){0};
}

static lks_status create_loader(lks_bench_runner *runner, const lks_bench_source *source,
                                const lks_config *config)
{
  lks_network *network = runner->setup->network;
  const lks_loader_options options = {.batch_size = config->batch_size,
                                      .shuffled = true,
                                      .seed = config->seed,
                                      .shard = lks_network_shard_function,
                                      .context = network};
  lks_status status = lks_loader_create(&runner->loader, source->dataset, LKS_SPLIT_TRAIN, &options);
  if (!status) status = lks_prepare_for_loader(network, runner->loader, config->batch_size, true);
  if (!status) lks_loader_seek(runner->loader, 0, 0);
  return status;
}

static void fill_batch(lks_bench_runner *runner, const lks_bench_source *source, size_t first, size_t count,
                       size_t elements)
{
  for (size_t i = 0; i < count; i++) {
    const lks_random_key key = lks_random_key_make(1, LKS_RANDOM_GENERATE, 0, 0, (uint32_t)(first + i));
    for (size_t e = 0; e < elements; e++) {
      uint32_t grey = (uint32_t)lks_random_below(&key, (uint32_t)e, 256);
      if (source->features)
        ((float *)runner->values)[i * elements + e] = (float)grey / 255;
      else
        ((uint8_t *)runner->values)[i * elements + e] = (uint8_t)grey;
    }
    runner->label[i] = (int32_t)((first + i) % source->classes);
    runner->sample[i] = (uint32_t)(first + i);
  }
}

static lks_status make_up_batch(lks_bench_runner *runner, const lks_bench_source *source,
                                const lks_config *config)
{
  size_t first, count, elements = source->shape.height * source->shape.width * source->shape.channels;
  lks_network_shard(runner->setup->network, config->batch_size, &first, &count);
  lks_status status = lks_arena_create(&runner->arena);
  if (status) return status;
  lks_arena_reserve(runner->arena, &runner->values, count * elements,
                    source->features ? sizeof(float) : sizeof(uint8_t));
  lks_arena_reserve(runner->arena, &runner->label, count, sizeof *runner->label);
  lks_arena_reserve(runner->arena, &runner->sample, count, sizeof *runner->sample);
  status = lks_arena_commit(runner->arena);
  if (status) return status;
  fill_batch(runner, source, first, count, elements);
  runner->batch = (lks_batch){.samples = count,
                              .total = config->batch_size,
                              .pixels = source->features ? NULL : runner->values,
                              .features = source->features ? runner->values : NULL,
                              .label = runner->label,
                              .sample = runner->sample};
  return lks_network_prepare(runner->setup->network, config->batch_size, true);
}

lks_status lks_bench_runner_create_all(lks_bench_runner **runner, lks_comm *comm,
                                       const lks_bench_source *source, const lks_config *config)
{
  lks_bench_runner *r = *runner = lks_new(1, sizeof *r);
  lks_status status = lks_comm_agree_all(comm, r ? LKS_OK : LKS_ERR_RANK);
  if (status || !r) {
    lks_free(r);
    *runner = NULL;
    return status;
  }
  r->comm = comm;
  lks_config own = *config;
  r->threads = lks_setup_threads(comm, config);
  own.threads = (size_t)r->threads;
  const lks_setup_input input = {source->text,
                                 own.model,
                                 source->shape,
                                 source->classes,
                                 source->features,
                                 source->dataset ? lks_dataset_mean(source->dataset) : source->mean,
                                 source->dataset ? lks_dataset_std(source->dataset) : source->std};
  status = lks_setup_create_all(&r->setup, comm, &own, &input);
  if (!status) {
    status = lks_optimizer_create(&r->optimizer, &own, r->setup->network);
    if (!status) status = source->dataset ? create_loader(r, source, &own) : make_up_batch(r, source, &own);
    status = lks_comm_agree_all(comm, status);
  }
  if (status) lks_bench_runner_destroy_all(runner);
  return status;
}

void lks_bench_runner_destroy_all(lks_bench_runner **runner)
{
  if (!*runner) return;
  lks_loader_destroy(&(*runner)->loader);
  lks_optimizer_destroy(&(*runner)->optimizer);
  lks_setup_destroy_all(&(*runner)->setup);
  lks_arena_destroy(&(*runner)->arena);
  lks_free(*runner);
  *runner = NULL;
}

static void next_batch(lks_bench_runner *r)
{
  if (!r->loader || lks_loader_next(r->loader, &r->batch)) return;
  lks_loader_seek(r->loader, ++r->epoch, 0);
  lks_loader_next(r->loader, &r->batch);
}

static lks_status step_all(lks_bench_runner *r, lks_profile *profile)
{
  lks_pass_result result;
  lks_profile_enter(profile, LKS_PART_DATA);
  next_batch(r);
  lks_profile_leave(profile);
  lks_status status = lks_network_pass_all(r->setup->network, &result, LKS_PASS_TRAIN, &r->batch,
                                           &r->setup->scaling, r->step++, 0);
  lks_profile_enter(profile, LKS_PART_OPTIMIZER);
  if (!status) lks_optimizer_step(r->optimizer, LEARNING_RATE);
  lks_profile_leave(profile);
  return status;
}

lks_status lks_bench_runner_steps_all(lks_bench_runner *r, size_t steps, double *images, double *seconds,
                                      lks_profile *profile)
{
  lks_profile own;
  double spread[3];
  lks_status status = lks_comm_agree_all(r->comm, LKS_OK);
  lks_network_profile(r->setup->network, &own);
  lks_profile_start(&own);
  double begin = lks_seconds(), mine;
  *images = 0;
  for (size_t s = 0; s < steps && !status; s++) {
    status = step_all(r, &own);
    *images += (double)r->batch.total;
  }
  mine = lks_seconds() - begin;
  lks_profile_settle(&own);
  lks_network_profile(r->setup->network, NULL);
  for (int p = 0; p < LKS_PARTS; p++) profile->seconds[p] += own.seconds[p];
  if (!status) status = lks_comm_spread_all(r->comm, spread, &mine, 1);
  if (!status) *seconds = spread[2];
  return status;
}

lks_status lks_bench_runner_time_all(double *seconds, double *rate, lks_bench_runner *runner, double lasting,
                                     size_t repeats)
{
  lks_profile unused = {0};
  double images, elapsed = 0, step[LKS_BENCH_RUNNER_REPEATS], speed[LKS_BENCH_RUNNER_REPEATS];
  lks_status status = lks_bench_runner_steps_all(runner, 1, &images, &elapsed, &unused); /* cold */
  if (!status) status = lks_bench_runner_steps_all(runner, 1, &images, &elapsed, &unused);
  const size_t steps = elapsed > 0 && lasting > elapsed ? (size_t)(lasting / elapsed) : 1;
  for (size_t r = 0; r < repeats && !status; r++) {
    status = lks_bench_runner_steps_all(runner, steps, &images, &elapsed, &unused);
    step[r] = elapsed / (double)steps;
    speed[r] = images / elapsed;
  }
  if (status) return status;
  *seconds = lks_quantile(step, repeats, 0.5);
  *rate = lks_quantile(speed, repeats, 0.5);
  return LKS_OK;
}

size_t lks_bench_runner_bytes(const lks_bench_runner *runner)
{
  size_t batch = runner->arena ? lks_arena_bytes(runner->arena) : 0;
  return lks_network_bytes(runner->setup->network) + lks_optimizer_bytes(runner->optimizer) + batch;
}

lks_optimizer *lks_bench_runner_optimizer(lks_bench_runner *runner)
{
  return runner->optimizer;
}

lks_network *lks_bench_runner_network(lks_bench_runner *runner)
{
  return runner->setup->network;
}

int lks_bench_runner_threads(const lks_bench_runner *runner)
{
  return runner->threads;
}
