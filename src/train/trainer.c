#include "train/trainer_parts.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "base/terminal.h"
#include "checkpoint/verification.h"
#include "lockstep/exact_sum.h"
#include "optim/schedule.h"
#include "train/event_file.h"
#include "train/job.h"
#include "train/resume_changes.h"
#include "train/run_directory.h"
#include "train/step_log.h"
#include "train/time_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A run from the command to the fingerprint. What happens depends on the configuration, the dataset and the
 * state alone, which all ranks share, so all ranks take the same way through this file. */

/* Learning rates of an epoch: rank 0's, for the cosine of another host's library may differ in its last bit.
 */
static lks_status share_schedule_all(lks_trainer *t)
{
  size_t steps = lks_loader_steps(t->train);
  for (size_t s = 0; s < steps; s++)
    t->lr[s] = lks_schedule_lr(&t->config, steps, t->state.epoch * steps + s);
  return lks_comm_broadcast_all(t->comm, t->lr, steps * sizeof *t->lr, 0);
}

static unsigned requests_of(lks_trainer *t)
{
  unsigned requests = lks_request_files_look(&t->files);
  if (t->hooks.requests) requests |= t->hooks.requests(t->hooks.context);
  if (lks_stop_requested() || lks_seconds() > t->deadline) requests |= LKS_REQUEST_STOP;
  if (lks_trainer_interval_is_over(t)) requests |= LKS_REQUEST_CHECKPOINT;
  return requests;
}

/* With the file that asked for it removed; what could not be written is still asked for. */
static lks_status save_all(lks_trainer *t, bool last)
{
  lks_status status = last      ? lks_trainer_checkpoint_last_all(t)
                      : t->save ? lks_trainer_checkpoint_now_all(t)
                                : lks_trainer_checkpoint_all(t);
  if (status || !t->save || t->checkpointed != t->state.step) return status;
  lks_progress_line(t->progress, "checkpoint of step %zu on request", t->state.step);
  lks_request_files_heeded(&t->files, LKS_REQUEST_SAVE);
  t->save = false;
  return LKS_OK;
}

static bool next_batch(lks_trainer *t, lks_loader *loader, lks_batch *batch)
{
  lks_profile_enter(&t->profile, LKS_PART_DATA);
  bool more = lks_loader_next(loader, batch);
  lks_profile_leave(&t->profile);
  return more;
}

static bool is_logged(const lks_trainer *t, size_t step)
{
  return t->config.log_every && step % t->config.log_every == 0;
}

/* The row of a step that is due: its mini-batch's figures, and those on the test samples if they are wanted. */
static lks_status log_step_all(lks_trainer *t, const lks_pass_result *result)
{
  const lks_config *c = &t->config;
  const lks_run_state *state = &t->state;
  if (!is_logged(t, state->step)) return LKS_OK;
  lks_evaluation test = {.loss = NAN, .accuracy = NAN};
  lks_status status =
      c->log_test ? lks_evaluate_loader_all(&test, t->setup, t->test, LKS_PASS_RUNNING) : LKS_OK;
  if (status) return status;
  const double samples = (double)result->samples;
  const lks_step_row row = {state->step,
                            state->epoch + 1,
                            t->lr[state->epoch_step - 1],
                            result->loss / samples,
                            (double)result->correct / samples,
                            test.loss,
                            test.accuracy};
  t->reached = c->stop_at > 0 && test.accuracy >= c->stop_at;
  if (t->reached) {
    t->row.test_loss = test.loss;
    t->row.test_accuracy = test.accuracy;
  }
  bool root = lks_comm_rank(t->comm) == 0;
  return lks_comm_agree_all(t->comm, root ? lks_step_log_append(t->tables, &row) : LKS_OK);
}

/* The passes of the probes are no training: their time is that of an evaluation. */
static lks_status probe_step_all(lks_trainer *t, const lks_batch *batch, const lks_pass_result *result,
                                 double lr)
{
  lks_profile_enter(&t->profile, LKS_PART_EVALUATION);
  lks_network_profile(t->setup->network, NULL);
  lks_status status = lks_probes_after_all(t->probes, batch, result, lr, t->state.step);
  lks_network_profile(t->setup->network, &t->profile);
  lks_profile_leave(&t->profile);
  return status;
}

