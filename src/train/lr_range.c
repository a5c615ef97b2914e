#include "train/lr_range.h"

#include <math.h>

#include "base/arena.h"
#include "base/integers.h"
#include "lockstep/dataset.h"
#include "lockstep/optimizer.h"
#include "train/evaluation.h"
#include "train/progress.h"

/* What is too much, times the lowest smoothed loss. */
static const double breakdown = 4;

/* A run without a directory. */
typedef struct testing {
  lks_comm *comm;
  const lks_config *config;
  lks_lr_range *range;
  lks_dataset *dataset;
  lks_selection *selection;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *loader;
  lks_progress *progress; /* rank 0 */
} testing;

size_t lks_lr_reach(size_t steps)
{
  return lks_max(1, steps / 20);
}

static double mean_around(const lks_lr_point *point, size_t at, size_t reach)
{
  double sum = 0;
  for (size_t i = at - reach; i <= at + reach; i++) sum += point[i].loss;
  return sum / (double)(2 * reach + 1);
}

void lks_lr_smooth(lks_lr_point *point, size_t count, size_t reach)
{
  for (size_t i = 0; i < count; i++)
    point[i].smoothed = mean_around(point, i, lks_min(reach, lks_min(i, count - 1 - i)));
}

lks_lr_reading lks_lr_read(const lks_lr_range *range)
{
  const lks_lr_point *point = range->point;
  lks_lr_reading reading = {.falls = false};
  double most = 0;
  for (size_t i = 1; i < range->count; i++)
    if (point[i].smoothed < point[reading.lowest].smoothed) reading.lowest = i;
  for (size_t i = 1; i < reading.lowest; i++) {
    const double fall = point[i - 1].smoothed - point[i + 1].smoothed;
    if (fall <= most) continue;
    most = fall;
    reading.fastest = i;
  }
  reading.suggestion = range->count ? point[reading.lowest].lr / 10 : 0;
  reading.falls = reading.fastest > 0 && point[reading.lowest].smoothed <= 0.9 * point[0].smoothed;
  return reading;
}

/* Rank 0's, for the powers of another host's library may differ in their last bit. */
static lks_status share_rates_all(testing *t)
{
  const lks_lr_sweep *s = &t->range->sweep;
  double *rate = lks_new(s->steps, sizeof *rate);
  lks_status status = lks_comm_agree_all(t->comm, rate ? LKS_OK : LKS_ERR_RANK);
  for (size_t i = 0; rate && i < s->steps && !status; i++)
    rate[i] = s->from * pow(s->to / s->from, (double)i / (double)(s->steps - 1));
  if (!status) status = lks_comm_broadcast_all(t->comm, rate, s->steps * sizeof *rate, 0);
  for (size_t i = 0; rate && i < s->steps && !status; i++) t->range->point[i].lr = rate[i];
  lks_free(rate);
  return status;
}

static lks_status create_setup_all(testing *t)
{
  char *text = NULL;
  const lks_dataset *d = t->dataset;
  lks_status status = lks_model_text_all(&text, t->comm, t->config->model);
  if (status) return status;
  const lks_setup_input input = {text,
                                 t->config->model,
                                 lks_dataset_shape(d),
                                 lks_dataset_classes(d),
                                 lks_dataset_has_features(d),
                                 lks_dataset_mean(d),
                                 lks_dataset_std(d)};
  status = lks_setup_create_all(&t->setup, t->comm, t->config, &input);
  lks_free(text);
  return status;
}

static lks_status create(testing *t)
{
  lks_config config = *t->config;
  const lks_selection *s = t->selection;
  config.threads = (size_t)lks_setup_threads(t->comm, t->config);
  const lks_loader_options options = {.batch_size = config.batch_size,
                                      .shuffled = true,
                                      .seed = config.seed,
                                      .subset = s->train,
                                      .subset_count = s->train_count,
                                      .shard = lks_network_shard_function,
                                      .context = t->setup->network};
  lks_status status = lks_optimizer_create(&t->optimizer, &config, t->setup->network);
  if (!status) status = lks_loader_create(&t->loader, t->dataset, LKS_SPLIT_TRAIN, &options);
  if (!status) status = lks_prepare_for_loader(t->setup->network, t->loader, config.batch_size, true);
  return status;
}

