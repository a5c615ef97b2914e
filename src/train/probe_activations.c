#include "train/probe_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "lockstep/exact_sum.h"
#include "train/probe_tables.h"

/* What a layer sees: its input on fixed samples, a channel at a time, and how far it moved. The samples pass with the
 * statistics of their own mini-batches, as in training. Rank 0 has all values, in the order of the samples. */

enum { UNITS = 16, FIGURES = sizeof(lks_activation_row) / sizeof(double) };

static int by_value(const void *a, const void *b)
{
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* Of sorted values, between two neighbours in proportion. */
static double percentile(const float *sorted, size_t count, double share)
{
  const double at = share * (double)(count - 1);
  const size_t below = (size_t)at, above = lks_min(below + 1, count - 1);
  return sorted[below] + (at - (double)below) * ((double)sorted[above] - sorted[below]);
}

/* Returns how many values the channel has. */
static size_t take_channel(lks_probes *p, size_t channel)
{
  const size_t rows = p->selection->train_count * (p->elements / p->channels);
  for (size_t r = 0; r < rows; r++) p->column[r] = p->values[r * p->channels + channel];
  return rows;
}

static void find_moments(double *mean, double *deviation, const float *value, size_t count)
{
  int64_t sum[LKS_EXACT_LIMBS] = {0}, square[LKS_EXACT_LIMBS] = {0};
  double variance;
  for (size_t i = 0; i < count; i++) {
    lks_exact_sum_add(sum, value[i]);
    lks_exact_sum_add(square, (double)value[i] * value[i]);
  }
  lks_exact_moments(mean, &variance, sum, square, (double)count);
  *deviation = sqrt(variance);
}

static void describe_channel(lks_activation_row *row, lks_probes *p, size_t step, size_t channel,
                             size_t count)
{
  qsort(p->column, count, sizeof *p->column, by_value);
  *row = (lks_activation_row){.step = (double)step,
                              .unit = (double)channel,
                              .mean = p->moments[channel],
                              .std = p->moments[p->channels + channel],
                              .p15 = percentile(p->column, count, 0.15),
                              .p50 = percentile(p->column, count, 0.5),
                              .p85 = percentile(p->column, count, 0.85)};
}

static lks_status measure_channels(lks_probes *p, size_t step, bool rows)
{
  const bool described = rows && (p->config->probes & LKS_PROBE_ACTIVATIONS) != 0;
  lks_activation_row row[UNITS + 1] = {{0}}, one;
  const size_t units = lks_min(UNITS, p->channels);
  double all[FIGURES] = {0};
  for (size_t c = 0; c < p->channels; c++) {
    const size_t count = take_channel(p, c);
    find_moments(&p->moments[c], &p->moments[p->channels + c], p->column, count);
    if (!described) continue;
    describe_channel(&one, p, step, c, count);
    if (c < units) row[c] = one;
    const double figure[FIGURES] = {one.step, one.unit, one.mean, one.std, one.p15, one.p50, one.p85};
    for (size_t f = 0; f < FIGURES; f++) all[f] += figure[f] / (double)p->channels;
  }
  if (!described) return LKS_OK;
  row[units] = (lks_activation_row){(double)step, -1, all[2], all[3], all[4], all[5], all[6]};
  return lks_probe_table_append(p->tables, "activations", LKS_ACTIVATIONS_HEADING, (const double *)row,
                                units + 1, FIGURES);
}

/* Mean over the channels of (change of the mean / deviation)^2 + (change of log deviation)^2; the deviation, of the
 * measurement before, is at least a fifth of the average one, or a channel that hardly varies would decide. */
static double drift(const double *now, const double *before, size_t channels)
{
  const double *deviation[2] = {now + channels, before + channels};
  double least[2] = {0, 0}, sum = 0;
  for (int k = 0; k < 2; k++)
    for (size_t c = 0; c < channels; c++) least[k] += 0.2 * deviation[k][c] / (double)channels;
  for (size_t c = 0; c < channels; c++) {
    const double s = fmax(deviation[0][c], least[0]), s_before = fmax(deviation[1][c], least[1]);
    const double moved = now[c] - before[c];
    if (moved == 0 && s == s_before) continue; /* also where nothing varies at all */
    const double scaled = moved / s_before, stretched = log(s / s_before);
    sum += scaled * scaled + stretched * stretched;
  }
  return sum / (double)channels;
}

static lks_status measure_drift(lks_probes *p, size_t step, bool rows)
{
  const double row[] = {(double)step, p->measured ? drift(p->moments, p->moments_before, p->channels) : NAN};
  memcpy(p->moments_before, p->moments, 2 * p->channels * sizeof *p->moments);
  p->measured = true;
  if (!rows || !(p->config->probes & LKS_PROBE_DRIFT)) return LKS_OK;
  return lks_probe_table_append(p->tables, "drift", LKS_DRIFT_HEADING, row, 1, 2);
}

lks_status lks_probe_activations_all(lks_probes *p, size_t step, bool rows)
{
  const lks_selection *s = p->selection;
  lks_status status = lks_probe_feed_gather_all(p->values, &p->feed, p->layer, LKS_PASS_PROBE, (uint32_t)step,
                                                s->train, s->train_count);
  if (status) return status;
  if (lks_comm_rank(p->comm) == 0) {
    status = measure_channels(p, step, rows);
    if (!status) status = measure_drift(p, step, rows);
  }
  return lks_comm_agree_all(p->comm, status);
}
