#include "compare/comparison_runs.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/log.h"
#include "compare/results.h"
#include "compare/tuning.h"
#include "lockstep/dataset.h"
#include "lockstep/profile.h"
#include "lockstep/trainer.h"
#include "train/job.h"
#include "train/progress.h"
#include "train/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs of a comparison, one after the other, seed by seed, so that a comparison that is cut short has whole
 * pairs. Rank 0 looks at the files; what it finds is agreed upon before anybody acts on it. */

typedef struct driver {
  lks_comm *comm;
  lks_comparison *comparison;
  lks_dataset *dataset;
  lks_progress *progress; /* rank 0 */
  size_t steps;           /* of an epoch */
  size_t before;          /* steps of the runs before the one under way */
  double begun;           /* for --max-time, which is the whole job's */
  size_t diverged;
  char first_diverged[256];
} driver;

lks_status lks_comparison_part_parse(lks_comparison_part *part, const lks_comparison *comparison,
                                     const char *text)
{
  const char *colon = text ? strrchr(text, ':') : NULL;
  *part = (lks_comparison_part){.all = !text || !text[0]};
  if (part->all) return LKS_OK;
  if (!colon)
    return lks_fail(LKS_ERR_USAGE, "--only %.100s: write ARM:SEED or ARM:tune, as in --only sync:%llu", text,
                    (unsigned long long)comparison->first_seed);
  size_t length = (size_t)(colon - text);
  while (part->arm < comparison->arms && (strlen(comparison->arm[part->arm].name) != length ||
                                          strncmp(comparison->arm[part->arm].name, text, length) != 0))
    part->arm++;
  if (part->arm == comparison->arms)
    return lks_fail(LKS_ERR_USAGE, "--only %.100s: the comparison has no arm %.*s", text, (int)length, text);
  part->tune = !strcmp(colon + 1, "tune");
  if (part->tune) return LKS_OK;
  char *end;
  unsigned long long seed = strtoull(colon + 1, &end, 10), first = comparison->first_seed;
  if (*end || end == colon + 1 || seed < first || seed - first >= comparison->seeds)
    return lks_fail(LKS_ERR_USAGE, "--only %.100s: the seeds are %llu to %llu", text, first,
                    first + comparison->seeds - 1);
  part->seed = (size_t)(seed - first);
  return LKS_OK;
}

static void on_step(void *context, size_t step, size_t samples, double mean_loss)
{
  const driver *d = context;
  lks_progress_step(d->progress, d->before + step, samples, mean_loss);
}

/* Whether rank 0 finds the run of a folder finished. */
static lks_status find_result_all(bool *done, lks_run_result *result, const driver *d, const char *folder)
{
  bool root = lks_comm_rank(d->comm) == 0;
  *done = false;
  lks_status status = lks_comm_agree_all(d->comm, root ? lks_run_result_read(result, done, folder) : LKS_OK);
  if (!status) status = lks_comm_broadcast_all(d->comm, done, sizeof *done, 0);
  return status;
}

static lks_run_result result_of(const lks_train_summary *summary, const lks_config *config,
                                const lks_comm *comm)
{
  lks_run_result result = {.lr = config->lr,
                           .precise_loss = summary->precise_loss,
                           .precise_accuracy = summary->precise_accuracy,
                           .images_per_second = summary->images_per_second,
                           .bn_share = summary->bn_share,
                           .ranks = lks_comm_size(comm),
                           .threads = lks_setup_threads(comm, config),
                           .hosts = lks_comm_node_count(comm)};
  memcpy(result.fingerprint, summary->fingerprint, sizeof result.fingerprint);
  return result;
}

/* Trains one run to its end, from where it stands. */
static lks_status train_all(driver *d, const lks_config *config, const char *title)
{
  lks_train_summary summary;
  lks_train_hooks hooks = {.dataset = d->dataset,
                           .quiet = true,
                           .precise = config->bn.kind != LKS_NORM_NONE,
                           .step = on_step,
                           .context = d};
  lks_status status = lks_train_hooked_all(&summary, d->comm, config, &hooks);
  if (status) return status;
  lks_run_result result = result_of(&summary, config, d->comm);
  lks_progress_line(d->progress, "%s: test accuracy %.4f; %.0f images/s", title, summary.test_accuracy,
                    summary.images_per_second);
  bool root = lks_comm_rank(d->comm) == 0;
  return lks_comm_agree_all(d->comm, root ? lks_run_result_write(config->output, &result) : LKS_OK);
}

