#include "train/probe_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "train/probe_tables.h"

/* When what is measured. */

enum { USUAL_LAYER = 3 };

static bool asked(const lks_config *config, unsigned probes)
{
  return (config->probes & probes) != 0;
}

static bool is_linear(const lks_layer *layer)
{
  return layer->kind == LKS_LAYER_CONV || layer->kind == LKS_LAYER_DENSE;
}

/* The layer that is named, or the third convolution or dense layer, or the last one of fewer. */
static lks_status choose_layer(lks_probes *p)
{
  const lks_model *model = p->setup->model;
  const lks_layer *chosen = NULL;
  size_t linears = 0;
  for (size_t l = 0; l < lks_model_layers(model); l++) {
    const lks_layer *layer = lks_model_layer(model, l);
    if (!is_linear(layer)) continue;
    const bool named = strcmp(layer->name, p->config->probe_layer) == 0;
    if (p->config->probe_layer[0] ? named : linears++ < USUAL_LAYER) chosen = layer;
  }
  if (!chosen)
    return lks_fail(
        LKS_ERR_USAGE,
        "probe-layer = %.64s: the model has no convolution or dense layer of that name; its last one is %s",
        p->config->probe_layer, lks_model_layer(model, lks_model_layers(model) - 1)->name);
  memcpy(p->layer, chosen->name, sizeof p->layer);
  p->channels = chosen->in.channels;
  p->elements = chosen->in.height * chosen->in.width * chosen->in.channels;
  return LKS_OK;
}

static lks_status make_room_for_moments(lks_probes *p, size_t trained)
{
  const size_t samples = lks_min(p->config->probe_samples, trained);
  lks_status status = lks_probe_choose(&p->selection, p->dataset, p->config, samples);
  if (status || lks_comm_rank(p->comm) != 0) return status;
  p->values = lks_new(samples * p->elements, sizeof *p->values);
  p->column = lks_new(samples * (p->elements / p->channels), sizeof *p->column);
  p->moments = lks_new(4 * p->channels, sizeof *p->moments);
  p->moments_before = p->moments ? p->moments + 2 * p->channels : NULL;
  return p->values && p->column && p->moments ? LKS_OK : LKS_ERR_RANK;
}

static lks_status make_room_for_steps(lks_probes *p)
{
  const size_t count = lks_network_parameter_count(p->setup->network);
  p->before = lks_new(3 * count, sizeof *p->before);
  p->running = lks_new(lks_network_running_count(p->setup->network) + 1, sizeof *p->running);
  if (!p->before || !p->running) return LKS_ERR_RANK;
  p->updated = p->before + count;
  p->gradient = p->updated + count;
  return LKS_OK;
}

static lks_status make(lks_probes *p, size_t trained)
{
  lks_status status = choose_layer(p);
  if (!status) status = lks_probe_feed_create(&p->feed, p->comm, p->setup, p->dataset, p->config->batch_size);
  if (!status && asked(p->config, LKS_PROBE_ACTIVATIONS | LKS_PROBE_DRIFT))
    status = make_room_for_moments(p, trained);
  if (!status && asked(p->config, LKS_PROBE_GRADIENTS | LKS_PROBE_LANDSCAPE)) status = make_room_for_steps(p);
  return status;
}

lks_status lks_probes_create_all(lks_probes **probes, lks_comm *comm, const lks_config *config,
                                 const lks_setup *setup, const lks_dataset *dataset, size_t trained,
                                 lks_run_tables *tables)
{
  *probes = NULL;
  if (!config->probes) return LKS_OK;
  lks_probes *p = *probes = lks_new(1, sizeof *p);
  lks_status status = LKS_ERR_RANK;
  if (p) {
    *p = (lks_probes){.comm = comm,
                      .config = config,
                      .setup = setup,
                      .dataset = dataset,
                      .tables = tables,
                      .trained = trained};
    status = make(p, trained);
  }
  status = lks_comm_agree_all(comm, status);
  if (status) lks_probes_destroy(probes);
  return status;
}

void lks_probes_destroy(lks_probes **probes)
{
  lks_probes *p = *probes;
  if (!p) return;
  lks_probe_feed_clear(&p->feed);
  lks_selection_destroy(&p->selection);
  lks_free(p->values);
  lks_free(p->column);
  lks_free(p->moments);
  lks_free(p->before);
  lks_free(p->running);
  lks_free(p);
  *probes = NULL;
}

/* A run that goes on from a step that was measured has its row already, and needs its moments for the next drift. */
lks_status lks_probes_begin_all(lks_probes *p, size_t step)
{
  const bool root = lks_comm_rank(p->comm) == 0;
  p->measured = false;
  lks_status status =
      lks_comm_agree_all(p->comm, root ? lks_probe_tables_truncate(p->config->output, step) : LKS_OK);
  if (status || step % p->config->probe_every) return status;
  if (!asked(p->config, LKS_PROBE_ACTIVATIONS | LKS_PROBE_DRIFT)) return LKS_OK;
  return lks_probe_activations_all(p, step, step == 0);
}

bool lks_probes_due(const lks_probes *p, size_t step)
{
  return p && asked(p->config, ~(unsigned)LKS_PROBE_NOISE) && step % p->config->probe_every == 0;
}

void lks_probes_before(lks_probes *p)
{
  lks_network *network = p->setup->network;
  if (!p->before) return;
  const size_t bytes = lks_network_parameter_count(network) * sizeof *p->before;
  memcpy(p->before, lks_network_parameters(network), bytes);
  memcpy(p->gradient, lks_network_gradients(network), bytes);
}

lks_status lks_probes_after_all(lks_probes *p, const lks_batch *batch, const lks_pass_result *result,
                                double lr, size_t step)
{
  lks_status status = LKS_OK;
  if (asked(p->config, LKS_PROBE_GRADIENTS | LKS_PROBE_LANDSCAPE))
    status = lks_probe_step_all(p, batch, result, lr, step);
  if (!status && asked(p->config, LKS_PROBE_ACTIVATIONS | LKS_PROBE_DRIFT))
    status = lks_probe_activations_all(p, step, true);
  return status;
}

lks_status lks_probes_end_all(lks_probes *p)
{
  return p && asked(p->config, LKS_PROBE_NOISE) ? lks_probe_noise_all(p) : LKS_OK;
}