/* A rank whose memory fails would go on with other parameters than the rest. */
static lks_status verify_all(lks_trainer *t)
{
  const size_t every = t->config.verify_every;
  if (!every || t->state.step % every) return LKS_OK;
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  lks_status status = lks_verification_check_all(t->comm, t->setup->network, t->optimizer);
  lks_profile_leave(&t->profile);
  return status ? lks_fail_in(status, "after step %zu, ", t->state.step) : LKS_OK;
}

/* Whether passes follow the step that is about to begin. */
static bool is_followed(const lks_trainer *t)
{
  const size_t step = t->state.step + 1;
  return lks_probes_due(t->probes, step) || (t->config.log_test && is_logged(t, step));
}

/* What follows the step; when that is given up, the step is too. */
static lks_status follow_all(lks_trainer *t, const lks_batch *batch, const lks_pass_result *result, double lr,
                             bool followed)
{
  lks_status status =
      lks_probes_due(t->probes, t->state.step) ? probe_step_all(t, batch, result, lr) : LKS_OK;
  if (!status) status = log_step_all(t, result);
  if (status == LKS_STOPPED && followed)
    lks_step_back_go(&t->back, t->setup->network, t->optimizer, &t->state);
  return status;
}

static lks_status step_all(lks_trainer *t, const lks_batch *batch, bool *stop)
{
  lks_pass_result result;
  lks_run_state *state = &t->state;
  if (lks_trainer_skips(t)) {
    state->step++;
    state->epoch_step++;
    return LKS_OK;
  }
  lks_status status = LKS_OK;
  const bool followed = is_followed(t);
  if (followed)
    status =
        lks_comm_agree_all(t->comm, lks_step_back_keep(&t->back, t->setup->network, t->optimizer, state));
  if (!status)
    status = lks_network_pass_all(t->setup->network, &result, LKS_PASS_TRAIN, batch, &t->setup->scaling,
                                  (uint32_t)state->step, requests_of(t));
  if (status == LKS_ERR_DIVERGED) t->suspect = state->step;
  if (status) return status;
  const double lr = t->lr[state->epoch_step];
  if (lks_probes_due(t->probes, state->step + 1)) lks_probes_before(t->probes);
  lks_profile_enter(&t->profile, LKS_PART_OPTIMIZER);
  lks_optimizer_step(t->optimizer, lr);
  lks_profile_leave(&t->profile);
  lks_exact_sum_merge(state->loss_limbs, result.loss_limbs, 1);
  state->correct += result.correct;
  state->samples += result.samples;
  state->step++;
  state->epoch_step++;
  t->images += batch->total;
  *stop = result.stop > 0;
  t->save |= result.save > 0;
  t->late = result.checkpoint > 0;
  double mean_loss = lks_exact_sum_value(state->loss_limbs) / (double)state->samples;
  lks_trainer_hear_of_checkpoint(t);
  lks_progress_step(t->progress, state->step, batch->total, mean_loss);
  if (t->hooks.step) t->hooks.step(t->hooks.context, state->step, batch->total, mean_loss);
  status = verify_all(t);
  return status ? status : follow_all(t, batch, &result, lr, followed);
}

static bool is_due(const lks_trainer *t)
{
  if (t->save || t->late || lks_trainer_is_best(t)) return true;
  return t->config.checkpoint_every && t->state.step % t->config.checkpoint_every == 0;
}

/* The mini-batches that an epoch has left, up to the accuracy to stop at. LKS_STOPPED after the step in which a rank asked for it, or before one that was given up. */
static lks_status train_epoch_all(lks_trainer *t)
{
  lks_batch batch;
  double begin = lks_seconds();
  size_t images = t->images;
  lks_status status = share_schedule_all(t);
  lks_loader_seek(t->train, t->state.epoch, t->state.epoch_step);
  while (!status && !t->reached && next_batch(t, t->train, &batch)) {
    bool stop = false;
    status = step_all(t, &batch, &stop);
    if (!status && stop) status = LKS_STOPPED;
    /* A checkpoint that is due where an epoch ends waits for the evaluation, and holds it too. */
    bool due = is_due(t) && t->state.epoch_step < lks_loader_steps(t->train);
    if (!status && due) status = save_all(t, false);
  }
  double seconds = lks_seconds() - begin;
  t->training_seconds += seconds;
  t->row.images_per_second = seconds > 0 ? (double)(t->images - images) / seconds : NAN;
  return status;
}