/* What is left of the job's time, rank 0's, to the run that begins. */
static lks_status share_time_all(lks_config *config, const driver *d)
{
  double limit = d->comparison->base.max_time, left = limit - (lks_seconds() - d->begun);
  lks_status status = lks_comm_broadcast_all(d->comm, &left, sizeof left, 0);
  if (status || limit == 0) return status;
  config->max_time = left;
  return left > 0 ? LKS_OK : LKS_STOPPED;
}

/* One run, unless it is finished. Its folder may hold an interrupted one. */
static lks_status run_all(driver *d, lks_config *config, const char *title)
{
  bool done, begun = false, root = lks_comm_rank(d->comm) == 0;
  lks_run_result result;
  char settings[LKS_TEXT_MAX + 16];
  lks_status status = find_result_all(&done, &result, d, config->output);
  snprintf(settings, sizeof settings, "%s/config.ini", config->output);
  if (!status && root) begun = lks_file_exists(settings);
  if (!status) status = lks_comm_broadcast_all(d->comm, &begun, sizeof begun, 0);
  if (status) return status;
  config->resume = begun;
  lks_progress_run(d->progress, title, d->before, config->epochs);
  if (done) lks_progress_line(d->progress, "%s: finished before", title);
  if (!done) status = share_time_all(config, d);
  if (!done && !status) status = train_all(d, config, title);
  if (status == LKS_ERR_DIVERGED) {
    if (!d->diverged++) snprintf(d->first_diverged, sizeof d->first_diverged, "%s", title);
    lks_progress_line(d->progress, "%s: diverged", title);
    status = LKS_OK;
  }
  d->before += config->epochs * d->steps;
  return status;
}

/* Settings that only say how runs of a comparison are executed. */
static void settle_execution(lks_config *config)
{
  config->noise = true;
  config->keep = 1;
  config->progress = LKS_DISPLAY_NONE;
}

/* Tries the rates of an arm, unless its choice is recorded already. */
static lks_status tune_arm_all(driver *d, size_t arm)
{
  bool root = lks_comm_rank(d->comm) == 0, done = false;
  lks_tuning tuning;
  lks_status status = root ? lks_tuning_read(&tuning, &done, d->comparison, arm) : LKS_OK;
  status = lks_comm_agree_all(d->comm, status);
  if (!status) status = lks_comm_broadcast_all(d->comm, &done, sizeof done, 0);
  size_t diverged = d->diverged;
  for (size_t r = 0; r < d->comparison->rates && !status && !done; r++) {
    lks_config config;
    char title[64];
    lks_tuning_run_config(&config, d->comparison, arm, r);
    settle_execution(&config);
    snprintf(title, sizeof title, "tune %s lr %g", d->comparison->arm[arm].name, config.lr);
    status = run_all(d, &config, title);
  }
  d->diverged = diverged; /* a rate that is too high is an answer, not a failure */
  if (!status && !done)
    status = lks_comm_agree_all(d->comm, root ? lks_tuning_choose(d->comparison, arm) : LKS_OK);
  return status;
}

/* The learning rate of an arm: the comparison's, or the chosen one. */
static lks_status rate_all(double *lr, const driver *d, size_t arm)
{
  bool root = lks_comm_rank(d->comm) == 0, done = false;
  lks_tuning tuning;
  *lr = d->comparison->base.lr;
  if (!d->comparison->rates) return LKS_OK;
  lks_status status = root ? lks_tuning_read(&tuning, &done, d->comparison, arm) : LKS_OK;
  if (!status && root && !done)
    status = lks_fail(LKS_ERR_USAGE, "the learning rate of %s is not chosen yet: run --only %s:tune first",
                      d->comparison->arm[arm].name, d->comparison->arm[arm].name);
  status = lks_comm_agree_all(d->comm, status);
  if (!status && root) *lr = tuning.rate[tuning.chosen];
  if (!status) status = lks_comm_broadcast_all(d->comm, lr, sizeof *lr, 0);
  return status;
}

static lks_status run_pair_member_all(driver *d, size_t arm, size_t seed, size_t number, size_t runs)
{
  lks_config config;
  char title[64];
  lks_comparison_run_config(&config, d->comparison, arm, seed);
  settle_execution(&config);
  snprintf(title, sizeof title, "run %zu/%zu  %s seed %llu", number, runs, d->comparison->arm[arm].name,
           (unsigned long long)config.seed);
  lks_status status = rate_all(&config.lr, d, arm);
  return status ? status : run_all(d, &config, title);
}

