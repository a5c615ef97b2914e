#include "checkpoint/skips.h"

size_t lks_skips_between(const lks_run_state *state, size_t begin, size_t end)
{
  size_t count = 0;
  for (size_t i = 0; i < state->skips; i++) count += state->skip[i] >= begin && state->skip[i] < end;
  return count;
}

lks_status lks_skips_add(lks_run_state *state, size_t step)
{
  if (lks_skips_between(state, step, step + 1)) return LKS_OK;
  if (state->skips == LKS_SKIPS_MAX)
    return lks_fail(LKS_ERR_DIVERGED, "%d mini-batches were left out already, and no run may do without more",
                    LKS_SKIPS_MAX);
  size_t at = state->skips++;
  for (; at > 0 && state->skip[at - 1] > step; at--) state->skip[at] = state->skip[at - 1];
  state->skip[at] = step;
  return LKS_OK;
}
