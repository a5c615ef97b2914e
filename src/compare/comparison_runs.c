#include "compare/comparison_runs.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/integers.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/temporary.h"
#include "compare/arm_data.h"
#include "compare/comparison_run.h"
#include "compare/ranks_per_run.h"
#include "compare/tuning.h"
#include "config/config_value.h"
#include "lockstep/dataset.h"
#include "lockstep/profile.h"
#include "train/job.h"
#include "train/lone_sample.h"
#include "train/progress.h"
#include "train/setup.h"
#include "train/unseen_classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All runs of a comparison: which there are, which came to their end before, in which order and by how many ranks each the rest is
 * made. Rank 0 looks at the files; what it finds is agreed upon before anybody acts on it. */

typedef struct driver {
  lks_comm *comm;
  lks_comparison *comparison;
  lks_arm_data data;
  bool whole; /* this job makes all runs; of jobs that share the directory none takes what all are asked */
  lks_progress *progress; /* rank 0 */
  lks_lock *lock;         /* rank 0: of a directory that is this job's alone */
  size_t before;          /* steps of the whole that lie behind */
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

static const char *asked_in(const lks_comparison *c)
{
  return c->asked_in[0] ? c->asked_in : c->directory;
}

static void open_progress(driver *d, size_t steps)
{
  d->before = 0;
  if (lks_comm_rank(d->comm) == 0)
    d->progress = lks_progress_create(d->comparison->base.progress, steps, 1, 0);
}

/* The learning rate of an arm: the comparison's, or the chosen one. */
static lks_status rate_of(double *lr, const driver *d, size_t arm)
{
  bool done = false;
  lks_tuning tuning;
  *lr = d->comparison->arm[arm].config.lr;
  if (!lks_comparison_is_tuned(d->comparison, arm)) return LKS_OK;
  const lks_status status = lks_tuning_read(&tuning, &done, d->comparison, arm);
  if (!status && !done)
    return lks_fail(LKS_ERR_USAGE, "the learning rate of %s is not chosen yet: run --only '%s:tune' first",
                    d->comparison->arm[arm].name, d->comparison->arm[arm].name);
  if (!status) *lr = tuning.rate[tuning.chosen];
  return status;
}

static lks_status rate_all(double *lr, const driver *d, size_t arm)
{
  const bool root = lks_comm_rank(d->comm) == 0;
  const lks_status status = lks_comm_agree_all(d->comm, root ? rate_of(lr, d, arm) : LKS_OK);
  return status ? status : lks_comm_broadcast_all(d->comm, lr, sizeof *lr, 0);
}

static bool is_wanted(const lks_comparison_part *part, size_t arm, size_t seed)
{
  return part->all || (part->arm == arm && part->seed == seed);
}

/* Seed by seed, so that a comparison that is cut short has whole pairs. */
static lks_status list_runs_all(lks_run_task *tasks, size_t *count, const driver *d,
                                const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  double lr[LKS_ARMS_MAX];
  lks_status status = LKS_OK;
  *count = 0;
  for (size_t arm = 0; arm < c->arms && !status; arm++)
    if (part->all || part->arm == arm) status = rate_all(&lr[arm], d, arm);
  for (size_t seed = 0; seed < c->seeds && !status; seed++)
    for (size_t arm = 0; arm < c->arms; arm++)
      if (is_wanted(part, arm, seed)) {
        tasks[*count] = (lks_run_task){.comparison = c, .arm = arm, .index = seed, .lr = lr[arm]};
        ++*count;
      }
  for (size_t i = 0; i < *count; i++) {
    tasks[i].number = i + 1;
    tasks[i].count = *count;
  }
  return status;
}

static lks_status is_chosen_all(bool *done, const driver *d, size_t arm)
{
  const bool root = lks_comm_rank(d->comm) == 0;
  lks_tuning tuning;
  *done = false;
  const lks_status status =
      lks_comm_agree_all(d->comm, root ? lks_tuning_read(&tuning, done, d->comparison, arm) : LKS_OK);
  return status ? status : lks_comm_broadcast_all(d->comm, done, sizeof *done, 0);
}

/* Rates of the arms that have no choice recorded yet; chosen: of those that have. */
static lks_status list_rates_all(lks_run_task *tasks, size_t *count, bool *chosen, const driver *d,
                                 const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  lks_status status = LKS_OK;
  *count = 0;
  for (size_t arm = 0; arm < c->arms && !status; arm++) {
    chosen[arm] = true;
    if (!part->all && part->arm != arm) continue;
    if (!lks_comparison_is_tuned(c, arm)) {
      lks_say("%s sets lr itself: nothing is tuned for it", c->arm[arm].name);
      continue;
    }
    status = is_chosen_all(&chosen[arm], d, arm);
    for (size_t r = 0; r < c->rates && !status && !chosen[arm]; r++, ++*count)
      tasks[*count] =
          (lks_run_task){.comparison = c, .tune = true, .arm = arm, .index = r, .number = *count + 1};
  }
  return status;
}

static void count_diverged(driver *d, const lks_run_task *task, size_t step)
{
  char title[LKS_RUN_TITLE];
  if (task->tune) return; /* a rate that is too high is an answer, not a failure */
  lks_run_task_title(title, task);
  if (!d->diverged++) snprintf(d->first_diverged, sizeof d->first_diverged, "%s after step %zu", title, step);
}

/* Those that came to their end before are said and left out. */
static void leave_out_done(lks_run_task *tasks, size_t *count, driver *d)
{
  size_t left = 0;
  for (size_t i = 0; i < *count; i++) {
    char title[LKS_RUN_TITLE];
    if (!tasks[i].done) {
      tasks[left++] = tasks[i];
      continue;
    }
    lks_run_task_title(title, &tasks[i]);
    lks_progress_line(d->progress,
                      tasks[i].diverged ? "%s: diverged before, after step %zu" : "%s: finished before",
                      title, tasks[i].diverged_at);
    if (tasks[i].diverged) count_diverged(d, &tasks[i], tasks[i].diverged_at);
    d->before += lks_run_task_steps(&tasks[i]);
  }
  *count = left;
}

/* What rank 0 shows of a run that all ranks make. */
static void show_run(const driver *d, const lks_run_task *task, size_t before)
{
  char title[LKS_RUN_TITLE];
  lks_run_task_title(title, task);
  lks_progress_run(d->progress, title, before, task->epochs, task->steps);
}

static void note_outcome(driver *d, const lks_queue_outcome *outcome, const lks_run_task *tasks)
{
  if (!outcome->diverged) return;
  count_diverged(d, &tasks[outcome->first], outcome->first_at);
  if (!tasks[outcome->first].tune) d->diverged += outcome->diverged - 1;
}

/* A team's part of a phase. */
static lks_status make_runs_all(lks_run_queue *queue, lks_teams *teams, const driver *d,
                                const lks_run_task *tasks)
{
  const lks_comparison *c = d->comparison;
  const bool looks = d->whole && teams->count == 1;
  const lks_run_maker maker = {.teams = teams,
                               .queue = queue,
                               .data = &d->data,
                               .asked_in = looks ? asked_in(c) : NULL,
                               .begun = d->begun};
  size_t run, before = d->before;
  lks_status status = lks_run_queue_next_all(&run, queue);
  while (!status && run != LKS_NO_RUN) {
    if (teams->count == 1) show_run(d, &tasks[run], before);
    before += lks_run_task_steps(&tasks[run]);
    lks_comparison_run_make_all(&maker, run, &tasks[run]);
    status = lks_run_queue_next_all(&run, queue);
  }
  return status;
}

static lks_status run_phase_all(driver *d, const lks_run_task *tasks, size_t count, int number)
{
  lks_teams teams;
  lks_run_queue *queue;
  lks_queue_outcome outcome = {.status = LKS_OK};
  lks_request_files files = {.folder = {asked_in(d->comparison)}};
  size_t *steps = lks_new(count, sizeof *steps);
  for (size_t i = 0; i < count && steps; i++) steps[i] = lks_run_task_steps(&tasks[i]);
  lks_status status = lks_comm_agree_all(d->comm, steps ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = lks_teams_create_all(&teams, d->comm, number);
  if (!status) {
    status = lks_run_queue_create_all(&queue, &teams, count, steps, d->before, d->progress,
                                      d->whole ? &files : NULL);
    if (!status) {
      status = make_runs_all(queue, &teams, d, tasks);
      const lks_status ended = lks_run_queue_end_all(&outcome, &queue);
      status = status ? status : ended ? ended : outcome.status;
    }
    lks_teams_destroy_all(&teams);
  }
  lks_free(steps);
  note_outcome(d, &outcome, tasks);
  for (size_t i = 0; i < count; i++) d->before += lks_run_task_steps(&tasks[i]);
  return status;
}

/* What is wrong with files of one run is no reason to leave others undone; the first failure is told at the end. */
static lks_status run_phases_all(driver *d, const lks_run_phases *phases, const lks_run_task *tasks)
{
  char message[LKS_TEXT_MAX] = "";
  lks_status status = LKS_OK, failed = LKS_OK;
  for (size_t p = 0, first = 0; p < phases->phases && !status; first += phases->phase[p++].count) {
    status = run_phase_all(d, tasks + first, phases->phase[p].count, phases->phase[p].teams);
    if (status != LKS_ERR_IO && status != LKS_ERR_DATA) continue;
    if (!failed) snprintf(message, sizeof message, "%s", lks_message());
    if (!failed) failed = status;
    status = LKS_OK;
  }
  return !status && failed ? lks_fail(failed, "%s", message) : status;
}

static lks_status run_tasks_all(driver *d, lks_run_task *tasks, size_t count)
{
  lks_run_phases phases;
  size_t steps = 0;
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) status = lks_run_task_measure(&tasks[i], &d->data);
  status = lks_comm_agree_all(d->comm, status);
  if (!status) status = lks_run_tasks_find_done_all(tasks, count, d->comm);
  if (status) return status;
  for (size_t i = 0; i < count; i++) steps += lks_run_task_steps(&tasks[i]);
  open_progress(d, steps);
  leave_out_done(tasks, &count, d);
  status = lks_run_phases_choose_all(&phases, d->comm, tasks, count, &d->data, d->comparison->ranks_per_run);
  if (!status) status = run_phases_all(d, &phases, tasks);
  lks_progress_destroy(&d->progress);
  return status;
}

static lks_status choose_rates_all(const driver *d, const bool *chosen)
{
  const bool root = lks_comm_rank(d->comm) == 0;
  lks_status status = LKS_OK;
  for (size_t arm = 0; arm < d->comparison->arms && !status; arm++)
    if (!chosen[arm])
      status = lks_comm_agree_all(d->comm, root ? lks_tuning_choose(d->comparison, arm) : LKS_OK);
  return status;
}

static lks_status tune_all(driver *d, lks_run_task *tasks, const lks_comparison_part *part)
{
  bool chosen[LKS_ARMS_MAX] = {false};
  size_t count;
  if (!d->comparison->rates || !(part->all || part->tune)) return LKS_OK;
  lks_status status = list_rates_all(tasks, &count, chosen, d, part);
  if (!status) status = run_tasks_all(d, tasks, count);
  return status ? status : choose_rates_all(d, chosen);
}

static lks_status runs_all(driver *d, lks_run_task *tasks, const lks_comparison_part *part)
{
  size_t count;
  if (part->tune) return LKS_OK;
  const lks_status status = list_runs_all(tasks, &count, d, part);
  return status ? status : run_tasks_all(d, tasks, count);
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

static lks_status make_all(driver *d, const lks_comparison_part *part)
{
  const lks_comparison *c = d->comparison;
  const size_t most = c->rates > c->seeds ? c->rates : c->seeds;
  lks_run_task *tasks = lks_new(c->arms * most, sizeof *tasks);
  lks_status status = lks_comm_agree_all(d->comm, tasks ? LKS_OK : LKS_ERR_RANK);
  if (!status && tasks) status = tune_all(d, tasks, part);
  if (!status && tasks) status = runs_all(d, tasks, part);
  lks_free(tasks);
  return status;
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
  if (!status) status = make_all(&d, part);
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
