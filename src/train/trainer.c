#include "lockstep/trainer.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/profile.h"
#include "lockstep/exact_sum.h"
#include "train/evaluation.h"
#include "train/metrics.h"
#include "train/optimizer.h"
#include "train/progress.h"
#include "train/run_directory.h"
#include "train/schedule.h"
#include "train/stop.h"
#include "train/time_table.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* A run from the command to the fingerprint. What happens depends on the configuration, the dataset and the
 * state alone, which all ranks share, so all ranks take the same way through this file. */

typedef struct trainer {
  lks_comm *comm;
  lks_config config;
  lks_dataset *dataset;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *train, *test;
  lks_progress *progress; /* rank 0 */
  lks_profile profile;
  lks_run_state state;
  double *lr;                   /* [steps of an epoch] */
  double begun, seconds_before; /* of this job; of the jobs before it */
  size_t images, checkpointed;  /* trained on in this job; step of the newest checkpoint, SIZE_MAX: none */
  double training_seconds;
  lks_metrics_row row; /* of the last epoch */
} trainer;

static double seconds_so_far(const trainer *t)
{
  return t->seconds_before + lks_seconds() - t->begun;
}

static lks_status create_loaders(trainer *t)
{
  const lks_config *c = &t->config;
  lks_status status = lks_loader_create(&t->train, t->dataset, LKS_SPLIT_TRAIN, c->batch_size, true, c->seed,
                                        c->train_samples, lks_network_shard_function, t->setup->network);
  if (!status)
    status = lks_loader_create(&t->test, t->dataset, LKS_SPLIT_TEST, c->batch_size, false, c->seed, 0,
                               lks_network_shard_function, t->setup->network);
  if (!status) status = lks_prepare_for_loader(t->setup->network, t->train, c->batch_size, true);
  if (!status) status = lks_prepare_for_loader(t->setup->network, t->test, c->batch_size, false);
  if (status) return status;
  t->lr = lks_new(lks_loader_steps(t->train), sizeof *t->lr);
  return t->lr ? LKS_OK : LKS_ERR_RANK;
}

/* A checkpoint knows its model's text; a new run looks it up. */
static lks_status create_setup_all(trainer *t, const char *model_text)
{
  char *text = NULL;
  const lks_dataset *d = t->dataset;
  lks_status status = model_text ? LKS_OK : lks_model_text_all(&text, t->comm, t->config.model);
  if (status) return status;
  lks_setup_input input = {model_text ? model_text : text,
                           t->config.model,
                           lks_dataset_shape(d),
                           lks_dataset_classes(d),
                           !lks_dataset_split(d, LKS_SPLIT_TRAIN).pixels,
                           lks_dataset_mean(d),
                           lks_dataset_std(d)};
  status = lks_setup_create_all(&t->setup, t->comm, &t->config, &input);
  lks_free(text);
  return status;
}

/* A checkpoint may have been put in the place of the run's own. */
static lks_status check_same_run(const trainer *t, const lks_checkpoint_header *header, const char *path)
{
  if (lks_run_directory_same(&header->config, &t->config) != LKS_OK)
    return lks_fail(LKS_ERR_DATA, "%s is a checkpoint of another run: %s", path, lks_message());
  if (!strcmp(header->data_hash, lks_dataset_hash(t->dataset))) return LKS_OK;
  return lks_fail(
      LKS_ERR_DATA,
      "%s was trained on other data (content_hash %s) than %s (%s): name the same dataset to resume", path,
      header->data_hash, t->config.data, lks_dataset_hash(t->dataset));
}

