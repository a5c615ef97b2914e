#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "norm/batch_norm_parts.h"
#include "norm/running_statistics.h"

/* Forward and backward. Threads run over blocks of rows, each of which one of them computes alone. */

/* The arrays of a pass, and where a block of them begins. */
typedef struct arrays {
  char *y, *dx, *dresidual;
  const char *x, *residual, *dy, *out; /* out: y, as a backward pass takes it */
} arrays;

static lks_type type_of(const lks_batch_norm *norm)
{
  return (lks_type)norm->options.type;
}

static size_t offset_of(const lks_batch_norm *norm, const lks_segment *segment)
{
  return (segment->microbatch * norm->plan->microbatch + segment->offset) * norm->channels *
         lks_type_bytes(type_of(norm));
}

static char *at(const void *array, size_t offset)
{
  return array ? (char *)(uintptr_t)array + offset : NULL;
}

static const lks_batch_norm_form *form_of(const lks_batch_norm *norm, const lks_segment *segment)
{
  return &norm->work.form[segment->group - norm->plan->first_group];
}

typedef void (*block_work)(const lks_batch_norm *norm, const arrays *a, size_t block);

static void run(const lks_batch_norm *norm, const arrays *a, block_work work)
{
  const int threads = norm->options.threads;
  const size_t blocks = norm->plan->segments;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1 && blocks > 1)
  for (size_t block = 0; block < blocks; block++) work(norm, a, block);
}

static void sum_block(const lks_batch_norm *norm, const arrays *a, size_t block)
{
  const lks_segment *segment = &norm->plan->segment[block];
  double *sums = norm->work.segment_sums + block * 2 * norm->channels;
  lks_batch_norm_sums(sums, sums + norm->channels, at(a->x, offset_of(norm, segment)), segment->samples,
                      norm->channels, type_of(norm));
}

static void normalize_block(const lks_batch_norm *norm, const arrays *a, size_t block)
{
  const lks_segment *segment = &norm->plan->segment[block];
  const size_t offset = offset_of(norm, segment);
  lks_batch_norm_forward(at(a->y, offset), at(a->x, offset), at(a->residual, offset), form_of(norm, segment),
                         norm->options.relu != 0, segment->samples, norm->channels, type_of(norm));
}

static void backward_sum_block(const lks_batch_norm *norm, const arrays *a, size_t block)
{
  const lks_segment *segment = &norm->plan->segment[block];
  const size_t offset = offset_of(norm, segment);
  double *sums = norm->work.segment_sums + block * 2 * norm->channels;
  lks_batch_norm_backward_sums(sums, sums + norm->channels, at(a->dresidual, offset), at(a->dy, offset), NULL,
                               at(a->out, offset), at(a->x, offset), form_of(norm, segment), segment->samples,
                               norm->channels, type_of(norm));
}

static void backward_block(const lks_batch_norm *norm, const arrays *a, size_t block)
{
  const lks_segment *segment = &norm->plan->segment[block];
  const size_t offset = offset_of(norm, segment), channels = norm->channels;
  const double *mean = norm->work.mean + (segment->group - norm->plan->first_group) * 2 * channels;
  lks_batch_norm_backward(at(a->dx, offset), at(a->dy, offset), at(a->x, offset), form_of(norm, segment),
                          mean, mean + channels,
                          norm->work.coefficient + (size_t)omp_get_thread_num() * 2 * channels,
                          segment->samples, channels, type_of(norm));
}

static lks_status check_shape(const lks_batch_norm *norm, size_t samples, size_t pixels)
{
  const size_t most = INT64_MAX / 8 / norm->channels;
  if (samples > 0 && (pixels == 0 || pixels > UINT32_MAX || samples > most / pixels))
    return lks_fail(LKS_ERR_USAGE, "batch norm: %zu samples of %zu pixels and %zu channels cannot be",
                    samples, pixels, norm->channels);
  return LKS_OK;
}

