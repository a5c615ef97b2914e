#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/life.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/printed.h"
#include "base/stop_request.h"
#include "base/temporary.h"
#include "base/wrapped.h"
#include "compare/comparison_runs.h"
#include "compare/results.h"
#include "lockstep/network.h"
#include "lockstep/profile.h"
#include "study/pages.h"
#include "study/plan.h"
#include "train/request_files.h"

/* A study from its plan to its page. Rank 0 looks at the files; what it finds is agreed upon before anybody acts
 * on it. */

typedef struct driver {
  lks_comm *comm;
  lks_study_plan *plan;
  bool root;
  lks_lock *lock; /* rank 0: of the study's folder */
  double begun;   /* for --max-time, which is the whole job's */
} driver;

static const char stopped[] = "stopped on request; the same command goes on where it stopped";

/* What rank 0 finds in the folders decides which file is read, and is made if it is not there. */
static lks_status find_data_all(char data[LKS_TEXT_MAX], lks_comm *comm, const lks_study_options *options)
{
  lks_status status = LKS_OK;
  memset(data, 0, LKS_TEXT_MAX);
  if (lks_comm_rank(comm) == 0) status = lks_study_data(data, options);
  status = lks_comm_agree_all(comm, status);
  return status ? status : lks_comm_broadcast_all(comm, data, LKS_TEXT_MAX, 0);
}

static lks_status open(driver *d)
{
  const lks_study_plan *plan = d->plan;
  lks_status status = lks_folder_make(plan->folder);
  if (!status) status = lks_lock_take(&d->lock, plan->folder, "study.lock", 0);
  if (!status) lks_temporary_tidy(plan->folder);
  if (!status) status = lks_study_file_open(plan);
  return status || plan->study->prepare == NULL ? status : plan->study->prepare(plan);
}

static lks_status open_all(driver *d)
{
  return lks_comm_agree_all(d->comm, d->root ? open(d) : LKS_OK);
}

/* What is left of the job's time to the comparison that begins. */
static lks_status share_time_all(lks_comparison *part, const driver *d)
{
  const double limit = d->plan->options.max_time;
  double left = limit - (lks_seconds() - d->begun);
  const lks_status status = lks_comm_broadcast_all(d->comm, &left, sizeof left, 0);
  if (status || limit == 0) return status;
  part->base.max_time = left;
  return left > 0 ? LKS_OK : lks_fail(LKS_STOPPED, "%s", stopped);
}

/* That a run diverges is an answer of the study. */
static lks_status train_all(const driver *d)
{
  const lks_comparison_part everything = {.all = true};
  lks_status status = LKS_OK;
  for (size_t i = 0; i < d->plan->parts && !status; i++) {
    status = share_time_all(d->plan->part[i], d);
    if (!status) status = lks_comparison_train_all(d->comm, d->plan->part[i], &everything);
    if (status == LKS_ERR_DIVERGED) status = LKS_OK;
  }
  return status;
}

lks_status lks_study_run_make(lks_study_run *run, const lks_study_plan *plan, size_t part, size_t arm,
                              size_t seed)
{
  const lks_comparison *comparison = plan->part[part];
  *run = (lks_study_run){.plan = plan, .part = part, .arm = arm, .seed = seed};
  run->arm_name = comparison->arm[arm].name;
  lks_comparison_run_config(&run->config, comparison, arm, seed);
  snprintf(run->checkpoint, sizeof run->checkpoint, "%s/last.h5", run->config.output);
  return lks_config_check(&run->config);
}

lks_status lks_study_read_off(lks_readings *readings, const lks_study_run *run, const char *quantity,
                              double value)
{
  return lks_readings_add(readings, run->arm_name, run->config.seed, quantity, value);
}

void lks_study_run_readings(char path[LKS_TEXT_MAX + 16], const lks_study_run *run)
{
  snprintf(path, LKS_TEXT_MAX + 16, "%s/readings.csv", run->config.output);
}

/* Whether a run waits to be measured: it came to its end, and nobody did. */
static lks_status waits_all(bool *waits, const driver *d, const lks_study_run *run)
{
  lks_status status = LKS_OK;
  *waits = false;
  if (d->root) {
    char path[LKS_TEXT_MAX + 16];
    lks_run_result result;
    bool done = false;
    lks_study_run_readings(path, run);
    status = lks_run_result_read(&result, &done, run->config.output);
    *waits = !status && done && !result.diverged && !lks_file_exists(path);
  }
  status = lks_comm_agree_all(d->comm, status);
  return status ? status : lks_comm_broadcast_all(d->comm, waits, sizeof *waits, 0);
}