/* Everything that a run stands on; continues from `resume_from` unless that is empty. */
static lks_status prepare_all(trainer *t, const char *resume_from)
{
  lks_checkpoint_header header = {0};
  bool resume = resume_from[0];
  lks_status status = resume ? lks_checkpoint_header_all(&header, t->comm, resume_from) : LKS_OK;
  if (status) return status;
  if (resume) {
    t->state = header.state;
    t->seconds_before = header.state.seconds;
    t->checkpointed = header.state.step;
    status = lks_comm_agree_all(t->comm, check_same_run(t, &header, resume_from));
  }
  if (!status) status = create_setup_all(t, resume ? header.model_text : NULL);
  lks_checkpoint_header_clear(&header);
  if (status) return status;
  status = lks_optimizer_create(&t->optimizer, &t->config, t->setup->network);
  if (!status) status = create_loaders(t);
  status = lks_comm_agree_all(t->comm, status);
  if (!status && resume)
    status = lks_checkpoint_load_all(t->comm, resume_from, t->setup->network, t->optimizer);
  if (!status) lks_network_profile(t->setup->network, &t->profile);
  return status;
}

static void warn_of_settings(const trainer *t, int threads)
{
  size_t ranks = (size_t)lks_comm_size(t->comm), m = t->config.microbatch;
  size_t microbatches = (t->config.batch_size + m - 1) / m;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (ranks > microbatches)
    lks_warn("%zu ranks share %zu microbatches, so %zu ranks have nothing to do: use at most -np %zu, or "
             "--microbatch %zu "
             "(which gives other bits)",
             ranks, microbatches, ranks - microbatches, microbatches,
             t->config.batch_size > ranks ? t->config.batch_size / ranks : 1);
  if ((long)lks_comm_node_size(t->comm) * threads > cores)
    lks_warn("%d ranks x %d threads on %ld cores of %s: fewer would run faster", lks_comm_node_size(t->comm),
             threads, cores, lks_comm_host(t->comm));
  if (!strcmp(t->config.bn, "rank") && ranks > 1)
    lks_warn("--bn rank depends on the rank count; --bn rank:%zu gives the same bits at any", ranks);
  if (!strcmp(t->config.reduce, "mpi"))
    lks_warn("--reduce mpi gives up the promise of the same bits at any rank count");
}

static void say_beginning(const trainer *t)
{
  lks_shape shape = lks_dataset_shape(t->dataset);
  const lks_config *c = &t->config;
  int threads = c->threads ? (int)c->threads : lks_threads_default(t->comm);
  lks_say("data     %s: %zu training and %zu test samples of %zux%zux%zu, %zu classes", c->data,
          lks_loader_samples(t->train), lks_loader_samples(t->test), shape.height, shape.width,
          shape.channels, lks_dataset_classes(t->dataset));
  lks_say("model    %s, %zu parameters, batch norm %s", c->model,
          lks_network_parameter_count(t->setup->network), c->bn);
  lks_say("batch    %zu samples in microbatches of %zu; %zu steps an epoch, %zu epochs", c->batch_size,
          c->microbatch, lks_loader_steps(t->train), c->epochs);
  lks_say("run      %d rank%s on %d host%s, %d thread%s each; %.0f MB a rank; %s", lks_comm_size(t->comm),
          lks_comm_size(t->comm) > 1 ? "s" : "", lks_comm_node_count(t->comm),
          lks_comm_node_count(t->comm) > 1 ? "s" : "", threads, threads > 1 ? "s" : "",
          1e-6 * (double)lks_network_bytes(t->setup->network), c->output);
  warn_of_settings(t, threads);
}

static lks_status checkpoint_all(trainer *t)
{
  if (t->checkpointed == t->state.step) return LKS_OK;
  char path[LKS_TEXT_MAX + 64];
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  t->state.seconds = seconds_so_far(t);
  lks_run_directory_checkpoint(path, &t->config, t->state.step);
  lks_status status = lks_checkpoint_write_all(t->comm, path, &t->config, t->setup->model, t->dataset,
                                               t->setup->network, t->optimizer, &t->state);
  bool root = lks_comm_rank(t->comm) == 0;
  if (!status)
    status = lks_comm_agree_all(t->comm, root ? lks_run_directory_link(&t->config, t->state.step) : LKS_OK);
  if (!status) t->checkpointed = t->state.step;
  lks_profile_leave(&t->profile);
  return status;
}