static void say_epoch(lks_trainer *t)
{
  const lks_metrics_row *row = &t->row;
  static const char whole[] =
      "epoch %zu/%zu: train loss %.4f, accuracy %.4f; test loss %.4f, accuracy %.4f; %.0f images/s";
  static const char narrow[] = "epoch %zu/%zu: train loss %.4f, %.2f%%; test loss %.4f, %.2f%%; %.0f/s";
  if (lks_terminal_table_width() >= 100)
    lks_progress_line(t->progress, whole, row->epoch, t->config.epochs, row->train_loss, row->train_accuracy,
                      row->test_loss, row->test_accuracy, row->images_per_second);
  else
    lks_progress_line(t->progress, narrow, row->epoch, t->config.epochs, row->train_loss,
                      100 * row->train_accuracy, row->test_loss, 100 * row->test_accuracy,
                      row->images_per_second);
}

/* Rank 0 writes the rows of an epoch. */
static lks_status write_metrics(const lks_trainer *t)
{
  const lks_network *network = t->setup->network;
  lks_status status = lks_metrics_append(t->tables, &t->row);
  if (!status && t->config.tensorboard) status = lks_event_append(t->tables, &t->row);
  for (size_t n = 0; n < lks_network_norms(network) && t->config.noise && !status; n++) {
    lks_noise noise = lks_network_noise(network, n);
    status = lks_metrics_append_noise(t->tables, t->row.epoch, &noise);
  }
  return status;
}

static lks_status finish_epoch_all(lks_trainer *t)
{
  lks_evaluation test;
  lks_status status = lks_evaluate_loader_all(&test, t->setup, t->test, LKS_PASS_RUNNING);
  if (status) return status;
  lks_run_state *state = &t->state;
  double samples = (double)state->samples;
  t->row.epoch = ++state->epoch;
  t->row.step = state->step;
  t->row.lr = t->lr[lks_loader_steps(t->train) - 1];
  t->row.train_loss = lks_exact_sum_value(state->loss_limbs) / samples;
  t->row.train_accuracy = (double)state->correct / samples;
  t->row.test_loss = test.loss;
  t->row.test_accuracy = test.accuracy;
  t->row.seconds = lks_trainer_seconds(t);
  bool root = lks_comm_rank(t->comm) == 0;
  status = lks_comm_agree_all(t->comm, root ? write_metrics(t) : LKS_OK);
  if (status) return status;
  lks_network_noise_reset(t->setup->network);
  say_epoch(t);
  lks_trainer_watch(t);
  state->epoch_step = 0;
  state->correct = state->samples = 0;
  memset(state->loss_limbs, 0, sizeof state->loss_limbs);
  if (state->epoch == t->config.epochs || t->reached || t->stale) return save_all(t, true);
  const bool each_epoch = !t->config.checkpoint_every && t->config.checkpoint_interval == 0;
  return each_epoch || is_due(t) ? save_all(t, false) : LKS_OK;
}

/* The epoch under way stays open: without stop-at, a resumed run goes on in it. */
static lks_status finish_early_all(lks_trainer *t)
{
  const lks_run_state *state = &t->state;
  t->row.train_loss = lks_exact_sum_value(state->loss_limbs) / (double)state->samples;
  t->row.train_accuracy = (double)state->correct / (double)state->samples;
  return save_all(t, true);
}

static void say_reached(const lks_trainer *t)
{
  lks_progress_line(t->progress, "test accuracy %.4f reached after step %zu, in epoch %zu: the run ends",
                    t->config.stop_at, t->state.step, t->state.epoch + (t->state.epoch_step > 0));
}

/* Rank 0. Takes back the rows that will be written again; *reached: one of those before says that the run is
 * over. */
static lks_status reopen_tables(bool *reached, const lks_trainer *t)
{
  const char *folder = t->config.output;
  char path[LKS_TEXT_MAX + 16];
  lks_step_row *row = NULL;
  size_t rows = 0, step;
  lks_status status = lks_metrics_truncate(folder, t->state.epoch);
  if (!status) status = lks_step_log_truncate(folder, t->state.step);
  if (!status) status = lks_event_truncate(folder, t->state.epoch * lks_loader_steps(t->train));
  snprintf(path, sizeof path, "%s/steps.csv", folder);
  if (status || t->config.stop_at <= 0 || !lks_file_exists(path)) return status;
  status = lks_step_log_read(&row, &rows, folder);
  *reached = !status && lks_step_log_reached(&step, row, rows, t->config.stop_at);
  lks_free(row);
  return status;
}

