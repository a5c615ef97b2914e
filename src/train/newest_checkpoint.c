#include "train/trainer_parts.h"

#include "base/integers.h"
#include "base/log.h"
#include "checkpoint/skips.h"
#include "dataset/sample_reader.h"
#include "train/resume_changes.h"

#include <stdio.h>
#include <string.h>

/* The way back to the newest checkpoint of a run that is whole. */

/* The order of samples in windows is made of the chunks in which the file has them. */
static lks_status check_chunks(const lks_trainer *t, const lks_checkpoint_header *header, const char *path)
{
  const lks_window *window = lks_dataset_window(t->dataset);
  const size_t chunk = window ? window->chunk[LKS_SPLIT_TRAIN] : 0;
  if (chunk == header->window_chunk) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "%s was trained on chunks of %zu samples, and %s has chunks of %zu: windows would go on in another order; name the file as it was, or begin a new run",
      path, header->window_chunk, t->config.data, chunk);
}

/* A checkpoint may have been put in the place of the run's own. */
static lks_status check_same_run(const lks_trainer *t, const lks_checkpoint_header *header, const char *path)
{
  if (lks_resume_changes_check(&header->config, &t->config, t->hooks.unchanging) != LKS_OK)
    return lks_fail(LKS_ERR_USAGE, "%s is a checkpoint of another run: %s", path, lks_message());
  if (!strcmp(header->data_hash, lks_dataset_hash(t->dataset))) return check_chunks(t, header, path);
  return lks_fail(
      LKS_ERR_USAGE,
      "%s was trained on other data (content_hash %s) than %s (%s): name the same dataset to resume", path,
      header->data_hash, t->config.data, lks_dataset_hash(t->dataset));
}

/* Of the epoch under way, without what was left out. */
static size_t samples_so_far(const lks_trainer *t, const lks_run_state *state)
{
  const size_t count = t->selection->train_count, size = t->config.batch_size;
  const size_t begin = state->step - state->epoch_step;
  size_t samples = lks_min(state->epoch_step * size, count);
  for (size_t i = 0; i < state->skips; i++)
    if (state->skip[i] >= begin && state->skip[i] < state->step)
      samples -= lks_min(size, count - (state->skip[i] - begin) * size);
  return samples;
}

/* The steps of an epoch are this dataset's, the optimizer counts them as well, and each mini-batch of an epoch is a
 * full one but for the last. What the run leaves out counts as a step alone. */
static lks_status check_place(const lks_trainer *t, const lks_checkpoint *checkpoint, const char *path)
{
  const lks_run_state *state = &lks_checkpoint_about(checkpoint)->state;
  const size_t count = t->selection->train_count, steps = lks_divide_up(count, t->config.batch_size);
  static const char advice[] = "damaged or edited; take another checkpoint";
  if (state->epoch_step > steps || state->step != state->epoch * steps + state->epoch_step)
    return lks_fail(LKS_ERR_DATA,
                    "%s is at step %zu, which is not step %zu behind %zu epochs of %zu steps: %s", path,
                    state->step, state->epoch_step, state->epoch, steps, advice);
  const size_t samples = samples_so_far(t, state);
  const size_t updates = state->step - lks_skips_between(state, 0, state->step);
  if (lks_checkpoint_optimizer_steps(checkpoint) != (int64_t)updates)
    return lks_fail(LKS_ERR_DATA, "%s is at step %zu and its optimizer at step %lld: %s", path, state->step,
                    (long long)lks_checkpoint_optimizer_steps(checkpoint), advice);
  if (state->samples == (int64_t)samples) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s is at step %zu of an epoch, with %lld samples instead of %zu: %s", path,
                  state->epoch_step, (long long)state->samples, samples, advice);
}

lks_status lks_trainer_open_all(lks_checkpoint **checkpoint, lks_trainer *t, const char *path)
{
  lks_status status = lks_checkpoint_open_all(checkpoint, t->comm, path);
  if (status) return status;
  status = check_same_run(t, lks_checkpoint_about(*checkpoint), path);
  if (!status) status = check_place(t, *checkpoint, path);
  status = lks_comm_agree_all(t->comm, status);
  if (status) lks_checkpoint_close(checkpoint);
  return status;
}

/* What went wrong with the first of the files, which is the one that is missed. */
typedef struct fault {
  lks_status status;
  char message[1024];
  size_t files; /* that cannot be used */
} fault;

static void note(fault *first, lks_status status)
{
  if (first->files++) return;
  first->status = status;
  snprintf(first->message, sizeof first->message, "%s", lks_message());
}

static bool may_be_passed_over(const fault *first, lks_status status)
{
  return status == LKS_ERR_DATA || status == LKS_ERR_IO || (status == LKS_ERR_USAGE && first->files);
}

static lks_status try_each_all(lks_checkpoint **checkpoint, lks_trainer *t, const lks_checkpoint_files *files,
                               size_t count)
{
  fault first = {0};
  for (size_t i = 0; i < count; i++) {
    char *path = t->resumed_from;
    if (lks_comm_rank(t->comm) == 0) lks_checkpoint_files_get(path, files, i);
    lks_status status = lks_comm_broadcast_all(t->comm, path, sizeof t->resumed_from, 0);
    if (!status) status = lks_trainer_open_all(checkpoint, t, path);
    if (!status && first.files)
      lks_warn("%s; the run goes on from %s%s", first.message, path,
               first.files > 1 ? ", as those between cannot be used either" : "");
    if (!status) return LKS_OK;
    if (!may_be_passed_over(&first, status)) return status == LKS_ERR_USAGE ? LKS_ERR_DATA : status;
    note(&first, status);
  }
  t->resumed_from[0] = '\0';
  return first.files ? lks_fail(first.status, "%s", first.message) : LKS_OK;
}

lks_status lks_trainer_newest_all(lks_checkpoint **checkpoint, lks_trainer *t)
{
  lks_checkpoint_files files = {0};
  const bool root = lks_comm_rank(t->comm) == 0;
  *checkpoint = NULL;
  lks_status status = root ? lks_checkpoint_files_find(&files, t->config.output) : LKS_OK;
  size_t count = files.count;
  status = lks_comm_agree_all(t->comm, status);
  if (!status) status = lks_comm_broadcast_all(t->comm, &count, sizeof count, 0);
  if (!status) status = try_each_all(checkpoint, t, &files, count);
  lks_checkpoint_files_clear(&files);
  return status;
}

lks_status lks_trainer_reload_all(lks_trainer *t)
{
  lks_checkpoint *checkpoint = NULL;
  lks_status status = lks_trainer_newest_all(&checkpoint, t);
  if (status) return status;
  if (!checkpoint)
    return lks_fail(LKS_ERR_IO, "%s holds no checkpoint that the run could go back to", t->config.output);
  status = lks_checkpoint_put_all(checkpoint, t->comm, t->setup->network, t->optimizer);
  if (!status) {
    lks_run_state state = lks_checkpoint_about(checkpoint)->state;
    memcpy(state.isa, t->state.isa, sizeof state.isa); /* this job's, as is its description */
    memcpy(state.job, t->state.job, sizeof state.job);
    t->state = state;
    t->checkpointed = state.step;
    if (t->tables) lks_run_tables_forget(t->tables);
    lks_network_noise_restore(t->setup->network, state.noise, state.noises);
  }
  lks_checkpoint_close(&checkpoint);
  return status ? status : lks_trainer_find_best_all(t);
}
