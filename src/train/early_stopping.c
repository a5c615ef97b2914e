#include "base/arena.h"
#include "base/log.h"
#include "train/trainer_parts.h"

/* The end of a run that gets no better. What is known of the epochs before is what metrics.csv says, from which the very same
 * numbers are read that were written: a run that goes on decides as one that was never interrupted. */

static lks_best_metric metric_of(const lks_trainer *t)
{
  return t->config.keep_best == LKS_BEST_NONE ? LKS_BEST_TEST_LOSS : t->config.keep_best;
}

static void take_row(lks_trainer *t, const lks_metrics_row *row)
{
  const double value = lks_best_value(row, metric_of(t));
  if (lks_best_is_beaten(&t->watched, value, metric_of(t)))
    t->watched = (lks_best){row->epoch, row->step, value};
  t->stale = row->epoch - t->watched.epoch >= t->config.early_stopping;
}

void lks_trainer_watch(lks_trainer *t)
{
  if (t->config.early_stopping) take_row(t, &t->row);
}

static lks_status take_rows(lks_trainer *t)
{
  lks_metrics_row *row = NULL;
  size_t count = 0;
  const lks_status status = lks_best_rows(&row, &count, t->config.output, t->state.epoch);
  for (size_t i = 0; i < count && !status; i++) take_row(t, &row[i]);
  lks_free(row);
  return status;
}

lks_status lks_trainer_watch_again_all(lks_trainer *t)
{
  t->watched = (lks_best){0};
  t->stale = false;
  if (!t->config.early_stopping) return LKS_OK;
  lks_status status = lks_comm_agree_all(t->comm, lks_comm_rank(t->comm) == 0 ? take_rows(t) : LKS_OK);
  if (!status) status = lks_comm_broadcast_all(t->comm, &t->watched, sizeof t->watched, 0);
  return status ? status : lks_comm_broadcast_all(t->comm, &t->stale, sizeof t->stale, 0);
}

void lks_trainer_warn_of_watching(const lks_trainer *t)
{
  const bool tested = metric_of(t) == LKS_BEST_TEST_LOSS || metric_of(t) == LKS_BEST_TEST_ACCURACY;
  if (t->config.early_stopping && tested && !t->config.holdout)
    lks_warn(
        "early-stopping looks at the %s: what the run then reaches on the test samples is a little better than on others; --holdout N has it look at training samples that are kept back",
        lks_best_name(metric_of(t)));
}

void lks_trainer_say_stale(const lks_trainer *t)
{
  const size_t epochs = t->state.epoch - t->watched.epoch;
  if (t->watched.epoch > 0)
    lks_progress_line(t->progress,
                      "no better %s than %.4f, of epoch %zu, in %zu epoch%s: the run ends behind epoch %zu",
                      lks_best_name(metric_of(t)), t->watched.value, t->watched.epoch, epochs,
                      epochs == 1 ? "" : "s", t->state.epoch);
  else
    lks_progress_line(t->progress, "no %s that is a number in %zu epochs: the run ends",
                      lks_best_name(metric_of(t)), epochs);
}