static lks_status reopen_tables_all(lks_trainer *t)
{
  bool root = lks_comm_rank(t->comm) == 0;
  lks_status status = lks_comm_agree_all(t->comm, root ? reopen_tables(&t->reached, t) : LKS_OK);
  if (!status) status = lks_comm_broadcast_all(t->comm, &t->reached, sizeof t->reached, 0);
  return status ? status : lks_trainer_watch_again_all(t);
}

static bool is_over(const lks_trainer *t)
{
  return t->reached || t->stale || t->state.epoch >= t->config.epochs;
}

static lks_status begin_probes_all(lks_trainer *t)
{
  return is_over(t) || !t->probes ? LKS_OK : lks_probes_begin_all(t->probes, t->state.step);
}

/* The rows of what is done again are taken back. */
static lks_status recover_all(lks_trainer *t)
{
  lks_status status = lks_trainer_recover_all(t);
  if (!status) status = reopen_tables_all(t);
  return status ? status : begin_probes_all(t);
}

/* Nothing to go back to is no way to begin. */
static bool wants_first_checkpoint(const lks_trainer *t)
{
  return t->config.on_nan == LKS_ON_NAN_ROLLBACK && t->checkpointed == SIZE_MAX;
}

static lks_status run_epochs_all(lks_trainer *t)
{
  bool root = lks_comm_rank(t->comm) == 0;
  lks_status status = t->config.resume ? reopen_tables_all(t) : LKS_OK;
  if (!status && t->config.resume) status = lks_trainer_find_best_all(t);
  if (!status) status = begin_probes_all(t);
  if (root && !t->hooks.quiet)
    t->progress =
        lks_progress_create(t->config.progress, t->config.epochs, lks_loader_steps(t->train), t->state.step);
  if (!status && !t->config.epochs) status = lks_trainer_checkpoint_last_all(t);
  if (!status && wants_first_checkpoint(t)) status = lks_trainer_checkpoint_now_all(t);
  while (!status && !is_over(t)) {
    status = train_epoch_all(t);
    bool whole = t->state.epoch_step == lks_loader_steps(t->train);
    if (!status) status = whole ? finish_epoch_all(t) : finish_early_all(t);
    if (status == LKS_ERR_DIVERGED) status = recover_all(t);
  }
  if (status == LKS_STOPPED) status = lks_status_worse(status, save_all(t, true));
  if (!status && t->reached) say_reached(t);
  if (!status && t->stale) lks_trainer_say_stale(t);
  if (!status) lks_trainer_say_best(t);
  if (!status) status = lks_probes_end_all(t->probes);
  lks_progress_destroy(&t->progress);
  return status;
}

/* Share of the training steps that went into batch-norm communication, mean over the ranks. */
static lks_status bn_share_all(double *share, const lks_trainer *t)
{
  static const lks_part parts[] = {LKS_PART_DATA,      LKS_PART_FORWARD, LKS_PART_BACKWARD,
                                   LKS_PART_OPTIMIZER, LKS_PART_BN_COMM, LKS_PART_GRADIENT_COMM,
                                   LKS_PART_STEP_COMM};
  double whole = 0, spread[3];
  for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) whole += t->profile.seconds[parts[p]];
  double mine = whole > 0 ? t->profile.seconds[LKS_PART_BN_COMM] / whole : 0;
  lks_status status = lks_comm_spread_all(t->comm, spread, &mine, 1);
  *share = status ? NAN : spread[1];
  return status;
}

static lks_status summarize_all(lks_train_summary *summary, lks_trainer *t)
{
  *summary = (lks_train_summary){.epochs = t->state.epoch,
                                 .steps = t->state.step,
                                 .train_loss = t->row.train_loss,
                                 .train_accuracy = t->row.train_accuracy,
                                 .test_loss = t->row.test_loss,
                                 .test_accuracy = t->row.test_accuracy,
                                 .precise_loss = NAN,
                                 .precise_accuracy = NAN,
                                 .images_per_second = NAN,
                                 .seconds = lks_trainer_seconds(t)};
  if (t->training_seconds > 0) summary->images_per_second = (double)t->images / t->training_seconds;
  lks_profile_settle(&t->profile);
  lks_status status = lks_fingerprint_all(summary->fingerprint, t->comm, t->setup->network, t->optimizer);
  if (!status) status = bn_share_all(&summary->bn_share, t);
  if (!status && t->images && !t->hooks.quiet) status = lks_time_table_print_all(t->comm, &t->profile);
  return status;
}

