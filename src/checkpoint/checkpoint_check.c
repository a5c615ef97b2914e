#include "checkpoint/checkpoint_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/fingerprint.h"
#include "checkpoint/skips.h"
#include "lockstep/exact_sum.h"

const char lks_checkpoint_advice[] = "damaged or edited; take another checkpoint";

static bool is_hash(const char *text)
{
  return text[0] && strspn(text, "0123456789abcdef") == strlen(text);
}

static lks_status check_input(const lks_checkpoint_header *header)
{
  size_t bytes = sizeof(double); /* of one sample, in the widest type it takes */
  if (__builtin_mul_overflow(bytes, header->input.height, &bytes) ||
      __builtin_mul_overflow(bytes, header->input.width, &bytes) ||
      __builtin_mul_overflow(bytes, header->input.channels, &bytes))
    return lks_fail(LKS_ERR_DATA, "its input_shape %zu x %zu x %zu holds more bytes than there can be: %s",
                    header->input.height, header->input.width, header->input.channels, lks_checkpoint_advice);
  for (size_t c = 0; c < header->statistics; c++) {
    if (!isfinite(header->mean[c]))
      return lks_fail(LKS_ERR_DATA, "its input_mean[%zu] is %g and must be finite: %s", c, header->mean[c],
                      lks_checkpoint_advice);
    if (!isfinite(header->std[c]) || header->std[c] < 0)
      return lks_fail(LKS_ERR_DATA, "its input_std[%zu] is %g and must be finite and not negative: %s", c,
                      header->std[c], lks_checkpoint_advice);
  }
  if (header->classes < 1 || header->classes > INT32_MAX)
    return lks_fail(LKS_ERR_DATA, "its classes is %zu and must be 1 to %" PRId32 ": %s", header->classes,
                    INT32_MAX, lks_checkpoint_advice);
  if (!is_hash(header->fingerprint) || !is_hash(header->data_hash))
    return lks_fail(LKS_ERR_DATA,
                    "its fingerprint is '%s' and its data_hash '%s', and both must be hexadecimal digits: %s",
                    header->fingerprint, header->data_hash, lks_checkpoint_advice);
  if (header->parameters < 0)
    return lks_fail(LKS_ERR_DATA, "its parameters is %" PRId64 " and must not be negative: %s",
                    header->parameters, lks_checkpoint_advice);
  return LKS_OK;
}

/** All epochs have the same number of steps. The last step of an epoch may be done, and the epoch not yet
 * finished. */
static bool steps_agree(const lks_run_state *state)
{
  if (state->epoch_step > state->step) return false;
  const size_t finished = state->step - state->epoch_step;
  if (state->epoch == 0) return finished == 0;
  return finished > 0 && finished % state->epoch == 0 && state->epoch_step <= finished / state->epoch;
}

/** The sum of so many losses, each of which adds less than 2^32 to a digit; none is not finite. */
static bool is_sum_of(const int64_t limbs[LKS_EXACT_LIMBS], int64_t losses)
{
  const int64_t most = losses > INT64_MAX >> 32 ? INT64_MAX : losses << 32;
  for (int i = 0; i < LKS_EXACT_DIGITS; i++)
    if (limbs[i] > most || limbs[i] < -most) return false;
  return limbs[LKS_EXACT_NONFINITE] == 0;
}

static lks_status check_sums(const lks_run_state *state, size_t batch_size)
{
  size_t most = 0;
  if (state->step > UINT32_MAX)
    return lks_fail(LKS_ERR_DATA, "its step is %zu and must be %" PRIu32 " at most: %s", state->step,
                    UINT32_MAX, lks_checkpoint_advice);
  for (size_t i = 1; i < state->skips; i++)
    if (state->skip[i] <= state->skip[i - 1])
      return lks_fail(LKS_ERR_DATA, "its skip[%zu] is not larger than the one before: %s", i,
                      lks_checkpoint_advice);
  const size_t left_out = lks_skips_between(state, state->step - state->epoch_step, state->step);
  if (state->samples < 0 || (size_t)state->samples < state->epoch_step - left_out ||
      __builtin_mul_overflow(state->epoch_step, batch_size, &most) || (size_t)state->samples > most)
    return lks_fail(LKS_ERR_DATA, "its samples is %" PRId64 " after %zu steps of an epoch: %s",
                    state->samples, state->epoch_step, lks_checkpoint_advice);
  if (!is_sum_of(state->loss_limbs, state->samples))
    return lks_fail(LKS_ERR_DATA, "its loss_limbs are not the sum of %" PRId64 " losses: %s", state->samples,
                    lks_checkpoint_advice);
  return LKS_OK;
}