/* By a file in the folder of all studies, to rank 0. */
static bool is_asked_by_file(const driver *d)
{
  lks_request_files files = {.folder = {d->plan->options.directory}};
  if (!d->root || !(lks_request_files_look(&files) & LKS_REQUEST_STOP)) return false;
  lks_request_files_heeded(&files, LKS_REQUEST_STOP);
  return true;
}

/* A request to stop may have come to any rank. */
static lks_status heed_stop_all(const driver *d)
{
  const double limit = d->plan->options.max_time;
  const bool late = limit > 0 && d->root && lks_seconds() - d->begun > limit;
  const bool stops = lks_stop_requested() || late || is_asked_by_file(d);
  return lks_comm_agree_all(d->comm, stops ? lks_fail(LKS_STOPPED, "%s", stopped) : LKS_OK);
}

static lks_status measure_run_all(const driver *d, const lks_study_run *run)
{
  lks_readings readings = {0};
  bool waits;
  lks_status status = waits_all(&waits, d, run);
  if (status || !waits) return status;
  status = heed_stop_all(d);
  if (!status) status = d->plan->study->measure_all(&readings, d->comm, run);
  if (!status && d->root) {
    char path[LKS_TEXT_MAX + 16];
    lks_temporary_tidy(run->config.output);
    lks_study_run_readings(path, run);
    status = lks_readings_write(path, &readings);
  }
  lks_readings_free(&readings);
  return lks_comm_agree_all(d->comm, status);
}

static lks_status measure_part_all(const driver *d, size_t part)
{
  const lks_comparison *comparison = d->plan->part[part];
  lks_dataset *data = NULL;
  const lks_dataset_options how = lks_dataset_options_of(&comparison->base);
  lks_status status = lks_dataset_open_all(&data, d->comm, comparison->base.data, &how);
  for (size_t seed = 0; seed < comparison->seeds && !status; seed++)
    for (size_t arm = 0; arm < comparison->arms && !status; arm++) {
      lks_study_run run;
      status = lks_comm_agree_all(d->comm, lks_study_run_make(&run, d->plan, part, arm, seed));
      run.data = data;
      if (!status) status = measure_run_all(d, &run);
    }
  lks_dataset_close_all(&data);
  return status;
}

static lks_status measure_all(const driver *d)
{
  lks_status status = LKS_OK;
  if (d->plan->study->measure_all == NULL) return LKS_OK;
  lks_say("measure  what the trained networks do");
  for (size_t i = 0; i < d->plan->parts && !status; i++) status = measure_part_all(d, i);
  return status;
}

static lks_status run_plan_all(driver *d)
{
  lks_status status = open_all(d);
  if (!status) status = train_all(d);
  if (!status) status = measure_all(d);
  const lks_phase before = lks_life_enter(LKS_PHASE_REPORT);
  if (!status) status = lks_comm_agree_all(d->comm, d->root ? lks_study_page(d->plan) : LKS_OK);
  lks_life_enter(before);
  return status;
}

static lks_status announce(const lks_study *study)
{
  char *text;
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream, "study    %s: ", study->name);
  lks_wrapped_print(printed.stream, study->claim, 11 + strlen(study->name), 9);
  status = lks_printed_text(&text, &printed);
  if (!status) lks_say("%.*s", (int)strlen(text) - 1, text);
  lks_free(text);
  return status;
}

lks_status lks_study_all(lks_comm *comm, const lks_study *study, const lks_study_options *options)
{
  driver d = {.comm = comm, .root = lks_comm_rank(comm) == 0, .begun = lks_seconds()};
  char data[LKS_TEXT_MAX];
  lks_status status = find_data_all(data, comm, options);
  if (status) return status;
  status = lks_comm_agree_all(comm, announce(study));
  if (!status)
    status = lks_comm_agree_all(
        comm, lks_study_plan_create(&d.plan, study, options, NULL, data, lks_comm_size(comm)));
  if (!status) status = run_plan_all(&d);
  lks_lock_release(&d.lock);
  lks_study_plan_destroy(&d.plan);
  return status;
}

lks_status lks_studies_all(lks_comm *comm, const lks_study_options *options)
{
  size_t count;
  const lks_study *const *study = lks_studies(&count);
  const double begun = lks_seconds();
  lks_study_options left = *options;
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    if (options->max_time > 0) left.max_time = options->max_time - (lks_seconds() - begun);
    status = lks_comm_broadcast_all(comm, &left.max_time, sizeof left.max_time, 0);
    if (!status && left.max_time < 0) status = lks_fail(LKS_STOPPED, "%s", stopped);
    if (!status) status = lks_study_all(comm, study[i], &left);
  }
  const bool root = lks_comm_rank(comm) == 0;
  if (!status) status = lks_comm_agree_all(comm, root ? lks_studies_page(options->directory) : LKS_OK);
  return status;
}
