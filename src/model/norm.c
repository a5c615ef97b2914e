#include "model/norm.h"

#include <string.h>

#include "model/disturbance.h"
#include "model/noise.h"
#include "norm/norm_sums.h"
#include "norm/running_statistics.h"

/* Batch norm between two stages: from the sums that the segments made to the statistics of every group, and
 * back. */

void lks_norms_of_stage(const lks_network *network, int stage, int *first, int *end)
{
  int norms = network->stages->units[LKS_OP_NORM];
  *first = 0;
  while (*first < norms && network->unit_norm[*first].op->stage <= stage) ++*first;
  *end = *first;
  while (*end < norms && network->unit_norm[*end].op->stage == stage + 1) ++*end;
}

/* The accumulators of the groups: in the message when a group lies on several ranks. */
static lks_norm_sums sums_of(const lks_pass_context *context, const lks_norm_unit *unit)
{
  return (lks_norm_sums){.plan = lks_plan_of(context, unit),
                         .channels = unit->channels,
                         .local = unit->local,
                         .spanning = lks_norm_sums_at(context->network->message, 1, unit->message_begin)};
}

static int64_t *group_set(const lks_pass_context *context, const lks_norm_unit *unit, size_t local_group)
{
  const lks_norm_sums sums = sums_of(context, unit);
  return lks_norm_sums_of(&sums, local_group);
}

/* Finds each norm its place in the message. Returns the message's length: accumulators, by two. */
static size_t place_message(const lks_pass_context *context, int first, int end)
{
  size_t sets = 0;
  for (int u = first; u < end; u++) {
    lks_norm_unit *unit = &context->network->unit_norm[u];
    unit->message_begin = sets;
    sets += unit->channels * lks_plan_of(context, unit)->spanning;
  }
  return sets;
}

/* Adds the double sums of all segments, if there are any, into the accumulators of their groups, and into the pooled ones. */
static void accumulate(const lks_pass_context *context, const lks_norm_unit *unit, int64_t *pooled,
                       bool wanted)
{
  const size_t set_bytes = 2 * unit->channels * LKS_EXACT_LIMBS * sizeof *pooled;
  const lks_norm_sums sums = sums_of(context, unit);
  memset(unit->local, 0, sums.plan->local_groups * set_bytes);
  memset(pooled, 0, set_bytes);
  if (!wanted) return;
  lks_norm_sums_add(&sums, lks_norm_pooled_known(sums.plan) ? NULL : pooled, unit->segment_sums,
                    context->network->threads);
}

/* The message of a stage: for each of its norms, a set for each spanning group; zero where this rank has
 * nothing to add. Returns its length as place_message does. */
static size_t prepare_message(const lks_pass_context *context, bool forward, int *first, int *end)
{
  lks_network *network = context->network;
  lks_norms_of_stage(network, context->stage - !forward, first, end);
  const size_t sets = place_message(context, *first, *end);
  memset(network->message, 0, 2 * sets * LKS_EXACT_LIMBS * sizeof *network->message);
  for (int u = *first; u < *end; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    accumulate(context, unit, forward ? unit->pooled_forward : unit->pooled_backward,
               forward || unit->op->wanted);
  }
  return sets;
}

bool lks_norm_pooled_known(const lks_batch_plan *plan)
{
  return plan->groups == 1 && plan->spanning == 1;
}

/* The one group of the mini-batch is in the message, on every rank, even one that has no sample of it. */
static void take_pooled(const lks_pass_context *context, const lks_norm_unit *unit, int64_t *pooled)
{
  if (!lks_norm_pooled_known(lks_plan_of(context, unit))) return;
  const int64_t *set = lks_norm_sums_at(context->network->message, 1, unit->message_begin);
  memcpy(pooled, set, 2 * unit->channels * LKS_EXACT_LIMBS * sizeof *pooled);
}

static double group_count(const lks_pass_context *context, const lks_norm_unit *unit, size_t local_group)
{
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  const size_t *begin = plan->group_begin + plan->first_group + local_group;
  return (double)((begin[1] - begin[0]) * unit->pixels);
}

static double pooled_count(const lks_pass_context *context, const lks_norm_unit *unit)
{
  return (double)(context->plan->samples * unit->pixels);
}

static void form_groups(const lks_pass_context *context, lks_norm_unit *unit)
{
  lks_network *network = context->network;
  const float *gamma = network->parameters + unit->gamma, *beta = network->parameters + unit->beta;
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  if (lks_disturbed(context)) lks_disturbance_apply(&gamma, &beta, network, unit);
  for (size_t g = 0; g < plan->local_groups; g++) {
    double n = group_count(context, unit, g), *moments = unit->moments;
    if (!lks_norm_pooled_known(plan)) {
      moments = network->moments;
      lks_norm_sums_moments(moments, group_set(context, unit, g), unit->channels, n);
    }
    if (lks_noise_measured(context)) lks_noise_add_group(context, unit, g, moments + unit->channels, n);
    lks_batch_norm_form_set(&unit->form[g], moments, moments + unit->channels, gamma, beta, unit->epsilon,
                            unit->channels);
  }
}

/* With the running statistics. */
static void form_running(lks_batch_norm_form *form, const lks_network *network, const lks_norm_unit *unit)
{
  lks_running_statistics_form(form, network->moments, network->running + unit->running_mean,
                              network->running + unit->running_var, network->parameters + unit->gamma,
                              network->parameters + unit->beta, unit->epsilon, unit->channels);
}

