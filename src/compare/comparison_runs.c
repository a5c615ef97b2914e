#include "compare/comparison_runs.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/temporary.h"
#include "compare/arm_data.h"
#include "compare/results.h"
#include "compare/tuning.h"
#include "config/config_value.h"
#include "lockstep/dataset.h"
#include "lockstep/profile.h"
#include "lockstep/trainer.h"
#include "train/job.h"
#include "train/lone_sample.h"
#include "train/progress.h"
#include "train/setup.h"
#include "train/unseen_classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Runs of a comparison, one after the other, seed by seed, so that a comparison that is cut short has whole
 * pairs. Rank 0 looks at the files; what it finds is agreed upon before anybody acts on it. */

typedef struct driver {
  lks_comm *comm;
  lks_comparison *comparison;
  lks_arm_data data;
  bool whole; /* this job makes all runs; of jobs that share the directory none takes what all are asked */
  lks_progress *progress; /* rank 0 */
  lks_lock *lock;         /* rank 0: of a directory that is this job's alone */
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

/* Whether rank 0 finds that the run of a folder came to its end. */
static lks_status find_result_all(bool *done, lks_run_result *result, const driver *d, const char *folder)
{
  bool root = lks_comm_rank(d->comm) == 0;
  *done = false;
  *result = (lks_run_result){0};
  lks_status status = lks_comm_agree_all(d->comm, root ? lks_run_result_read(result, done, folder) : LKS_OK);
  if (!status) status = lks_comm_broadcast_all(d->comm, done, sizeof *done, 0);
  if (!status) status = lks_comm_broadcast_all(d->comm, result, sizeof *result, 0);
  return status;
}

static lks_run_result result_of(const lks_train_summary *summary, const lks_config *config,
                                const lks_comm *comm, bool diverged)
{
  lks_run_result result = {.diverged = diverged,
                           .diverged_at = summary->steps,
                           .has_epochs = true,
                           .epochs = summary->epochs,
                           .lr = config->lr,
                           .precise_loss = diverged ? NAN : summary->precise_loss,
                           .precise_accuracy = diverged ? NAN : summary->precise_accuracy,
                           .images_per_second = diverged ? NAN : summary->images_per_second,
                           .bn_share = diverged ? NAN : summary->bn_share,
                           .ranks = lks_comm_size(comm),
                           .threads = lks_setup_threads(comm, config),
                           .hosts = lks_comm_node_count(comm)};
  if (!diverged) memcpy(result.fingerprint, summary->fingerprint, sizeof result.fingerprint);
  return result;
}

static void count_diverged(driver *d, const char *title, size_t step)
{
  if (!d->diverged++) snprintf(d->first_diverged, sizeof d->first_diverged, "%s after step %zu", title, step);
}

/* Trains one run to its end, from where it stands. That it diverged is an end too. */
static lks_status train_all(driver *d, size_t arm, const lks_config *config, const char *title)
{
  const lks_comparison *c = d->comparison;
  lks_train_summary summary;
  lks_train_hooks hooks = {.dataset = lks_arm_data_of(&d->data, arm),
                           .quiet = true,
                           .unchanging = true,
                           .precise = config->bn.kind != LKS_NORM_NONE,
                           .step = on_step,
                           .context = d};
  if (d->whole) hooks.asked_in = c->asked_in[0] ? c->asked_in : c->directory;
  lks_status status = lks_train_hooked_all(&summary, d->comm, config, &hooks);
  const bool diverged = status == LKS_ERR_DIVERGED;
  if (status && !diverged) return status;
  if (diverged) {
    count_diverged(d, title, summary.steps);
    lks_progress_line(d->progress, "%s: diverged after step %zu", title, summary.steps);
  } else {
    lks_progress_line(d->progress, "%s: test accuracy %.4f; %.0f images/s", title, summary.test_accuracy,
                      summary.images_per_second);
  }
  lks_run_result result = result_of(&summary, config, d->comm, diverged);
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

static void say_done(driver *d, const lks_run_result *result, const char *title)
{
  if (result->diverged) count_diverged(d, title, result->diverged_at);
  lks_progress_line(d->progress,
                    result->diverged ? "%s: diverged before, after step %zu" : "%s: finished before", title,
                    result->diverged_at);
}

/* One run, unless it came to its end. Its folder may hold an interrupted one. */
static lks_status run_all(driver *d, size_t arm, lks_config *config, const char *title)
{
  bool done, begun = false, root = lks_comm_rank(d->comm) == 0;
  lks_run_result result;
  char settings[LKS_TEXT_MAX + 16];
  size_t steps;
  lks_status status = find_result_all(&done, &result, d, config->output);
  snprintf(settings, sizeof settings, "%s/config.ini", config->output);
  if (!status && root) begun = lks_file_exists(settings);
  if (!status) status = lks_comm_broadcast_all(d->comm, &begun, sizeof begun, 0);
  if (!status) status = lks_comm_agree_all(d->comm, lks_arm_data_steps(&steps, &d->data, arm, config));
  if (status) return status;
  config->resume = begun;
  lks_progress_run(d->progress, title, d->before, config->epochs, steps);
  if (done) say_done(d, &result, title);
  if (!done) status = share_time_all(config, d);
  if (!done && !status) status = train_all(d, arm, config, title);
  d->before += config->epochs * steps;
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
    char title[LKS_ARM_NAME + 64];
    lks_tuning_run_config(&config, d->comparison, arm, r);
    settle_execution(&config);
    snprintf(title, sizeof title, "tune %s lr %g", d->comparison->arm[arm].name, config.lr);
    status = run_all(d, arm, &config, title);
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
  *lr = d->comparison->arm[arm].config.lr;
  if (!lks_comparison_is_tuned(d->comparison, arm)) return LKS_OK;
  lks_status status = root ? lks_tuning_read(&tuning, &done, d->comparison, arm) : LKS_OK;
  if (!status && root && !done)
    status = lks_fail(LKS_ERR_USAGE, "the learning rate of %s is not chosen yet: run --only '%s:tune' first",
                      d->comparison->arm[arm].name, d->comparison->arm[arm].name);
  status = lks_comm_agree_all(d->comm, status);
  if (!status && root) *lr = tuning.rate[tuning.chosen];
  if (!status) status = lks_comm_broadcast_all(d->comm, lr, sizeof *lr, 0);
  return status;
}

static lks_status run_pair_member_all(driver *d, size_t arm, size_t seed, size_t number, size_t runs)
{
  lks_config config;
  char title[LKS_ARM_NAME + 64];
  lks_comparison_run_config(&config, d->comparison, arm, seed);
  settle_execution(&config);
  snprintf(title, sizeof title, "run %zu/%zu  %s seed %llu", number, runs, d->comparison->arm[arm].name,
           (unsigned long long)config.seed);
  lks_status status = rate_all(&config.lr, d, arm);
  return status ? status : run_all(d, arm, &config, title);
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

static bool is_wanted(const lks_comparison_part *part, size_t arm, size_t seed)
{
  return part->all || (part->arm == arm && part->seed == seed);
}

/* Steps of all runs that are ahead, so that the progress is that of the whole. */
static lks_status count_runs(size_t *steps, const driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  lks_status status = LKS_OK;
  *steps = 0;
  for (size_t arm = 0; arm < c->arms && !status; arm++) {
    size_t of_epoch = 0, runs = 0;
    for (size_t seed = 0; seed < c->seeds; seed++) runs += is_wanted(part, arm, seed);
    if (runs > 0) status = lks_arm_data_steps(&of_epoch, &d->data, arm, &c->arm[arm].config);
    *steps += runs * of_epoch * c->arm[arm].config.epochs;
  }
  return status;
}

static lks_status count_tuning(size_t *steps, const driver *d, size_t first, size_t end)
{
  const lks_comparison *c = d->comparison;
  lks_status status = LKS_OK;
  *steps = 0;
  for (size_t arm = first; arm < end && !status; arm++) {
    lks_config config;
    size_t of_epoch = 0;
    if (!lks_comparison_is_tuned(c, arm)) continue;
    lks_tuning_run_config(&config, c, arm, 0);
    status = lks_arm_data_steps(&of_epoch, &d->data, arm, &config);
    *steps += c->rates * of_epoch * config.epochs;
  }
  return status;
}

static void open_progress(driver *d, size_t steps)
{
  d->before = 0;
  if (lks_comm_rank(d->comm) == 0)
    d->progress = lks_progress_create(d->comparison->base.progress, steps, 1, 0);
}

static lks_status tune_all(driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  size_t first = part->all ? 0 : part->arm, end = part->all ? c->arms : part->arm + 1, steps;
  if (!c->rates || !(part->all || part->tune)) return LKS_OK;
  lks_status status = lks_comm_agree_all(d->comm, count_tuning(&steps, d, first, end));
  if (!status) open_progress(d, steps);
  for (size_t arm = first; arm < end && !status; arm++) {
    if (lks_comparison_is_tuned(c, arm))
      status = tune_arm_all(d, arm);
    else
      lks_progress_line(d->progress, "%s sets lr itself: nothing is tuned for it", c->arm[arm].name);
  }
  lks_progress_destroy(&d->progress);
  return status;
}

static lks_status runs_all(driver *d, const lks_comparison_part *part)
{
  size_t steps;
  if (part->tune) return LKS_OK;
  lks_status status = lks_comm_agree_all(d->comm, count_runs(&steps, d, part));
  if (status) return status;
  open_progress(d, steps);
  status = part->all ? run_every_all(d) : run_pair_member_all(d, part->arm, part->seed, 1, 1);
  lks_progress_destroy(&d->progress);
  return status;
}

/* A tenth of the training samples of the arm that has fewest, unless told otherwise. */
static void settle_holdout(const driver *d)
{
  lks_comparison *c = d->comparison;
  size_t fewest = SIZE_MAX;
  if (!c->rates || c->tune_holdout) return;
  for (size_t arm = 0; arm < c->arms; arm++) {
    const size_t all = lks_dataset_split(lks_arm_data_of(&d->data, arm), LKS_SPLIT_TRAIN).count,
                 given = c->arm[arm].config.train_samples;
    fewest = lks_min(fewest, given ? given : all);
  }
  c->tune_holdout = fewest >= 10 ? fewest / 10 : 1;
}

/* The value that all arms have, or `many`. */
static void print_common(char text[LKS_VALUE_MAX], const lks_comparison *c, const char *key, const char *many)
{
  char value[LKS_VALUE_MAX];
  const lks_option *option = lks_config_option(key);
  lks_config_value_print(text, &c->arm[0].config, option);
  for (size_t i = 1; i < c->arms; i++) {
    lks_config_value_print(value, &c->arm[i].config, option);
    if (strcmp(value, text) != 0) snprintf(text, LKS_VALUE_MAX, "%s", many);
  }
}

/* Once for all arms: those of a comparison differ in other things, as a rule. */
static void warn_of_unseen_classes(const driver *d)
{
  const lks_comparison *c = d->comparison;
  const lks_config *config = &c->arm[c->reference].config;
  const lks_dataset *dataset = lks_arm_data_of(&d->data, c->reference);
  lks_selection *selection = NULL;
  if (dataset && lks_selection_create(&selection, dataset, config->train_samples, config->holdout) == LKS_OK)
    lks_unseen_classes_warn(dataset, selection, config->holdout > 0);
  lks_selection_destroy(&selection);
}

static void announce(const driver *d)
{
  const lks_comparison *c = d->comparison;
  char model[LKS_VALUE_MAX], data[LKS_VALUE_MAX], epochs[LKS_VALUE_MAX], batch[LKS_VALUE_MAX];
  print_common(model, c, "model", "several models");
  print_common(data, c, "data", "several datasets");
  print_common(epochs, c, "epochs", "different numbers of");
  print_common(batch, c, "batch-size", "as each arm says");
  lks_say("compare  %zu arms x %zu seeds of %s on %s: %s epochs, batch size %s", c->arms, c->seeds, model,
          data, epochs, batch);
  lks_say("in       %s; what is finished there is not run again", c->directory);
  warn_of_unseen_classes(d);
  for (size_t arm = 0; arm < c->arms; arm++)
    if (lks_arm_data_of(&d->data, arm))
      lks_lone_groups_say(c->arm[arm].name, &c->arm[arm].config,
                          lks_samples_learned_from(lks_arm_data_of(&d->data, arm), &c->arm[arm].config), 1);
}

/* The datasets of the arms that this job runs; of all, when a tenth of the samples is to be held out. */
static lks_status open_data_all(driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  bool wanted[LKS_ARMS_MAX];
  for (size_t arm = 0; arm < c->arms; arm++)
    wanted[arm] = part->all || arm == part->arm || (c->rates && !c->tune_holdout);
  return lks_arm_data_open_all(&d->data, d->comm, c, wanted);
}

/* Whoever makes all runs is alone; jobs of one run each share the directory, and each locks its run's own. */
static lks_status open_comparison(driver *d, const lks_comparison_part *part)
{
  const char *directory = d->comparison->directory;
  lks_status status = lks_folder_make(directory);
  if (!status && part->all) status = lks_lock_take(&d->lock, directory, "comparison.lock", 0);
  return status ? status : lks_comparison_open(d->comparison);
}

/* What writers that are gone have left; each run tidies its own folder. */
static void tidy(const lks_comparison *comparison)
{
  char folder[LKS_TEXT_MAX + 8];
  snprintf(folder, sizeof folder, "%s/tune", comparison->directory);
  lks_temporary_tidy(comparison->directory);
  lks_temporary_tidy(folder);
}

lks_status lks_comparison_train_all(lks_comm *comm, lks_comparison *comparison,
                                    const lks_comparison_part *part)
{
  driver d = {.comm = comm, .comparison = comparison, .whole = part->all, .begun = lks_seconds()};
  bool root = lks_comm_rank(comm) == 0;
  lks_status status = open_data_all(&d, part);
  if (!status) settle_holdout(&d);
  if (!status) status = lks_comm_agree_all(comm, root ? open_comparison(&d, part) : LKS_OK);
  if (!status && root) tidy(comparison);
  if (!status) announce(&d);
  if (!status) status = lks_job_warn_all(comm, lks_setup_threads(comm, &comparison->base));
  if (!status) status = tune_all(&d, part);
  if (!status) status = runs_all(&d, part);
  lks_lock_release(&d.lock);
  lks_arm_data_close_all(&d.data);
  if (status == LKS_STOPPED)
    return lks_fail(LKS_STOPPED, "stopped on request; the same command goes on where it stopped");
  if (!status && d.diverged)
    return lks_fail(
        LKS_ERR_DIVERGED,
        "%zu run%s diverged, the first one: %s; lower --lr, or choose it with --tune-lr, in another directory",
        d.diverged, d.diverged > 1 ? "s" : "", d.first_diverged);
  return status;
}
