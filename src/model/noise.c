#include "model/noise.h"

#include <math.h>
#include <string.h>

/* The noise that normalization batches smaller than the mini-batch put into their statistics. By the law of
 * total variance the groups' means vary around the mini-batch's by V - sum(n_g var_g)/N, so two exact sums a
 * channel are enough: sum(n_g var_g) and sum(n_g var_g^2). They travel with the last reduction of the step.
 */

static int64_t *accumulator(const lks_norm_unit *unit, size_t column)
{
  return unit->noise + column * LKS_EXACT_LIMBS;
}

void lks_noise_begin(const lks_pass_context *context)
{
  lks_network *network = context->network;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    memset(unit->noise, 0, 2 * unit->channels * LKS_EXACT_LIMBS * sizeof *unit->noise);
  }
}

/* A group is counted by the rank that has its first sample. */
static bool counts_group(const lks_batch_plan *plan, size_t group)
{
  size_t first = plan->first * plan->microbatch;
  return plan->group_begin[group] >= first &&
         plan->group_begin[group] < first + plan->count * plan->microbatch;
}

void lks_noise_add_group(const lks_pass_context *context, lks_norm_unit *unit, size_t local_group,
                         const double *variance, double n)
{
  const lks_batch_plan *plan = lks_plan_of(context, unit);
  if (!counts_group(plan, plan->first_group + local_group)) return;
  for (size_t c = 0; c < unit->channels; c++) {
    lks_exact_sum_add(accumulator(unit, c), n * variance[c]);
    lks_exact_sum_add(accumulator(unit, unit->channels + c), n * variance[c] * variance[c]);
  }
}

/* Channels that do not vary in the mini-batch have no noise to speak of and are left out. */
static void add_step(lks_norm_unit *unit, const double *variance, double n)
{
  double mean_noise = 0, variance_noise = 0, counted = 0;
  for (size_t c = 0; c < unit->channels; c++) {
    double v = variance[c], within = lks_exact_sum_value(accumulator(unit, c)) / n;
    double squares = lks_exact_sum_value(accumulator(unit, unit->channels + c)) / n;
    if (!(v > 0)) continue;
    mean_noise += fmax(0, 1 - within / v); /* rounding may leave less than nothing */
    variance_noise += fmax(0, (squares - 2 * v * within) / (v * v) + 1);
    counted++;
  }
  if (counted == 0) return;
  unit->noise_steps++;
  unit->mean_noise += mean_noise / counted;
  unit->variance_noise += variance_noise / counted;
}

/* Without batch norm nothing has noise, and a checkpoint must not hold its infinity. */
static void add_theory(double *theory, double *group, const lks_batch_plan *plan)
{
  const double b = (double)plan->samples, groups = (double)plan->groups;
  if (plan->groups == 0) return;
  *theory += b > 1 ? (groups - 1) / (b - 1) : 0;
  *group += b / groups;
}

void lks_noise_finish(const lks_pass_context *context)
{
  lks_network *network = context->network;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    add_step(unit, unit->moments + unit->channels, (double)(context->plan->samples * unit->pixels));
    add_theory(&unit->noise_theory, &unit->noise_group, lks_plan_of(context, unit));
  }
  if (context->plan->groups == 0) return;
  network->noise_steps++;
  add_theory(&network->noise_theory, &network->noise_group, context->plan);
}

size_t lks_network_norms(const lks_network *network)
{
  return (size_t)network->stages->units[LKS_OP_NORM];
}

lks_noise lks_network_noise(const lks_network *network, size_t norm)
{
  const lks_norm_unit *unit = &network->unit_norm[norm];
  double steps = unit->noise_steps, all = network->noise_steps;
  lks_noise noise = {.layer = unit->op->layer->name,
                     .channels = unit->channels,
                     .values = unit->pixels,
                     .epsilon = unit->epsilon};
  if (steps == 0 || all == 0) return noise;
  noise.steps = (size_t)steps;
  noise.variance_of_mean = unit->mean_noise / steps;
  noise.variance_of_variance = unit->variance_noise / steps;
  const bool own = unit->plan > 0; /* not the run's normalization batch */
  noise.theory = (own ? unit->noise_theory : network->noise_theory) / all;
  const double group = (own ? unit->noise_group : network->noise_group) / all;
  noise.effective_samples = noise.variance_of_mean > 0 ? group * noise.theory / noise.variance_of_mean : 0;
  return noise;
}

void lks_network_noise_reset(lks_network *network)
{
  network->noise_steps = network->noise_theory = network->noise_group = 0;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    unit->noise_steps = unit->mean_noise = unit->variance_noise = unit->noise_theory = unit->noise_group = 0;
  }
}

/* The sums in their order in a state: the network's, then each norm's. */
static size_t list_sums(lks_network *network, double *sum[LKS_NOISE_STATE_MAX])
{
  size_t count = 0;
  if (!network->options.measure_noise) return 0;
  sum[count++] = &network->noise_steps;
  sum[count++] = &network->noise_theory;
  sum[count++] = &network->noise_group;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    sum[count++] = &unit->noise_steps;
    sum[count++] = &unit->mean_noise;
    sum[count++] = &unit->variance_noise;
    if (unit->plan == 0) continue; /* its theory is the network's */
    sum[count++] = &unit->noise_theory;
    sum[count++] = &unit->noise_group;
  }
  return count;
}

size_t lks_network_noise_save(const lks_network *network, double state[LKS_NOISE_STATE_MAX])
{
  double *sum[LKS_NOISE_STATE_MAX];
  size_t count = list_sums((lks_network *)network, sum);
  for (size_t i = 0; i < count; i++) state[i] = *sum[i];
  return count;
}

void lks_network_noise_restore(lks_network *network, const double *state, size_t count)
{
  double *sum[LKS_NOISE_STATE_MAX];
  if (list_sums(network, sum) != count) return;
  for (size_t i = 0; i < count; i++) *sum[i] = state[i];
}