static lks_status prepare_all(testing *t)
{
  const lks_config *c = t->config;
  const lks_dataset_options how = lks_dataset_options_of(c);
  lks_status status = lks_dataset_open_all(&t->dataset, t->comm, c->data, &how);
  if (status) return status;
  lks_comm_stall_limit(t->comm, c->stall_limit);
  status = lks_selection_create(&t->selection, t->dataset, c->train_samples, c->holdout);
  status = lks_comm_agree_all(t->comm, status);
  if (!status) status = create_setup_all(t);
  if (!status) status = lks_comm_agree_all(t->comm, create(t));
  return status ? status : share_rates_all(t);
}

static bool next_batch(testing *t, size_t step, lks_batch *batch)
{
  const size_t of_epoch = lks_loader_steps(t->loader);
  if (step % of_epoch == 0) lks_loader_seek(t->loader, step / of_epoch, 0);
  return lks_loader_next(t->loader, batch);
}

static bool is_broken(lks_lr_range *range, double *lowest)
{
  const size_t reach = lks_lr_reach(range->sweep.steps), last = range->count - 1;
  if (last < 2 * reach) return false;
  const double smoothed = mean_around(range->point, last - reach, reach);
  *lowest = fmin(*lowest, smoothed);
  return smoothed > breakdown * *lowest;
}

static lks_status step_all(testing *t, double *lowest)
{
  lks_lr_range *range = t->range;
  lks_pass_result result;
  lks_batch batch;
  const size_t step = range->count;
  if (!next_batch(t, step, &batch))
    return lks_fail(LKS_ERR_RANK, "an epoch has fewer mini-batches than it should");
  const lks_status status = lks_network_pass_all(t->setup->network, &result, LKS_PASS_TRAIN, &batch,
                                                 &t->setup->scaling, (uint32_t)step, 0);
  range->diverged = status == LKS_ERR_DIVERGED;
  if (status) return range->diverged ? LKS_OK : status;
  lks_optimizer_step(t->optimizer, range->point[step].lr);
  range->point[step].loss = result.loss / (double)result.samples;
  range->count++;
  range->diverged = is_broken(range, lowest);
  lks_progress_step(t->progress, range->count, batch.total, range->point[step].loss);
  return LKS_OK;
}

static lks_status sweep_all(testing *t)
{
  double lowest = INFINITY;
  lks_status status = LKS_OK;
  if (lks_comm_rank(t->comm) == 0)
    t->progress = lks_progress_create(t->config->progress, 1, t->range->sweep.steps, 0);
  while (!status && !t->range->diverged && t->range->count < t->range->sweep.steps)
    status = step_all(t, &lowest);
  lks_progress_destroy(&t->progress);
  lks_lr_smooth(t->range->point, t->range->count, lks_lr_reach(t->range->sweep.steps));
  return status;
}

static lks_lr_range *new_range(const lks_lr_sweep *sweep)
{
  lks_lr_range *range = lks_new(1, sizeof *range);
  if (!range) return NULL;
  range->sweep = *sweep;
  range->point = lks_new(sweep->steps, sizeof *range->point);
  if (!range->point) lks_lr_range_destroy(&range);
  return range;
}

lks_status lks_lr_range_all(lks_lr_range **range, lks_comm *comm, const lks_config *config,
                            const lks_lr_sweep *sweep)
{
  testing t = {.comm = comm, .config = config, .range = new_range(sweep)};
  lks_status status = lks_comm_agree_all(comm, t.range ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = prepare_all(&t);
  if (!status) status = sweep_all(&t);
  lks_loader_destroy(&t.loader);
  lks_selection_destroy(&t.selection);
  lks_optimizer_destroy(&t.optimizer);
  lks_setup_destroy_all(&t.setup);
  lks_dataset_close_all(&t.dataset);
  if (status) lks_lr_range_destroy(&t.range);
  *range = t.range;
  return status;
}

void lks_lr_range_destroy(lks_lr_range **range)
{
  if (!range || !*range) return;
  lks_free((*range)->point);
  lks_free(*range);
  *range = NULL;
}
