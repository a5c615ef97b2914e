#include "model/disturbance.h"

#include "base/random.h"

/* unit->disturbance holds, [channels] each: factors 1 + X n, summands X n', disturbed gamma, disturbed beta. The
 * deviates of one batch norm are in the first two. */

lks_status lks_disturbance_draw_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  const bool root = lks_comm_rank(network->comm) == 0;
  const float x = (float)network->options.disturb;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    const size_t count = 2 * unit->channels;
    lks_random_key key =
        lks_random_key_make(network->options.seed, LKS_RANDOM_DISTURB, (uint32_t)u, context->step, 0);
    if (root) lks_random_normal(unit->disturbance, count, &key);
    lks_status status =
        lks_comm_broadcast_all(network->comm, unit->disturbance, count * sizeof *unit->disturbance, 0);
    if (status) return status;
    for (size_t c = 0; c < count; c++)
      unit->disturbance[c] = (float)(c < unit->channels) + x * unit->disturbance[c];
  }
  return LKS_OK;
}

void lks_disturbance_apply(const float **gamma, const float **beta, const lks_network *network,
                           const lks_norm_unit *unit)
{
  const size_t channels = unit->channels;
  const float *factor = unit->disturbance, *summand = factor + channels;
  float *g = unit->disturbance + 2 * channels, *b = g + channels;
  for (size_t c = 0; c < channels; c++) {
    g[c] = network->parameters[unit->gamma + c] * factor[c];
    b[c] = network->parameters[unit->beta + c] * factor[c] + summand[c];
  }
  *gamma = g;
  *beta = b;
}

void lks_disturbance_gradients(lks_network *network, const lks_norm_unit *unit)
{
  for (size_t c = 0; c < unit->channels; c++) {
    network->gradients[unit->gamma + c] *= unit->disturbance[c];
    network->gradients[unit->beta + c] *= unit->disturbance[c];
  }
}
