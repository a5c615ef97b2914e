#include "base/life.h"
#include "train/trainer_parts.h"

#include "base/log.h"

#include <stdio.h>

/* When and how a run keeps a checkpoint: taken between two steps, and written while those behind it are made. A disk that is full today may have room tomorrow: a checkpoint that cannot be
 * written ends no run, for the one before it stays and the next one is tried again, until the last one of all. */

enum { SAY_EVERY = 10 };

double lks_trainer_seconds(const lks_trainer *t)
{
  return t->seconds_before + lks_seconds() - t->begun;
}

bool lks_trainer_is_said(size_t failures)
{
  return failures % SAY_EVERY == 1;
}

/* Where a run would go on. */
static const char *name_newest(char text[64], const lks_trainer *t)
{
  if (t->checkpointed == SIZE_MAX)
    snprintf(text, 64, "there is none yet");
  else
    snprintf(text, 64, "the newest is that of step %zu", t->checkpointed);
  return text;
}

/* What is too old costs room, and nothing else. */
static void say_unpruned(lks_trainer *t, const char *message)
{
  if (lks_trainer_is_said(++t->unpruned))
    lks_warn("%s; older checkpoints than --keep %zu stay", message, t->config.keep);
}

static void say_unwritten(lks_trainer *t, const char *message)
{
  char newest[64];
  if (lks_trainer_is_said(++t->unwritten))
    lks_warn("no checkpoint of step %zu: %s; %s; the run goes on and tries again when the next one is due",
             t->writing, message, name_newest(newest, t));
}

/* Once for each checkpoint. */
static void say_written(lks_trainer *t, const lks_checkpoint_written *written)
{
  if (t->told) return;
  t->told = true;
  if (written->status == LKS_ERR_IO) say_unwritten(t, written->message[0]);
  if (written->linked == LKS_ERR_IO) lks_trainer_say_unlinked(t, t->writing, written->message[1]);
  if (written->pruned) say_unpruned(t, written->message[2]);
}

bool lks_trainer_interval_is_over(const lks_trainer *t)
{
  const double interval = t->config.checkpoint_interval;
  return interval > 0 && lks_comm_rank(t->comm) == 0 && lks_seconds() >= t->taken + interval;
}

void lks_trainer_hear_of_checkpoint(lks_trainer *t)
{
  lks_checkpoint_written written;
  if (!t->writer || t->writing == SIZE_MAX || t->told || !lks_checkpoint_writer_is_done(t->writer)) return;
  lks_checkpoint_writer_wait(t->writer, &written);
  say_written(t, &written);
}

static lks_status share_all(lks_checkpoint_written *written, lks_trainer *t)
{
  const lks_status status = lks_comm_broadcast_all(t->comm, written, sizeof *written, 0);
  if (!status && written->status) return lks_fail(written->status, "%s", written->message[0]);
  if (!status && written->linked && written->linked != LKS_ERR_IO)
    return lks_fail(written->linked, "%s", written->message[1]);
  return status;
}

/* Waits for the checkpoint under way. LKS_OK when there is none, too. */
static lks_status settle_all(lks_trainer *t, bool last)
{
  lks_checkpoint_written written = {.status = LKS_OK};
  if (t->writing == SIZE_MAX) return LKS_OK;
  const lks_phase before = lks_life_enter(LKS_PHASE_CHECKPOINT);
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  if (t->writer) lks_checkpoint_writer_wait(t->writer, &written);
  const lks_status status = share_all(&written, t);
  if (!written.status) t->checkpointed = t->writing;
  if (written.status || written.linked) t->best = t->best_before;
  if (last && written.status) t->told = true; /* it is the run's failure, and no warning */
  say_written(t, &written);
  t->writing = SIZE_MAX;
  lks_profile_leave(&t->profile);
  lks_life_enter(before);
  return status;
}

static lks_status create_writer_all(lks_trainer *t)
{
  const bool root = lks_comm_rank(t->comm) == 0;
  return lks_comm_agree_all(t->comm, root && !t->writer ? lks_checkpoint_writer_create(&t->writer) : LKS_OK);
}

static lks_status begin_all(lks_trainer *t)
{
  lks_checkpoint_draft *draft;
  char path[LKS_CHECKPOINT_PATH];
  const bool best = lks_trainer_is_best(t);
  t->state.seconds = lks_trainer_seconds(t);
  t->state.noises = lks_network_noise_save(t->setup->network, t->state.noise);
  lks_checkpoint_files_path(path, t->config.output, t->state.step);
  lks_status status = create_writer_all(t);
  if (!status)
    status = lks_checkpoint_draft_take_all(&draft, t->comm, path, &t->config, t->setup->model, t->dataset,
                                           t->setup->network, t->optimizer, &t->state);
  if (status) return status;
  const lks_checkpoint_order order = {.draft = draft,
                                      .folder = t->config.output,
                                      .tables = t->tables,
                                      .step = t->state.step,
                                      .keep = t->config.keep,
                                      .best = best};
  t->writing = t->state.step;
  t->taken = lks_seconds();
  t->told = false;
  t->best_before = t->best;
  if (best) t->best = lks_trainer_best_now(t);
  if (t->writer) lks_checkpoint_writer_start(t->writer, &order);
  return LKS_OK;
}

/* A run that was stopped where an epoch ends has that checkpoint, and has not judged it yet. */
static lks_status link_all(lks_trainer *t)
{
  const lks_status status = lks_trainer_link_best_all(t);
  if (status || lks_comm_rank(t->comm) != 0) return status;
  if (lks_checkpoint_files_prune(t->config.output, t->config.keep, t->state.step) != LKS_OK)
    say_unpruned(t, lks_message());
  return LKS_OK;
}

lks_status lks_trainer_settle_all(lks_trainer *t)
{
  const lks_status status = settle_all(t, false);
  return status == LKS_ERR_IO ? LKS_OK : status;
}

/* One is under way at most. */
lks_status lks_trainer_checkpoint_all(lks_trainer *t)
{
  if (t->writing == t->state.step) return LKS_OK;
  lks_status status = lks_trainer_settle_all(t);
  const bool written = t->checkpointed == t->state.step;
  if (status || (written && !lks_trainer_is_best(t))) return status;
  const lks_phase before = lks_life_enter(LKS_PHASE_CHECKPOINT);
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  status = written ? link_all(t) : begin_all(t);
  lks_profile_leave(&t->profile);
  lks_life_enter(before);
  return status;
}

lks_status lks_trainer_checkpoint_now_all(lks_trainer *t)
{
  const lks_status status = lks_trainer_checkpoint_all(t);
  return status ? status : lks_trainer_settle_all(t);
}

lks_status lks_trainer_checkpoint_last_all(lks_trainer *t)
{
  char newest[64];
  lks_status status = lks_trainer_checkpoint_all(t);
  if (!status) status = settle_all(t, true);
  if (status != LKS_ERR_IO) return status;
  return lks_fail(LKS_ERR_IO,
                  "no checkpoint of step %zu, the last one: %s; %s; make room, then continue with --resume",
                  t->state.step, lks_message(), name_newest(newest, t));
}

void lks_trainer_keep_rows(lks_trainer *t, lks_status outcome)
{
  char message[1024];
  if (!t->tables) return;
  snprintf(message, sizeof message, "%s", lks_message());
  if (lks_run_tables_sync(t->tables) != LKS_OK) lks_warn("rows are lost: %s", lks_message());
  lks_fail(outcome, "%s", message);
}
