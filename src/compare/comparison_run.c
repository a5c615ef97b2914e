#include "compare/comparison_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "compare/results.h"
#include "lockstep/profile.h"
#include "lockstep/trainer.h"
#include "train/setup.h"

static void on_step(void *context, size_t step, size_t samples, double mean_loss)
{
  lks_run_queue_step(context, step, samples, mean_loss);
}

static void on_pulse(void *context)
{
  lks_run_queue_pulse(context);
}

static unsigned on_request(void *context)
{
  return lks_run_queue_requests(context);
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

/* What is left of the job's time, the leader's, to the run that begins. */
static lks_status share_time_all(lks_config *config, const lks_run_maker *maker, double limit)
{
  double left = limit - (lks_seconds() - maker->begun);
  const lks_status status = lks_comm_broadcast_all(maker->teams->own, &left, sizeof left, 0);
  if (status || limit == 0) return status;
  config->max_time = left;
  return left > 0 ? LKS_OK : LKS_STOPPED;
}

/* Its folder may hold an interrupted one, which goes on. */
static lks_status find_begun_all(lks_config *config, lks_comm *comm)
{
  char settings[LKS_TEXT_MAX + 16];
  bool begun = false;
  snprintf(settings, sizeof settings, "%s/config.ini", config->output);
  if (lks_comm_rank(comm) == 0) begun = lks_file_exists(settings);
  const lks_status status = lks_comm_broadcast_all(comm, &begun, sizeof begun, 0);
  config->resume = begun;
  return status;
}

static lks_status train_all(lks_train_summary *summary, const lks_run_maker *maker, const lks_run_task *task,
                            const lks_config *config)
{
  const lks_train_hooks hooks = {.dataset = lks_arm_data_of(maker->data, task->arm),
                                 .quiet = true,
                                 .unchanging = true,
                                 .precise = config->bn.kind != LKS_NORM_NONE,
                                 .asked_in = maker->asked_in,
                                 .step = on_step,
                                 .pulse = on_pulse,
                                 .requests = on_request,
                                 .context = maker->queue};
  const lks_status status = lks_train_hooked_all(summary, maker->teams->own, config, &hooks);
  const bool diverged = status == LKS_ERR_DIVERGED;
  if (status && !diverged) return status;
  const lks_run_result result = result_of(summary, config, maker->teams->own, diverged);
  const lks_status written = lks_comm_agree_all(
      maker->teams->own,
      lks_teams_leads(maker->teams) ? lks_run_result_write(config->output, &result) : LKS_OK);
  return written ? written : status;
}

static lks_status run_all(lks_train_summary *summary, const lks_run_maker *maker, const lks_run_task *task)
{
  lks_config config;
  lks_run_task_config(&config, task);
  lks_status status = find_begun_all(&config, maker->teams->own);
  if (!status) status = share_time_all(&config, maker, task->comparison->base.max_time);
  return status ? status : train_all(summary, maker, task, &config);
}

void lks_comparison_run_make_all(const lks_run_maker *maker, size_t number, const lks_run_task *task)
{
  lks_train_summary summary = {.steps = 0};
  char title[LKS_RUN_TITLE], line[LKS_RUN_TITLE + 100] = "";
  const lks_status status = run_all(&summary, maker, task);
  lks_run_task_title(title, task);
  if (status == LKS_ERR_DIVERGED)
    snprintf(line, sizeof line, "%s: diverged after step %zu", title, summary.steps);
  else if (!status)
    snprintf(line, sizeof line, "%s: test accuracy %.4f; %.0f images/s", title, summary.test_accuracy,
             summary.images_per_second);
  if (lks_teams_leads(maker->teams)) lks_run_queue_ended(maker->queue, number, status, summary.steps, line);
}