/* Learning rates of an epoch: rank 0's, for the cosine of another host's library may differ in its last bit.
 */
static lks_status share_schedule_all(trainer *t)
{
  size_t steps = lks_loader_steps(t->train);
  for (size_t s = 0; s < steps; s++)
    t->lr[s] = lks_schedule_lr(&t->config, steps, t->state.epoch * steps + s);
  return lks_comm_broadcast_all(t->comm, t->lr, steps * sizeof *t->lr, 0);
}

static bool wants_to_stop(const trainer *t)
{
  bool late = t->config.max_time > 0 && lks_seconds() - t->begun > t->config.max_time;
  return late || lks_stop_requested();
}

static bool next_batch(trainer *t, lks_loader *loader, lks_batch *batch)
{
  lks_profile_enter(&t->profile, LKS_PART_DATA);
  bool more = lks_loader_next(loader, batch);
  lks_profile_leave(&t->profile);
  return more;
}

static lks_status step_all(trainer *t, const lks_batch *batch, bool *stop)
{
  lks_pass_result result;
  lks_run_state *state = &t->state;
  lks_status status = lks_network_pass_all(t->setup->network, &result, LKS_PASS_TRAIN, batch, &t->setup->form,
                                           (uint32_t)state->step, wants_to_stop(t));
  if (status) return status;
  lks_profile_enter(&t->profile, LKS_PART_OPTIMIZER);
  lks_optimizer_step(t->optimizer, t->lr[state->epoch_step]);
  lks_profile_leave(&t->profile);
  lks_exact_sum_merge(state->loss_limbs, result.loss_limbs, 1);
  state->correct += result.correct;
  state->samples += result.samples;
  state->step++;
  state->epoch_step++;
  t->images += batch->total;
  *stop = result.stop > 0;
  lks_progress_step(t->progress, state->step, batch->total,
                    lks_exact_sum_value(state->loss_limbs) / (double)state->samples);
  return LKS_OK;
}

/* The mini-batches that an epoch has left. LKS_STOPPED after the step in which a rank asked for it. */
static lks_status train_epoch_all(trainer *t)
{
  lks_batch batch;
  double begin = lks_seconds();
  size_t images = t->images;
  lks_status status = share_schedule_all(t);
  lks_loader_seek(t->train, t->state.epoch, t->state.epoch_step);
  while (!status && next_batch(t, t->train, &batch)) {
    bool stop = false;
    status = step_all(t, &batch, &stop);
    if (!status && stop)
      status = lks_fail(LKS_STOPPED, "stopped on request after step %zu; --resume continues", t->state.step);
    bool due = t->config.checkpoint_every && t->state.step % t->config.checkpoint_every == 0;
    if (status == LKS_STOPPED || (!status && due)) status = lks_status_worse(status, checkpoint_all(t));
  }
  double seconds = lks_seconds() - begin;
  t->training_seconds += seconds;
  t->row.images_per_second = seconds > 0 ? (double)(t->images - images) / seconds : NAN;
  return status;
}

static void say_epoch(trainer *t)
{
  const lks_metrics_row *row = &t->row;
  lks_progress_line(
      t->progress,
      "epoch %zu/%zu: train loss %.4f, accuracy %.4f; test loss %.4f, accuracy %.4f; %.0f images/s",
      row->epoch, t->config.epochs, row->train_loss, row->train_accuracy, row->test_loss, row->test_accuracy,
      row->images_per_second);
}

static lks_status finish_epoch_all(trainer *t)
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
  t->row.seconds = seconds_so_far(t);
  bool root = lks_comm_rank(t->comm) == 0;
  status = lks_comm_agree_all(t->comm, root ? lks_metrics_append(t->config.output, &t->row) : LKS_OK);
  if (status) return status;
  say_epoch(t);
  state->epoch_step = 0;
  state->correct = state->samples = 0;
  memset(state->loss_limbs, 0, sizeof state->loss_limbs);
  bool at_epochs = !t->config.checkpoint_every || state->epoch == t->config.epochs;
  return at_epochs ? checkpoint_all(t) : LKS_OK;
}

