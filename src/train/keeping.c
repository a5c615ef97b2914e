#include "train/trainer_parts.h"

/* When and how a run keeps a checkpoint. */

double lks_trainer_seconds(const lks_trainer *t)
{
  return t->seconds_before + lks_seconds() - t->begun;
}

/* Rank 0. Nothing is removed before the new file, and the link to it, are there for good. */
static lks_status settle(const lks_trainer *t)
{
  const char *folder = t->config.output;
  const lks_status status = lks_checkpoint_files_link(folder, t->state.step);
  return status ? status : lks_checkpoint_files_prune(folder, t->config.keep, t->state.step);
}

static lks_status write_all(lks_trainer *t)
{
  char path[LKS_CHECKPOINT_PATH];
  t->state.seconds = lks_trainer_seconds(t);
  t->state.noises = lks_network_noise_save(t->setup->network, t->state.noise);
  lks_checkpoint_files_path(path, t->config.output, t->state.step);
  lks_status status = lks_checkpoint_write_all(t->comm, path, &t->config, t->setup->model, t->dataset,
                                               t->setup->network, t->optimizer, &t->state);
  const bool root = lks_comm_rank(t->comm) == 0;
  return status ? status : lks_comm_agree_all(t->comm, root ? settle(t) : LKS_OK);
}

lks_status lks_trainer_checkpoint_all(lks_trainer *t)
{
  if (t->checkpointed == t->state.step) return LKS_OK;
  lks_profile_enter(&t->profile, LKS_PART_CHECKPOINT);
  const lks_status status = write_all(t);
  if (!status) t->checkpointed = t->state.step;
  lks_profile_leave(&t->profile);
  return status;
}