/* Every group of the stage's batch norms gets the running statistics: there is nothing to reduce. */
static void form_resting(const lks_pass_context *context)
{
  lks_network *network = context->network;
  int first, end;
  lks_norms_of_stage(network, context->stage, &first, &end);
  for (int u = first; u < end; u++)
    for (size_t g = 0; g < lks_plan_of(context, &network->unit_norm[u])->local_groups; g++)
      form_running(&network->unit_norm[u].form[g], network, &network->unit_norm[u]);
}

lks_status lks_norm_forward_reduce_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  int first, end;
  if (lks_norm_rests(context)) {
    form_resting(context);
    return LKS_OK;
  }
  const size_t sets = prepare_message(context, true, &first, &end);
  if (sets) {
    lks_profile_enter(network->profile, LKS_PART_BN_COMM);
    lks_status status = lks_comm_exact_sum_all(network->comm, network->message, 2 * sets, LKS_TRAFFIC_NORM);
    lks_profile_leave(network->profile);
    if (status) return status;
  }
  for (int u = first; u < end; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    take_pooled(context, unit, unit->pooled_forward);
    if (lks_norm_pooled_known(lks_plan_of(context, unit)))
      lks_norm_sums_moments(unit->moments, unit->pooled_forward, unit->channels, pooled_count(context, unit));
    form_groups(context, unit);
  }
  return LKS_OK;
}

lks_status lks_norm_backward_start_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  int first, end;
  if (lks_norm_rests(context)) return LKS_OK;
  const size_t sets = prepare_message(context, false, &first, &end);
  if (!sets) return LKS_OK;
  return lks_comm_exact_sum_start_all(network->comm, network->message, 2 * sets, LKS_TRAFFIC_NORM);
}

/* Statistics that do not depend on the mini-batch pass no gradient on. */
static void mean_resting(const lks_pass_context *context, const lks_norm_unit *unit)
{
  memset(unit->mean, 0, lks_plan_of(context, unit)->local_groups * 2 * unit->channels * sizeof *unit->mean);
}

static void mean_groups(const lks_pass_context *context, lks_norm_unit *unit)
{
  size_t columns = 2 * unit->channels;
  for (size_t g = 0; g < lks_plan_of(context, unit)->local_groups; g++) {
    lks_norm_sums_means(unit->mean + g * columns, group_set(context, unit, g), unit->channels,
                        group_count(context, unit, g));
  }
}

lks_status lks_norm_backward_finish_all(const lks_pass_context *context)
{
  lks_network *network = context->network;
  int first, end;
  lks_norms_of_stage(network, context->stage - 1, &first, &end);
  if (lks_norm_rests(context)) {
    for (int u = first; u < end; u++) mean_resting(context, &network->unit_norm[u]);
    return LKS_OK;
  }
  if (place_message(context, first, end)) {
    lks_profile_enter(network->profile, LKS_PART_BN_COMM);
    lks_status status = lks_comm_wait_all(network->comm, LKS_TRAFFIC_NORM);
    lks_profile_leave(network->profile);
    if (status) return status;
  }
  for (int u = first; u < end; u++) {
    mean_groups(context, &network->unit_norm[u]);
    take_pooled(context, &network->unit_norm[u], network->unit_norm[u].pooled_backward);
  }
  return LKS_OK;
}

void lks_norm_gradients(const lks_pass_context *context)
{
  lks_network *network = context->network;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    if (lks_norm_rests(context)) {
      memset(network->gradients + unit->gamma, 0, unit->channels * sizeof(float));
      memset(network->gradients + unit->beta, 0, unit->channels * sizeof(float));
      continue;
    }
    lks_norm_sums_gradients(network->gradients + unit->gamma, network->gradients + unit->beta,
                            unit->pooled_backward, unit->channels);
    if (lks_disturbed(context)) lks_disturbance_gradients(network, unit);
  }
}

void lks_norm_running_forms(lks_network *network)
{
  if (network->running_formed) return;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++)
    form_running(&network->unit_norm[u].running, network, &network->unit_norm[u]);
  network->running_formed = true;
}

void lks_norm_update(const lks_pass_context *context)
{
  lks_network *network = context->network;
  if (lks_norm_rests(context)) return;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    const double n = pooled_count(context, unit);
    if (!lks_norm_pooled_known(lks_plan_of(context, unit)))
      lks_norm_sums_moments(unit->moments, unit->pooled_forward, unit->channels, n);
    lks_running_statistics_update(network->running + unit->running_mean, network->running + unit->running_var,
                                  unit->moments, unit->channels, n, unit->momentum);
  }
  network->batches_tracked++;
  network->running_formed = false;
}

void lks_network_precise_begin(lks_network *network)
{
  network->precise_samples = 0;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    memset(unit->precise, 0, 2 * unit->channels * LKS_EXACT_LIMBS * sizeof *unit->precise);
  }
}

void lks_norm_precise_add(const lks_pass_context *context)
{
  lks_network *network = context->network;
  network->precise_samples += (double)context->plan->samples;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    lks_exact_sum_merge(unit->precise, unit->pooled_forward, 2 * unit->channels);
  }
}

lks_status lks_network_precise_set_all(lks_network *network)
{
  if (network->precise_samples < 1)
    return lks_fail(LKS_ERR_DATA, "no training samples to recompute the statistics from");
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    double n = network->precise_samples * (double)unit->pixels, *moments = network->moments;
    lks_norm_sums_moments(moments, unit->precise, unit->channels, n);
    lks_running_statistics_set(network->running + unit->running_mean, network->running + unit->running_var,
                               moments, unit->channels, n);
  }
  network->running_formed = false;
  return LKS_OK;
}