static lks_status check_forward(const lks_batch_norm *norm, const void *y, const void *x, size_t samples,
                                size_t pixels)
{
  if (samples > 0 && (!y || !x)) return lks_fail(LKS_ERR_USAGE, "batch norm: %s is NULL", y ? "x" : "y");
  return check_shape(norm, samples, pixels);
}

/* y = act(x + residual): nothing is normalized. */
static void set_identity(lks_batch_norm *norm)
{
  for (size_t c = 0; c < norm->channels; c++) {
    norm->group_moments[c] = 0;
    norm->group_moments[norm->channels + c] = 1;
  }
  lks_batch_norm_form_set(&norm->work.form[0], norm->group_moments, norm->group_moments + norm->channels,
                          NULL, NULL, 0, norm->channels);
}

static void form_groups(lks_batch_norm *norm, const float *gamma, const float *beta)
{
  double *moments = norm->group_moments;
  for (size_t g = 0; g < norm->plan->local_groups; g++) {
    lks_norm_sums_moments(moments, lks_norm_group_set(norm, g), norm->channels,
                          lks_norm_group_values(norm, g));
    lks_batch_norm_form_set(&norm->work.form[g], moments, moments + norm->channels, gamma, beta,
                            norm->options.epsilon, norm->channels);
  }
}

/* The statistics of the whole mini-batch. */
static void take_pooled(lks_batch_norm *norm)
{
  const double n = (double)lks_norm_facts(norm, norm->work.message)[LKS_NORM_ROWS];
  norm->values = n;
  if (n == 0) return;
  lks_norm_sums_moments(norm->moments, norm->work.message, norm->channels, n);
  if (norm->precise_on) {
    lks_exact_sum_merge(norm->precise, norm->work.message, 2 * norm->channels);
    norm->precise_values += n;
    return;
  }
  lks_running_statistics_update(norm->running_mean, norm->running_variance, norm->moments, norm->channels, n,
                                norm->options.momentum);
  norm->updates++;
}

static lks_status normalize_all(lks_batch_norm *norm, const arrays *a, const float *gamma, const float *beta,
                                lks_status status)
{
  const bool late = lks_norm_pooled_late(norm);
  if (!status) run(norm, a, sum_block);
  const lks_status reduced = lks_norm_reduce_all(norm, status);
  if (reduced) return reduced;
  if (!late) status = lks_norm_reduce_end_all(norm, status);
  if (!status) {
    form_groups(norm, gamma, beta);
    run(norm, a, normalize_block);
  }
  return late ? lks_norm_reduce_end_all(norm, status) : status;
}

/* What every forward pass begins with. */
static void begin_pass(lks_batch_norm *norm, lks_norm_pass pass, size_t samples, size_t pixels)
{
  norm->pass = pass;
  norm->samples = samples;
  norm->pixels = pixels;
}

static lks_status pass_by_all(lks_batch_norm *norm, const arrays *a, lks_status status)
{
  status = lks_comm_agree_all(norm->comm, status);
  if (status) return status;
  set_identity(norm);
  run(norm, a, normalize_block);
  return LKS_OK;
}

lks_status lks_batch_norm_forward_all(lks_batch_norm *norm, void *y, const void *x, const void *residual,
                                      const float *gamma, const float *beta, size_t samples, size_t pixels)
{
  const arrays a = {.y = y, .x = x, .residual = residual};
  const bool groups = norm->options.group == LKS_BATCH_NORM_SAMPLES;
  lks_status status = check_forward(norm, y, x, samples, pixels);
  begin_pass(norm, LKS_NORM_TRAINING, samples, pixels);
  status = lks_norm_plan_all(norm, true, status, samples, pixels);
  if (norm->options.group == LKS_BATCH_NORM_NONE)
    status = pass_by_all(norm, &a, status);
  else if (!status || !groups) { /* with groups of samples all ranks know */
    status = normalize_all(norm, &a, gamma, beta, status);
    if (!status) take_pooled(norm);
  }
  if (status) norm->pass = LKS_NORM_NOTHING;
  return status;
}

