#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/life.h"
#include "model/backward.h"
#include "model/disturbance.h"
#include "model/forward.h"
#include "model/group_norm_op.h"
#include "model/microbatches.h"
#include "model/noise.h"
#include "model/nonfinite.h"
#include "model/norm.h"
#include "sums/partition.h"

/* One mini-batch from end to end. A rank that fails carries on with what it has up to the last reduction,
 * where all ranks learn of it; values that are not finite are counted by the accumulators, and noticed by all
 * at the same place. */

static lks_batch_plan **find_plans(const lks_network *network, size_t total)
{
  for (int p = 0; p < network->plans; p++)
    if (network->plan[p][0]->samples == total) return network->plan[p];
  return NULL;
}

static void destroy_plans(lks_batch_plan ***plans, size_t norms)
{
  for (size_t n = 0; *plans && n < norms; n++) lks_batch_plan_destroy(&(*plans)[n]);
  lks_free(*plans);
  *plans = NULL;
}

/* One for each normalization batch that a batch norm has. */
static lks_status create_plans(lks_batch_plan ***plans, const lks_network *network, size_t total)
{
  lks_status status = LKS_OK;
  *plans = lks_new(network->norms, sizeof **plans);
  if (!*plans) return LKS_ERR_RANK;
  for (size_t n = 0; n < network->norms && !status; n++)
    status = lks_batch_plan_create(&(*plans)[n], total, network->options.microbatch, network->norm[n],
                                   lks_comm_size(network->comm), lks_comm_rank(network->comm));
  if (status) destroy_plans(plans, network->norms);
  return status;
}

/* The oldest plans after the first one (of a full mini-batch) make room. */
static void make_room_for_plan(lks_network *network)
{
  if (network->plans < LKS_MAX_PLANS) return;
  destroy_plans(&network->plan[1], network->norms);
  memmove(&network->plan[1], &network->plan[2], (LKS_MAX_PLANS - 2) * sizeof network->plan[0]);
  network->plans--;
}

/* A normalization batch that a layer names has to fit as one of --bn has. */
static lks_status check_own_group(const lks_layer *layer, size_t batch_size)
{
  if (layer->group.size <= batch_size) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "%s has group=%s in its model text, which is more than the %zu samples of a mini-batch; take fewer there, or a larger --batch-size",
      layer->name, lks_norm_text(layer->group).text, batch_size);
}

static lks_status check_groups(const lks_network *network, lks_batch_plan *const *plans)
{
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    const lks_layer *layer = unit->op->layer;
    const lks_batch_plan *plan = plans[unit->plan];
    if (unit->plan > 0) {
      lks_status status = check_own_group(layer, network->options.batch_size);
      if (status) return status;
    }
    if (lks_batch_plan_smallest_group(plan) * unit->pixels == 1)
      return lks_fail(
          LKS_ERR_USAGE,
          "%s would normalize one value a channel: with %s%s, normalization batches of a mini-batch of %zu have one sample; choose another --batch-size or %s",
          layer->name, unit->plan ? "group=" : "--bn ", lks_norm_text(network->norm[unit->plan]).text,
          plan->samples, unit->plan ? "group" : "--bn");
  }
  return LKS_OK;
}

lks_status lks_network_prepare(lks_network *network, size_t total, bool training)
{
  const lks_network_options *o = &network->options;
  lks_batch_plan **plans = find_plans(network, total);
  if (total > o->batch_size)
    return lks_fail(LKS_ERR_USAGE, "a mini-batch of %zu samples is larger than the network's %zu", total,
                    o->batch_size);
  if (!plans) {
    lks_status status = create_plans(&plans, network, total);
    if (status) return status;
    make_room_for_plan(network);
    network->plan[network->plans++] = plans;
  }
  return training && !o->freeze_norm ? check_groups(network, plans) : LKS_OK;
}

void lks_network_plans_forget(lks_network *network)
{
  while (network->plans > 0) destroy_plans(&network->plan[--network->plans], network->norms);
}

bool lks_network_sums_flat(const lks_network *network)
{
  return lks_gradient_sum_is_flat(network->gradient_sum);
}