static lks_status check_state(const lks_run_state *state, size_t batch_size)
{
  if (!steps_agree(state))
    return lks_fail(
        LKS_ERR_DATA,
        "it says to be at epoch %zu and step %zu of the next, after %zu steps in all, which cannot be: %s",
        state->epoch, state->epoch_step, state->step, lks_checkpoint_advice);
  const lks_status status = check_sums(state, batch_size);
  if (status) return status;
  if (state->correct < 0 || state->correct > state->samples)
    return lks_fail(LKS_ERR_DATA, "its correct is %" PRId64 " and must be 0 to the %" PRId64 " samples: %s",
                    state->correct, state->samples, lks_checkpoint_advice);
  if (!isfinite(state->seconds) || state->seconds < 0)
    return lks_fail(LKS_ERR_DATA, "its seconds is %g and must be finite and not negative: %s", state->seconds,
                    lks_checkpoint_advice);
  for (size_t n = 0; n < state->noises; n++)
    if (!isfinite(state->noise[n]))
      return lks_fail(LKS_ERR_DATA, "its noise[%zu] is %g and must be finite: %s", n, state->noise[n],
                      lks_checkpoint_advice);
  return LKS_OK;
}

lks_status lks_checkpoint_check_header(const lks_checkpoint_header *header)
{
  const lks_status status = check_input(header);
  return status ? status : check_state(&header->state, header->config.batch_size);
}

static lks_status check_counts(const lks_checkpoint_header *header, const lks_snapshot *snapshot)
{
  const int64_t parameters = lks_snapshot_parameters(snapshot);
  if (snapshot->batches_tracked < 0)
    return lks_fail(LKS_ERR_DATA, "its batches_tracked is %" PRId64 " and must not be negative: %s",
                    snapshot->batches_tracked, lks_checkpoint_advice);
  if (snapshot->steps < 0)
    return lks_fail(LKS_ERR_DATA, "its optimizer's steps is %" PRId64 " and must not be negative: %s",
                    snapshot->steps, lks_checkpoint_advice);
  if (parameters != header->parameters)
    return lks_fail(LKS_ERR_DATA, "it holds %" PRId64 " parameters and says to hold %" PRId64 ": %s",
                    parameters, header->parameters, lks_checkpoint_advice);
  return LKS_OK;
}

lks_status lks_checkpoint_check_snapshot(const lks_checkpoint_header *header, const lks_snapshot *snapshot)
{
  char fingerprint[33];
  lks_status status = check_counts(header, snapshot);
  if (!status) status = lks_snapshot_fingerprint(fingerprint, snapshot);
  if (status) return status;
  if (strcmp(fingerprint, header->fingerprint) != 0)
    return lks_fail(LKS_ERR_DATA,
                    "its content does not have the fingerprint %s that it was written with, but %s: %s",
                    header->fingerprint, fingerprint, lks_checkpoint_advice);
  return lks_snapshot_check(snapshot);
}

lks_status lks_checkpoint_check_model(const lks_checkpoint_header *header, const char *path)
{
  lks_config config = header->config;
  lks_model *model = NULL;
  snprintf(config.data, sizeof config.data, "%s", path); /* whichever it was: it need not be there */
  lks_status status = lks_config_check(&config);
  if (status) return lks_fail_in(LKS_ERR_DATA, "%s: its attribute config: ", path);
  status = lks_model_parse_as(&model, header->model_text, "model", header->input, header->classes,
                              lks_config_norm_layers(&config));
  lks_model_destroy(&model);
  if (!status) return LKS_OK;
  return lks_fail_in(status == LKS_ERR_USAGE ? LKS_ERR_DATA : status, "%s: its attribute ", path);
}