lks_status lks_batch_norm_forward_running(lks_batch_norm *norm, void *y, const void *x, const void *residual,
                                          const float *gamma, const float *beta, size_t samples,
                                          size_t pixels)
{
  const arrays a = {.y = y, .x = x, .residual = residual};
  lks_status status = check_forward(norm, y, x, samples, pixels);
  begin_pass(norm, LKS_NORM_RUNNING, samples, pixels);
  if (!status) status = lks_norm_plan_all(norm, false, status, samples, pixels);
  if (status) {
    norm->pass = LKS_NORM_NOTHING;
    return status;
  }
  if (norm->options.group == LKS_BATCH_NORM_NONE)
    set_identity(norm);
  else
    lks_running_statistics_form(&norm->work.form[0], norm->group_moments, norm->running_mean,
                                norm->running_variance, gamma, beta, norm->options.epsilon, norm->channels);
  run(norm, &a, normalize_block);
  return LKS_OK;
}

static lks_status check_backward(const lks_batch_norm *norm, const void *dx, const void *dy, const void *x,
                                 const void *y)
{
  if (norm->pass == LKS_NORM_NOTHING)
    return lks_fail(LKS_ERR_USAGE,
                    "batch norm: a backward pass without a forward pass before it that went well");
  if (norm->samples > 0 && (!dx || !dy || !x))
    return lks_fail(LKS_ERR_USAGE, "batch norm: %s is NULL", !dx ? "dx" : !dy ? "dy" : "x");
  if (norm->samples > 0 && norm->options.relu && !y)
    return lks_fail(LKS_ERR_USAGE, "batch norm: y is NULL, of which the gradient of relu is made");
  return LKS_OK;
}

/* Constant statistics have no gradients. */
static void find_means(lks_batch_norm *norm)
{
  const size_t columns = 2 * norm->channels;
  for (size_t g = 0; g < norm->plan->local_groups; g++) {
    double *mean = norm->work.mean + g * columns;
    if (norm->pass == LKS_NORM_TRAINING && norm->options.group != LKS_BATCH_NORM_NONE)
      lks_norm_sums_means(mean, lks_norm_group_set(norm, g), norm->channels, lks_norm_group_values(norm, g));
    else
      memset(mean, 0, columns * sizeof *mean);
  }
}

static void set_gradients(const lks_batch_norm *norm, float *dgamma, float *dbeta)
{
  const int64_t *set = norm->options.own_gradients ? norm->own : norm->work.message;
  const bool none = norm->options.group == LKS_BATCH_NORM_NONE;
  for (size_t c = 0; c < norm->channels; c++) {
    if (dbeta) dbeta[c] = none ? 0 : (float)lks_exact_sum_value(set + c * LKS_EXACT_LIMBS);
    if (dgamma)
      dgamma[c] = none ? 0 : (float)lks_exact_sum_value(set + (norm->channels + c) * LKS_EXACT_LIMBS);
  }
}

lks_status lks_batch_norm_backward_all(lks_batch_norm *norm, void *dx, void *dresidual, float *dgamma,
                                       float *dbeta, const void *dy, const void *x, const void *y)
{
  /* dy' is kept where it is wanted; behind a relu it has to be somewhere; else it is dy itself. */
  const void *out = norm->options.relu ? y : NULL;
  void *masked = dresidual ? dresidual : out ? dx : NULL;
  const arrays sums = {.dresidual = masked, .dy = dy, .x = x, .out = out};
  const arrays a = {.dx = dx, .dy = masked ? masked : dy, .x = x};
  lks_status status = check_backward(norm, dx, dy, x, y);
  if (!status) run(norm, &sums, backward_sum_block);
  const lks_status reduced = lks_norm_reduce_all(norm, status);
  if (reduced) return reduced;
  const bool late = lks_norm_pooled_late(norm);
  if (!late) status = lks_norm_reduce_end_all(norm, status);
  if (!status) {
    find_means(norm);
    run(norm, &a, backward_block);
  }
  if (late) status = lks_norm_reduce_end_all(norm, status);
  if (!status) set_gradients(norm, dgamma, dbeta);
  return status;
}