/* The last thing of a run: it changes the running statistics, after everything has been written. */
static lks_status evaluate_precisely_all(lks_train_summary *summary, lks_trainer *t)
{
  lks_evaluation test;
  lks_status status = lks_precise_statistics_all(t->setup, t->train);
  if (!status) status = lks_evaluate_loader_all(&test, t->setup, t->test, LKS_PASS_RUNNING);
  if (status) return status;
  summary->precise_loss = test.loss;
  summary->precise_accuracy = test.accuracy;
  return LKS_OK;
}

/* Before the run directory is made or changed, there is nothing to be kept. */
static lks_status heed_early_stop_all(const lks_trainer *t)
{
  return lks_comm_agree_all(t->comm, lks_stop_at_once()
                                         ? lks_fail(LKS_STOPPED, "stopped on request before the first step")
                                         : LKS_OK);
}

static lks_status note_changes_all(lks_trainer *t)
{
  if (!t->resumed_from[0]) return LKS_OK;
  return lks_comm_agree_all(t->comm,
                            lks_resume_changes_note(t->tables, &t->resumed_with, &t->config, t->state.step));
}

/* A run writes to its directory last, when nothing but training itself can go wrong any more. */
static lks_status train_all(lks_train_summary *summary, lks_trainer *t)
{
  lks_status status = LKS_OK;
  if (!t->dataset) {
    const lks_dataset_options how = lks_dataset_options_of(&t->config);
    status = lks_dataset_open_all(&t->opened, t->comm, t->config.data, &how);
    if (status == LKS_ERR_IO && t->config.resume && t->config.data[0] != '/')
      status = lks_comm_agree_all(
          t->comm,
          lks_comm_rank(t->comm) == 0
              ? lks_fail(
                    status,
                    "%.500s; a run names its dataset as seen from the folder that it was started in: go there, or name it again: train DATA.h5 --resume --output %s",
                    lks_message(), t->config.output)
              : LKS_OK);
    t->dataset = t->opened;
  }
  lks_comm_stall_limit(t->comm, t->config.stall_limit); /* opening may take long: one rank of a node reads */
  if (!status) status = heed_early_stop_all(t);
  if (!status && t->config.resume)
    status = lks_run_directory_find_all(t->comm, &t->config, t->hooks.unchanging, &t->lock);
  if (!status) status = lks_trainer_prepare_all(t);
  if (!status) status = heed_early_stop_all(t);
  if (!status) status = lks_run_directory_open_all(t->comm, &t->config, &t->lock);
  if (status) return status;
  if (lks_comm_rank(t->comm) == 0)
    t->files = (lks_request_files){.folder = {t->config.output, t->hooks.asked_in}};
  if (!t->hooks.quiet) {
    lks_trainer_announce(t);
    status = lks_job_warn_all(t->comm, lks_setup_threads(t->comm, &t->config));
    if (status) return status;
  }
  status = note_changes_all(t);
  if (status) return status;
  lks_profile_start(&t->profile);
  lks_status outcome = run_epochs_all(t);
  if (outcome && outcome != LKS_STOPPED) {
    lks_trainer_keep_rows(t, outcome);
    *summary = (lks_train_summary){.epochs = t->state.epoch, .steps = t->state.step};
    return outcome;
  }
  status = summarize_all(summary, t);
  if (!status && !outcome && t->hooks.precise) outcome = evaluate_precisely_all(summary, t);
  if (status || outcome != LKS_STOPPED) return lks_status_worse(status, outcome);
  lks_request_files_heeded(&t->files, LKS_REQUEST_STOP);
  return lks_fail(outcome,
                  "stopped on request after step %zu; the same command with --resume --output %s goes on",
                  t->state.step, t->config.output);
}

lks_status lks_train_hooked_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config,
                                const lks_train_hooks *hooks)
{
  lks_trainer t = {.comm = comm,
                   .config = *config,
                   .hooks = *hooks,
                   .dataset = hooks->dataset,
                   .begun = lks_seconds(),
                   .taken = lks_seconds(),
                   .checkpointed = SIZE_MAX,
                   .writing = SIZE_MAX,
                   .suspect = SIZE_MAX,
                   .row = {.train_loss = NAN, .train_accuracy = NAN, .test_loss = NAN, .test_accuracy = NAN}};
  lks_profile_start(&t.profile);
  lks_status status = train_all(summary, &t);
  lks_trainer_release_all(&t);
  return status;
}

lks_status lks_train_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config)
{
  const lks_train_hooks none = {0};
  return lks_train_hooked_all(summary, comm, config, &none);
}