void lks_network_shard(const lks_network *network, size_t total, size_t *first, size_t *count)
{
  size_t m = network->options.microbatch, microbatches = lks_divide_up(total, m);
  size_t size = (size_t)lks_comm_size(network->comm), rank = (size_t)lks_comm_rank(network->comm);
  size_t begin = lks_partition_begin(microbatches, size, rank) * m;
  size_t end = lks_partition_begin(microbatches, size, rank + 1) * m;
  if (begin > total) begin = total;
  if (end > total) end = total;
  *first = begin;
  *count = end - begin;
}

/* Weights of which some could not be packed are packed anew by the next pass. */
static void pack_weights(lks_network *network)
{
  if (network->packed) return;
  network->packed = true;
  for (int u = 0; u < network->stages->units[LKS_OP_LINEAR]; u++) {
    lks_linear_unit *unit = &network->linear[u];
    lks_status status = lks_linear_pack(unit->packed, network->parameters + unit->weight, unit->linear);
    if (!status) continue;
    lks_microbatches_fail(network, status);
    network->packed = false;
  }
}

/* Stage by stage; a batch norm between two stages makes statistics of the sums. */
static lks_status forward_stages_all(lks_pass_context *context)
{
  int stages = context->network->stages->stages;
  for (context->stage = 0; context->stage < stages; context->stage++) {
    lks_microbatches_run(context, lks_forward_microbatch);
    if (context->pass == LKS_PASS_RUNNING || context->stage == stages - 1) continue;
    lks_status status = lks_norm_forward_reduce_all(context);
    if (status) return status;
  }
  return LKS_OK;
}

static lks_status forward_all(lks_pass_context *context)
{
  lks_network *network = context->network;
  bool train = context->pass == LKS_PASS_TRAIN;
  lks_profile_enter(network->profile, train ? LKS_PART_FORWARD : LKS_PART_EVALUATION);
  pack_weights(network);
  if (lks_noise_measured(context)) lks_noise_begin(context);
  if (context->pass == LKS_PASS_RUNNING) lks_norm_running_forms(network);
  lks_status status = forward_stages_all(context);
  lks_profile_leave(network->profile);
  return status;
}

/* The sums of a stage's batch norms travel while its weight gradients are computed, and those while the
 * stages below work. */
static lks_status backward_stages_all(lks_pass_context *context)
{
  lks_network *network = context->network;
  lks_gradient_sum_begin(network->gradient_sum, context->plan->microbatches);
  const lks_stages *stages = network->stages;
  for (context->stage = stages->stages - 1; context->stage >= stages->lowest; context->stage--) {
    lks_microbatches_run(context, lks_backward_microbatch);
    lks_status status = lks_norm_backward_start_all(context);
    if (!status) status = lks_backward_weights_all(context);
    if (!status) status = lks_norm_backward_finish_all(context);
    if (status) return status;
  }
  return LKS_OK;
}

static lks_status backward_all(lks_pass_context *context)
{
  lks_profile *profile = context->network->profile;
  lks_profile_enter(profile, LKS_PART_BACKWARD);
  lks_status status = backward_stages_all(context);
  lks_profile_leave(profile);
  return status ? status : lks_backward_weights_finish_all(context);
}

static int64_t *last_accumulator(const lks_network *network, int number)
{
  return network->last + number * LKS_EXACT_LIMBS;
}

/* Copies the pooled sums that this pass made into the last message (out) or back from it; returns the
 * message's length. */
