#include "train/trainer_parts.h"

#include "base/integers.h"
#include "base/log.h"
#include "checkpoint/skips.h"

#include <stdio.h>

/* On without a mini-batch that made a value which is not finite. Which one it was depends on the steps alone, and so does
 * what follows: how many ranks there are, and which checkpoint the run went back to, change no bit. */

bool lks_trainer_skips(const lks_trainer *t)
{
  return lks_skips_between(&t->state, t->state.step, t->state.step + 1) > 0;
}

/* The last step that was not left out; SIZE_MAX: none. */
static size_t last_update(const lks_run_state *state)
{
  size_t step = state->step;
  while (step > 0 && lks_skips_between(state, step - 1, step)) step--;
  return step > 0 ? step - 1 : SIZE_MAX;
}

/* The step that did it: the last update if that left such values behind, else the one under way; SIZE_MAX: none, as in an
 * evaluation of test samples. */
static lks_status find_culprit_all(size_t *step, const lks_trainer *t)
{
  int damaged = lks_network_damaged(t->setup->network);
  lks_status status = lks_comm_max_all(t->comm, &damaged, 1, MPI_INT);
  *step = damaged ? last_update(&t->state) : t->suspect;
  return status;
}

/* A tenth of an epoch, at least one, but never all of it: what goes wrong more often is no matter of single samples. */
static lks_status leave_out(lks_run_state *state, size_t step, size_t steps)
{
  const size_t begin = step / steps * steps, most = lks_min(lks_max(steps / 10, 1), steps - 1);
  const size_t before = lks_skips_between(state, begin, begin + steps);
  if (before >= most)
    return lks_fail(LKS_ERR_DIVERGED,
                    "%zu of the %zu mini-batches of epoch %zu were left out already, of at most %zu", before,
                    steps, step / steps + 1, most);
  return lks_skips_add(state, step);
}

static lks_status go_back_all(lks_trainer *t, size_t culprit, const char *cause)
{
  lks_run_state known = t->state; /* with what was left out, which an older checkpoint may not know */
  lks_status status = leave_out(&known, culprit, lks_loader_steps(t->train));
  if (status) return status;
  status = lks_trainer_reload_all(t);
  if (status) return status;
  lks_network_damaged_set(t->setup->network, false);
  for (size_t i = 0; i < known.skips && !status; i++) status = lks_skips_add(&t->state, known.skip[i]);
  lks_warn("%s; back to %s, and on without the mini-batch of step %zu (left out so far: %zu)", cause,
           t->resumed_from, culprit, t->state.skips);
  return status;
}

lks_status lks_trainer_recover_all(lks_trainer *t)
{
  char cause[768];
  size_t culprit = SIZE_MAX;
  if (t->config.on_nan == LKS_ON_NAN_STOP) return LKS_ERR_DIVERGED;
  snprintf(cause, sizeof cause, "%.767s", lks_message());
  lks_status status = find_culprit_all(&culprit, t);
  t->suspect = SIZE_MAX;
  if (status) return status;
  if (culprit == SIZE_MAX) return lks_fail(LKS_ERR_DIVERGED, "%s", cause);
  status = lks_trainer_settle_all(t);
  if (status) return status;
  status = go_back_all(t, culprit, cause);
  return status ? lks_fail_in(status, "%s; ", cause) : LKS_OK;
}
