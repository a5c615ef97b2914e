#include "train/trainer_parts.h"

#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"

/* The checkpoint of the best epoch. What is known of it is what the folder holds: rows of metrics.csv, and the checkpoints of
 * their steps. So a run that goes on, from wherever, takes up the best that there is. */

/* The row stays until the next epoch ends, and is of no other step than its own. */
bool lks_trainer_is_best(const lks_trainer *t)
{
  const lks_best_metric metric = t->config.keep_best;
  return metric != LKS_BEST_NONE && t->row.epoch > 0 && t->row.epoch == t->state.epoch &&
         t->row.step == t->state.step &&
         lks_best_is_beaten(&t->best, lks_best_value(&t->row, metric), metric);
}

lks_best lks_trainer_best_now(const lks_trainer *t)
{
  return (lks_best){t->row.epoch, t->row.step, lks_best_value(&t->row, t->config.keep_best)};
}

void lks_trainer_say_unlinked(lks_trainer *t, size_t step, const char *message)
{
  if (lks_trainer_is_said(++t->unlinked))
    lks_warn("the best checkpoint, that of step %zu, gets no link: %s", step, message);
}

static lks_status link_all(lks_trainer *t, const lks_best *best)
{
  const bool root = lks_comm_rank(t->comm) == 0;
  const lks_status status = lks_comm_agree_all(
      t->comm, root ? lks_checkpoint_files_link_best(t->config.output, best->step) : LKS_OK);
  if (!status) t->best = *best;
  if (status != LKS_ERR_IO) return status;
  lks_trainer_say_unlinked(t, best->step, lks_message());
  return LKS_OK;
}

lks_status lks_trainer_link_best_all(lks_trainer *t)
{
  const lks_best best = lks_trainer_best_now(t);
  return lks_trainer_is_best(t) ? link_all(t, &best) : LKS_OK;
}

/* Rank 0. The best of those rows whose checkpoint is there, which is taken out of them. */
static lks_best take_best(lks_metrics_row *row, size_t *count, const lks_trainer *t)
{
  char path[LKS_CHECKPOINT_PATH];
  lks_best best = {0};
  size_t taken = *count;
  for (size_t i = 0; i < *count; i++) {
    const double value = lks_best_value(&row[i], t->config.keep_best);
    if (!lks_best_is_beaten(&best, value, t->config.keep_best)) continue;
    lks_checkpoint_files_path(path, t->config.output, row[i].step);
    if (!lks_file_exists(path)) continue;
    best = (lks_best){row[i].epoch, row[i].step, value};
    taken = i;
  }
  if (taken < *count) memmove(row + taken, row + taken + 1, (--*count - taken) * sizeof *row);
  return best;
}

/* *good: it is whole, and of that step. The one that the run goes on from was read already. */
static lks_status check_all(bool *good, lks_trainer *t, const lks_best *best)
{
  char path[LKS_CHECKPOINT_PATH];
  lks_checkpoint *checkpoint = NULL;
  lks_checkpoint_files_path(path, t->config.output, best->step);
  *good = strcmp(path, t->resumed_from) == 0;
  if (*good) return LKS_OK;
  lks_status status = lks_trainer_open_all(&checkpoint, t, path);
  if (!status && lks_checkpoint_about(checkpoint)->state.step != best->step)
    status = lks_fail(LKS_ERR_DATA, "%s is a checkpoint of step %zu", path,
                      lks_checkpoint_about(checkpoint)->state.step);
  lks_checkpoint_close(&checkpoint);
  *good = status == LKS_OK;
  if (status != LKS_ERR_DATA && status != LKS_ERR_IO && status != LKS_ERR_USAGE) return status;
  lks_warn("%s; it does not count as the best checkpoint", lks_message());
  return LKS_OK;
}

static lks_status find_all(lks_trainer *t, lks_metrics_row *row, size_t count)
{
  for (bool good = false; !good;) {
    lks_best best = {0};
    if (lks_comm_rank(t->comm) == 0) best = take_best(row, &count, t);
    lks_status status = lks_comm_broadcast_all(t->comm, &best, sizeof best, 0);
    if (status || best.epoch == 0) return status;
    status = check_all(&good, t, &best);
    if (!status && good) status = link_all(t, &best);
    if (status) return status;
  }
  return LKS_OK;
}

lks_status lks_trainer_find_best_all(lks_trainer *t)
{
  lks_metrics_row *row = NULL;
  size_t count = 0;
  t->best = (lks_best){0};
  if (t->config.keep_best == LKS_BEST_NONE) return LKS_OK;
  const bool root = lks_comm_rank(t->comm) == 0;
  lks_status status = lks_comm_agree_all(
      t->comm, root ? lks_best_rows(&row, &count, t->config.output, t->state.epoch) : LKS_OK);
  if (!status) status = find_all(t, row, count);
  lks_free(row);
  return status;
}

void lks_trainer_say_best(const lks_trainer *t)
{
  if (t->best.epoch > 0)
    lks_progress_line(t->progress, "best %s %.4f at the end of epoch %zu: %s/best.h5",
                      lks_best_name(t->config.keep_best), t->best.value, t->best.epoch, t->config.output);
}