static size_t carry_pooled(const lks_pass_context *context, bool out)
{
  lks_network *network = context->network;
  size_t at = LKS_LAST_COUNT * LKS_EXACT_LIMBS;
  const bool summed = context->pass != LKS_PASS_RUNNING && !lks_norm_rests(context);
  const bool train = context->pass == LKS_PASS_TRAIN, noise = lks_noise_measured(context);
  for (int u = 0; u < network->stages->units[LKS_OP_NORM]; u++) {
    lks_norm_unit *unit = &network->unit_norm[u];
    int64_t *set[] = {unit->pooled_forward, unit->pooled_backward, unit->noise};
    const bool pooled = summed && !lks_norm_pooled_known(lks_plan_of(context, unit));
    bool carried[] = {pooled, pooled && train, noise};
    size_t limbs = 2 * unit->channels * LKS_EXACT_LIMBS;
    for (int k = 0; k < 3; k++) {
      if (!carried[k]) continue;
      int64_t *message = network->last + at;
      memcpy(out ? message : set[k], out ? set[k] : message, limbs * sizeof *message);
      at += limbs;
    }
  }
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM] && train; u++) {
    lks_group_norm_unit *unit = &network->group_norm[u];
    const size_t limbs = 2 * unit->channels * LKS_EXACT_LIMBS;
    int64_t *message = network->last + at;
    memcpy(out ? message : unit->pooled, out ? unit->pooled : message, limbs * sizeof *message);
    at += limbs;
  }
  return at;
}

static int64_t pooled_nonfinite(const lks_pass_context *context)
{
  const lks_network *network = context->network;
  const lks_pass pass = context->pass;
  int64_t nonfinite = 0;
  if (lks_norm_rests(context)) return 0;
  for (int u = 0; u < network->stages->units[LKS_OP_NORM] && pass != LKS_PASS_RUNNING; u++) {
    const lks_norm_unit *unit = &network->unit_norm[u];
    nonfinite += lks_exact_sum_nonfinite(unit->pooled_forward, 2 * unit->channels);
    if (pass == LKS_PASS_TRAIN)
      nonfinite += lks_exact_sum_nonfinite(unit->pooled_backward, 2 * unit->channels);
  }
  for (int u = 0; u < network->stages->units[LKS_OP_GROUP_NORM] && pass == LKS_PASS_TRAIN; u++)
    nonfinite += lks_exact_sum_nonfinite(network->group_norm[u].pooled, 2 * network->group_norm[u].channels);
  return nonfinite;
}

/* The one reduction that every pass ends with: loss, accuracy, requests, failures, pooled sums. */
static lks_status last_reduction_all(const lks_pass_context *context, unsigned requests)
{
  lks_network *network = context->network;
  size_t samples = context->batch->samples;
  memset(network->last, 0, LKS_LAST_COUNT * LKS_EXACT_LIMBS * sizeof *network->last);
  for (size_t i = 0; i < samples && context->batch->label; i++) {
    lks_exact_sum_add(last_accumulator(network, LKS_LAST_LOSS), network->loss[i]);
    lks_exact_sum_add(last_accumulator(network, LKS_LAST_CORRECT), network->correct[i]);
  }
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_SAMPLES), (double)samples);
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_STOP), (requests & LKS_REQUEST_STOP) != 0);
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_SAVE), (requests & LKS_REQUEST_SAVE) != 0);
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_CHECKPOINT), (requests & LKS_REQUEST_CHECKPOINT) != 0);
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_FAILED), network->failure != LKS_OK);
  lks_exact_sum_add(last_accumulator(network, LKS_LAST_DAMAGED), network->damaged);
  if (context->pass == LKS_PASS_TRAIN)
    lks_exact_sum_add(last_accumulator(network, LKS_LAST_INFINITE), !lks_nonfinite_gradients_well(network));
  size_t limbs = carry_pooled(context, true);
  lks_profile_enter(network->profile, LKS_PART_STEP_COMM);
  lks_status status =
      lks_comm_exact_sum_all(network->comm, network->last, limbs / LKS_EXACT_LIMBS, LKS_TRAFFIC_STEP);
  lks_profile_leave(network->profile);
  if (!status) carry_pooled(context, false);
  return status;
}

static void read_result(lks_pass_result *result, const lks_network *network)
{
  memcpy(result->loss_limbs, last_accumulator(network, LKS_LAST_LOSS), sizeof result->loss_limbs);
  result->loss = lks_exact_sum_value(result->loss_limbs);
  result->correct = (int64_t)lks_exact_sum_value(last_accumulator(network, LKS_LAST_CORRECT));
  result->samples = (int64_t)lks_exact_sum_value(last_accumulator(network, LKS_LAST_SAMPLES));
  result->checkpoint = (int64_t)lks_exact_sum_value(last_accumulator(network, LKS_LAST_CHECKPOINT));
  result->stop = (int64_t)lks_exact_sum_value(last_accumulator(network, LKS_LAST_STOP));
  result->save = (int64_t)lks_exact_sum_value(last_accumulator(network, LKS_LAST_SAVE));
}

