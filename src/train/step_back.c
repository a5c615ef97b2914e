#include "train/step_back.h"

lks_status lks_step_back_keep(lks_step_back *back, lks_network *network, lks_optimizer *optimizer,
                              const lks_run_state *state)
{
  lks_snapshot_clear(&back->snapshot);
  back->state = *state;
  back->state.noises = lks_network_noise_save(network, back->state.noise);
  return lks_snapshot_take(&back->snapshot, network, optimizer);
}

void lks_step_back_go(const lks_step_back *back, lks_network *network, lks_optimizer *optimizer,
                      lks_run_state *state)
{
  *state = back->state;
  lks_snapshot_put(&back->snapshot, network, optimizer);
  lks_network_noise_restore(network, state->noise, state->noises);
}

void lks_step_back_clear(lks_step_back *back)
{
  lks_snapshot_clear(&back->snapshot);
}
