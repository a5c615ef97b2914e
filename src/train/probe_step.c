#include "train/probe_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/integers.h"
#include "train/probe_tables.h"

/* What a step does to a gradient and to the loss: training passes over the mini-batch of the step, with other
 * parameters, whose traces are wiped away. Parameters and gradients are the same on every rank, so every rank
 * works the figures out alone, in one order. */

enum { SCALES = 4 };
static const double scales[SCALES] = {0.5, 1, 2, 4};

typedef struct traces {
  int64_t tracked;
  size_t noises;
  double noise[LKS_NOISE_STATE_MAX];
} traces;

static void keep(traces *kept, lks_probes *p)
{
  lks_network *network = p->setup->network;
  memcpy(p->updated, lks_network_parameters(network), lks_network_parameter_count(network) * sizeof(float));
  memcpy(p->running, lks_network_running(network), lks_network_running_count(network) * sizeof(float));
  kept->tracked = lks_network_batches_tracked(network);
  kept->noises = lks_network_noise_save(network, kept->noise);
}

static void put_back(const traces *kept, lks_probes *p)
{
  lks_network *network = p->setup->network;
  memcpy(lks_network_parameters(network), p->updated, lks_network_parameter_count(network) * sizeof(float));
  memcpy(lks_network_running(network), p->running, lks_network_running_count(network) * sizeof(float));
  lks_network_batches_tracked_set(network, kept->tracked);
  lks_network_noise_restore(network, kept->noise, kept->noises);
  lks_network_parameters_changed(network);
}

/* *loss: mean over the mini-batch. Parameters that are too far away for a finite loss give NaN, and the run
 * goes on. */
static lks_status pass_all(double *loss, lks_probes *p, const lks_batch *batch, size_t step)
{
  lks_pass_result result;
  lks_network_parameters_changed(p->setup->network);
  lks_status status = lks_network_pass_all(p->setup->network, &result, LKS_PASS_TRAIN, batch,
                                           &p->setup->scaling, (uint32_t)(step - 1), 0);
  *loss = status ? NAN : result.loss / (double)result.samples;
  return status == LKS_ERR_DIVERGED ? LKS_OK : status;
}

static double norm(const float *a, const float *b, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const double d = (double)a[i] - (b ? b[i] : 0);
    sum += d * d;
  }
  return sqrt(sum);
}

static double cosine(const float *a, const float *b, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum / (norm(a, NULL, count) * norm(b, NULL, count));
}

/* The layer's own weights and those of the layers after it stay as they were. */
static lks_status gradients_all(lks_probes *p, const lks_batch *batch, size_t step)
{
  lks_network *network = p->setup->network;
  char name[LKS_NAME_MAX + 16];
  snprintf(name, sizeof name, "%s.weight", p->layer);
  const lks_tensor *weight = lks_network_find(network, name);
  const size_t below = weight->offset, count = lks_network_parameter_count(network);
  float *parameters = lks_network_parameters(network);
  memcpy(parameters, p->updated, below * sizeof *parameters);
  memcpy(parameters + below, p->before + below, (count - below) * sizeof *parameters);
  double loss;
  lks_status status = pass_all(&loss, p, batch, step);
  if (status) return status;
  const float *g = p->gradient + below, *after = lks_network_gradients(network) + below;
  const double length = norm(g, NULL, weight->elements);
  const lks_gradient_row row = {(double)step, length, norm(g, after, weight->elements) / length,
                                cosine(g, after, weight->elements)};
  const bool root = lks_comm_rank(p->comm) == 0;
  return lks_comm_agree_all(
      p->comm,
      root ? lks_probe_table_append(p->tables, "gradients", LKS_GRADIENTS_HEADING, (const double *)&row, 1, 4)
           : LKS_OK);
}

static lks_status walk_all(lks_landscape_row *row, lks_probes *p, const lks_batch *batch, double lr,
                           size_t step)
{
  lks_network *network = p->setup->network;
  const size_t count = lks_network_parameter_count(network);
  const double length = norm(p->gradient, NULL, count);
  float *parameters = lks_network_parameters(network);
  lks_status status = LKS_OK;
  row->low = row->high = row->gradient_change = row->smoothness = NAN;
  for (int k = 0; k < SCALES && !status; k++) {
    const double way = scales[k] * lr;
    for (size_t i = 0; i < count; i++) parameters[i] = (float)(p->before[i] - way * p->gradient[i]);
    status = pass_all(&row->scaled[k], p, batch, step);
    if (status || isnan(row->scaled[k])) continue;
    const double change = norm(p->gradient, lks_network_gradients(network), count);
    row->low = fmin(row->low, row->scaled[k]); /* of NaN and a number, the number */
    row->high = fmax(row->high, row->scaled[k]);
    row->gradient_change = fmax(row->gradient_change, change);
    row->smoothness = fmax(row->smoothness, change / (way * length));
  }
  return status;
}

static lks_status landscape_all(lks_probes *p, const lks_batch *batch, const lks_pass_result *result,
                                double lr, size_t step)
{
  lks_landscape_row row = {.step = (double)step, .loss = result->loss / (double)result->samples};
  lks_status status = walk_all(&row, p, batch, lr, step);
  if (status) return status;
  const bool root = lks_comm_rank(p->comm) == 0;
  return lks_comm_agree_all(
      p->comm, root ? lks_probe_table_append(p->tables, "landscape", LKS_LANDSCAPE_HEADING,
                                             (const double *)&row, 1, sizeof row / sizeof(double))
                    : LKS_OK);
}

lks_status lks_probe_step_all(lks_probes *p, const lks_batch *batch, const lks_pass_result *result, double lr,
                              size_t step)
{
  traces kept;
  keep(&kept, p);
  lks_status status = LKS_OK;
  if (p->config->probes & LKS_PROBE_GRADIENTS) status = gradients_all(p, batch, step);
  if (!status && (p->config->probes & LKS_PROBE_LANDSCAPE))
    status = landscape_all(p, batch, result, lr, step);
  put_back(&kept, p);
  return status;
}
