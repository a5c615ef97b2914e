#include "base/life.h"
#include "train/trainer_parts.h"

#include "base/log.h"

#include <stdio.h>

/* When and how a run keeps a checkpoint. A disk that is full today may have room tomorrow: a checkpoint that cannot be
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

/* Rank 0. What is too old costs room, and nothing else. */
static void prune(lks_trainer *t)
{
  if (lks_checkpoint_files_prune(t->config.output, t->config.keep, t->state.step) == LKS_OK) return;
  if (lks_trainer_is_said(++t->unpruned))
    lks_warn("%s; older checkpoints than --keep %zu stay", lks_message(), t->config.keep);
}

/* The rows before a checkpoint are on the disk before it is: a resumed run does not write them again. */
static lks_status write_all(lks_trainer *t)
{
  char path[LKS_CHECKPOINT_PATH];
  const bool root = lks_comm_rank(t->comm) == 0;
  lks_status status = lks_comm_agree_all(t->comm, root ? lks_run_tables_sync(t->tables) : LKS_OK);
  if (status) return status;
  t->state.seconds = lks_trainer_seconds(t);
  t->state.noises = lks_network_noise_save(t->setup->network, t->state.noise);
  lks_checkpoint_files_path(path, t->config.output, t->state.step);
  status = lks_checkpoint_write_all(t->comm, path, &t->config, t->setup->model, t->dataset, t->setup->network,
                                    t->optimizer, &t->state);
  if (status) return status;
  status = root ? lks_checkpoint_files_link(t->config.output, t->state.step) : LKS_OK;
  status = lks_comm_agree_all(t->comm, status);
  if (!status) t->checkpointed = t->state.step;
  return status;
}

/* A run that was stopped where an epoch ends has that checkpoint, and has not judged it yet. Nothing is removed before the new
 * file, and the links to it, are there for good. */
static lks_status attempt_all(lks_trainer *t)
{
  lks_status status = t->checkpointed == t->state.step ? LKS_OK : write_all(t);
  if (!status) status = lks_trainer_link_best_all(t);
  if (!status && lks_comm_rank(t->comm) == 0) prune(t);
  return status;
}

static lks_status keep_all(lks_trainer *t)
{
  if (t->checkpointed == t->state.step && !lks_trainer_is_best(t)) return LKS_OK;
  const lks_phase before = lks_life_enter(LKS_PHASE_CHECKPOINT);
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  const lks_status status = attempt_all(t);
  lks_profile_leave(&t->profile);
  lks_life_enter(before);
  return status;
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

lks_status lks_trainer_checkpoint_all(lks_trainer *t)
{
  char newest[64];
  const lks_status status = keep_all(t);
  if (status != LKS_ERR_IO) return status;
  if (lks_trainer_is_said(++t->unwritten))
    lks_warn("no checkpoint of step %zu: %s; %s; the run goes on and tries again when the next one is due",
             t->state.step, lks_message(), name_newest(newest, t));
  return LKS_OK;
}

lks_status lks_trainer_checkpoint_last_all(lks_trainer *t)
{
  char newest[64];
  const lks_status status = keep_all(t);
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