/* Does the pass again, looking. */
static lks_status name_nonfinite_all(lks_pass_context *context, bool damaged)
{
  lks_network *network = context->network;
  lks_nonfinite found;
  lks_nonfinite_begin(&found, context);
  network->nonfinite = &found;
  lks_status status = forward_all(context);
  if (!status && context->pass == LKS_PASS_TRAIN) status = backward_all(context);
  network->nonfinite = NULL;
  network->failure = LKS_OK; /* that this was given up halfway matters no more */
  return status ? status : lks_nonfinite_name_all(&found, context, damaged);
}

/* Equal on all ranks: decided from what the reductions gave. */
static lks_status verdict_all(lks_pass_context *context)
{
  lks_network *network = context->network;
  if (lks_exact_sum_value(last_accumulator(network, LKS_LAST_FAILED)) > 0) {
    lks_status failure =
        network->failure ? lks_fail(network->failure, "%s", network->failure_message) : LKS_OK;
    network->failure = LKS_OK;
    return lks_comm_agree_all(network->comm, failure);
  }
  const bool damaged = lks_exact_sum_value(last_accumulator(network, LKS_LAST_DAMAGED)) > 0;
  if (damaged || lks_exact_sum_value(last_accumulator(network, LKS_LAST_INFINITE)) > 0 ||
      lks_exact_sum_nonfinite(last_accumulator(network, LKS_LAST_LOSS), 1) || pooled_nonfinite(context))
    return name_nonfinite_all(context, damaged);
  return LKS_OK;
}

/* *plans out: those of the mini-batch, made if they are new. */
static lks_status plan_all(lks_batch_plan ***plans, lks_network *network, size_t total)
{
  *plans = find_plans(network, total); /* on all ranks, or on none */
  if (*plans) return LKS_OK;
  lks_status status = lks_comm_agree_all(network->comm, lks_network_prepare(network, total, false));
  if (status) lks_network_plans_forget(network);
  *plans = find_plans(network, total);
  return status;
}

static lks_status pass_all(lks_network *network, lks_pass_result *result, lks_pass pass,
                           const lks_batch *batch, const lks_input_scaling *scaling, uint32_t step,
                           unsigned requests)
{
  lks_batch_plan **plans;
  lks_status status = plan_all(&plans, network, batch->total);
  if (status || !plans) return status;
  lks_pass_context context = {network, pass, plans[0], plans, batch, scaling, step, 0};
  if (batch->status) lks_microbatches_fail(network, lks_fail(batch->status, "%s", batch->message));
  bool train = pass == LKS_PASS_TRAIN;

  if (lks_disturbed(&context)) status = lks_disturbance_draw_all(&context);
  if (!status) status = forward_all(&context);
  if (!status && train) status = backward_all(&context);
  if (!status && train) lks_group_norms_accumulate(&context);
  if (!status) status = last_reduction_all(&context, requests);
  if (!status && train) lks_norm_gradients(&context);
  if (!status && train) lks_group_norms_gradients(&context);
  if (!status) status = verdict_all(&context);
  if (status) return status;

  read_result(result, network);
  if (train) lks_norm_update(&context);
  if (lks_noise_measured(&context)) lks_noise_finish(&context);
  if (pass == LKS_PASS_PRECISE) lks_norm_precise_add(&context);
  return LKS_OK;
}

lks_status lks_network_pass_all(lks_network *network, lks_pass_result *result, lks_pass pass,
                                const lks_batch *batch, const lks_input_scaling *scaling, uint32_t step,
                                unsigned requests)
{
  const lks_phase before = lks_life_enter(pass == LKS_PASS_TRAIN ? LKS_PHASE_TRAIN : LKS_PHASE_EVALUATE);
  lks_life_step(step);
  lks_status status = pass_all(network, result, pass, batch, scaling, step, requests);
  lks_life_enter(before);
  return status;
}

const float *lks_network_logits(const lks_network *network)
{
  return network->logits;
}