static lks_status run_every_all(driver *d)
{
  const lks_comparison *c = d->comparison;
  lks_status status = LKS_OK;
  for (size_t seed = 0; seed < c->seeds; seed++)
    for (size_t arm = 0; arm < c->arms && !status; arm++)
      status = run_pair_member_all(d, arm, seed, seed * c->arms + arm + 1, c->arms * c->seeds);
  return status;
}

/* Counts what is ahead, so that the progress is that of the whole. */
static lks_status open_progress(driver *d, const lks_comparison_part *part, size_t runs)
{
  const lks_comparison *c = d->comparison;
  lks_selection *selection;
  size_t holdout = part->tune ? c->tune_holdout : c->base.holdout;
  lks_status status = lks_selection_create(&selection, d->dataset, c->base.train_samples, holdout);
  if (status) return status;
  d->steps = lks_divide_up(selection->train_count, c->base.batch_size);
  lks_selection_destroy(&selection);
  d->before = 0;
  if (lks_comm_rank(d->comm) == 0)
    d->progress = lks_progress_create(c->base.progress, c->base.epochs * runs, d->steps, 0);
  return LKS_OK;
}

static lks_status tune_all(driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  bool wanted = c->rates && (part->all || part->tune);
  size_t first = part->all ? 0 : part->arm, end = part->all ? c->arms : part->arm + 1;
  const lks_comparison_part tuning = {.tune = true};
  if (!wanted) return LKS_OK;
  lks_status status = lks_comm_agree_all(d->comm, open_progress(d, &tuning, c->rates * (end - first)));
  for (size_t arm = first; arm < end && !status; arm++) status = tune_arm_all(d, arm);
  lks_progress_destroy(&d->progress);
  return status;
}

static lks_status runs_all(driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  if (part->tune) return LKS_OK;
  lks_status status = lks_comm_agree_all(d->comm, open_progress(d, part, part->all ? c->arms * c->seeds : 1));
  if (!status) status = part->all ? run_every_all(d) : run_pair_member_all(d, part->arm, part->seed, 1, 1);
  lks_progress_destroy(&d->progress);
  return status;
}

/* A tenth of the training samples, unless told otherwise. */
static void settle_holdout(const driver *d)
{
  lks_comparison *c = d->comparison;
  size_t all = lks_dataset_split(d->dataset, LKS_SPLIT_TRAIN).count;
  size_t used = c->base.train_samples ? c->base.train_samples : all;
  if (c->rates && !c->tune_holdout) c->tune_holdout = used >= 10 ? used / 10 : 1;
}

static void announce(const driver *d)
{
  const lks_comparison *c = d->comparison;
  lks_say("compare  %zu arms x %zu seeds of %s on %s: %zu epochs, batch size %zu", c->arms, c->seeds,
          c->base.model, c->base.data, c->base.epochs, c->base.batch_size);
  lks_say("in       %s; what is finished there is not run again", c->directory);
}

lks_status lks_comparison_train_all(lks_comm *comm, lks_comparison *comparison,
                                    const lks_comparison_part *part)
{
  driver d = {.comm = comm, .comparison = comparison, .begun = lks_seconds()};
  bool root = lks_comm_rank(comm) == 0;
  lks_status status = lks_dataset_open_all(&d.dataset, comm, comparison->base.data, comparison->base.cache);
  if (!status) settle_holdout(&d);
  if (!status) status = lks_comm_agree_all(comm, root ? lks_comparison_open(comparison) : LKS_OK);
  if (!status) announce(&d);
  if (!status) status = lks_job_warn_all(comm, lks_setup_threads(comm, &comparison->base));
  if (!status) status = tune_all(&d, part);
  if (!status) status = runs_all(&d, part);
  lks_dataset_close_all(&d.dataset);
  if (status == LKS_STOPPED)
    return lks_fail(LKS_STOPPED, "stopped on request; the same command goes on where it stopped");
  if (!status && d.diverged)
    return lks_fail(LKS_ERR_DIVERGED,
                    "%zu run%s diverged, the first one: %s; lower --lr, or choose it with --tune-lr",
                    d.diverged, d.diverged > 1 ? "s" : "", d.first_diverged);
  return status;
}