static lks_status run_epochs_all(trainer *t)
{
  bool root = lks_comm_rank(t->comm) == 0;
  lks_status status = LKS_OK;
  if (t->config.resume && root) status = lks_metrics_truncate(t->config.output, t->state.epoch);
  status = lks_comm_agree_all(t->comm, status);
  if (root)
    t->progress =
        lks_progress_create(t->config.progress, t->config.epochs, lks_loader_steps(t->train), t->state.step);
  if (!status && !t->config.epochs) status = checkpoint_all(t);
  while (!status && t->state.epoch < t->config.epochs) {
    status = train_epoch_all(t);
    if (!status) status = finish_epoch_all(t);
  }
  lks_progress_destroy(&t->progress);
  return status;
}

static lks_status summarize_all(lks_train_summary *summary, trainer *t)
{
  summary->epochs = t->state.epoch;
  summary->steps = t->state.step;
  summary->train_loss = t->row.train_loss;
  summary->train_accuracy = t->row.train_accuracy;
  summary->test_loss = t->row.test_loss;
  summary->test_accuracy = t->row.test_accuracy;
  summary->images_per_second = t->training_seconds > 0 ? (double)t->images / t->training_seconds : NAN;
  summary->seconds = seconds_so_far(t);
  lks_profile_settle(&t->profile);
  lks_status status = lks_fingerprint_all(summary->fingerprint, t->comm, t->setup->network, t->optimizer);
  if (!status && t->images) status = lks_time_table_print_all(t->comm, &t->profile);
  return status;
}

static void destroy_all(trainer *t)
{
  lks_loader_destroy(&t->train);
  lks_loader_destroy(&t->test);
  lks_optimizer_destroy(&t->optimizer);
  lks_setup_destroy_all(&t->setup);
  lks_dataset_close_all(&t->dataset);
  lks_free(t->lr);
}

/* A run writes to its directory last, when nothing but training itself can go wrong any more. */
static lks_status train_all(lks_train_summary *summary, trainer *t)
{
  char resume_from[LKS_TEXT_MAX + 32] = "";
  bool resume = t->config.resume;
  lks_status status = lks_dataset_open_all(&t->dataset, t->comm, t->config.data);
  if (!status && resume) status = lks_run_directory_find_all(t->comm, &t->config, resume_from);
  if (!status) status = prepare_all(t, resume_from);
  if (!status) status = lks_run_directory_open_all(t->comm, &t->config);
  if (status) return status;
  say_beginning(t);
  if (resume_from[0])
    lks_say("resume   from %s: epoch %zu, step %zu%s", resume_from, t->state.epoch, t->state.step,
            t->state.epoch >= t->config.epochs ? "; all epochs are done" : "");
  lks_profile_start(&t->profile);
  lks_status outcome = run_epochs_all(t);
  if (outcome && outcome != LKS_STOPPED) return outcome;
  status = summarize_all(summary, t);
  if (status) return status;
  return outcome
             ? lks_fail(
                   outcome,
                   "stopped on request after step %zu; the same command with --resume --output %s goes on",
                   t->state.step, t->config.output)
             : LKS_OK;
}

lks_status lks_train_all(lks_train_summary *summary, lks_comm *comm, const lks_config *config)
{
  trainer t = {.comm = comm, .config = *config, .begun = lks_seconds(), .checkpointed = SIZE_MAX};
  t.row = (lks_metrics_row){.train_loss = NAN, .train_accuracy = NAN, .test_loss = NAN, .test_accuracy = NAN};
  lks_profile_start(&t.profile);
  lks_comm_stall_limit(comm, config->stall_limit);
  lks_status status = train_all(summary, &t);
  destroy_all(&t);
  return status;
}
