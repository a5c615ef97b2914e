#include "train/evaluation.h"

#include "lockstep/exact_sum.h"
#include "train/lone_sample.h"

#include <math.h>

void lks_network_shard_function(const void *network, size_t total, size_t *first, size_t *count)
{
  lks_network_shard(network, total, first, count);
}

lks_status lks_prepare_for_loader(lks_network *network, const lks_loader *loader, size_t batch_size,
                                  bool training)
{
  size_t samples = lks_loader_samples(loader), rest = samples % batch_size;
  lks_status status = samples >= batch_size ? lks_network_prepare(network, batch_size, training) : LKS_OK;
  if (!status && rest) status = lks_network_prepare(network, rest, training);
  if (status == LKS_ERR_USAGE && training && rest == 1) status = lks_lone_sample_refuse(samples, batch_size);
  return status;
}

/* The lowest class with the largest logit, which is what the loss kernel takes for the answer. */
static int32_t best_class(const float *logits, size_t classes)
{
  size_t best = 0;
  for (size_t c = 1; c < classes; c++)
    if (logits[c] > logits[best]) best = c;
  return (int32_t)best;
}

static void take_predictions(int32_t *predictions, const lks_setup *setup, const lks_batch *batch)
{
  const size_t classes = lks_model_classes(setup->model);
  const float *logits = lks_network_logits(setup->network);
  for (size_t i = 0; i < batch->samples; i++)
    predictions[batch->sample[i]] = best_class(logits + i * classes, classes);
}

lks_status lks_evaluate_predicting_all(lks_evaluation *evaluation, int32_t *predictions, lks_setup *setup,
                                       lks_loader *loader, lks_pass pass)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0}, correct = 0, samples = 0;
  lks_batch batch;
  *evaluation = (lks_evaluation){.loss = NAN, .accuracy = NAN};
  lks_loader_seek(loader, 0, 0);
  while (lks_loader_next(loader, &batch)) {
    lks_pass_result result;
    if (pass == LKS_PASS_PRECISE) batch.label = NULL; /* statistics have no use for them */
    lks_status status = lks_network_pass_all(setup->network, &result, pass, &batch, &setup->scaling, 0, 0);
    if (status) return status;
    if (setup->pulse) setup->pulse(setup->context);
    if (predictions) take_predictions(predictions, setup, &batch);
    lks_exact_sum_merge(limbs, result.loss_limbs, 1);
    correct += result.correct;
    samples += result.samples;
    evaluation->batches++;
    evaluation->last_batch = (size_t)result.samples;
  }
  evaluation->samples = (size_t)samples;
  if (samples) evaluation->loss = lks_exact_sum_value(limbs) / (double)samples;
  if (samples) evaluation->accuracy = (double)correct / (double)samples;
  return LKS_OK;
}

lks_status lks_evaluate_loader_all(lks_evaluation *evaluation, lks_setup *setup, lks_loader *loader,
                                   lks_pass pass)
{
  return lks_evaluate_predicting_all(evaluation, NULL, setup, loader, pass);
}

lks_status lks_precise_statistics_all(lks_setup *setup, lks_loader *loader)
{
  lks_evaluation ignored;
  lks_network_precise_begin(setup->network);
  lks_status status = lks_evaluate_loader_all(&ignored, setup, loader, LKS_PASS_PRECISE);
  if (!status) status = lks_network_precise_set_all(setup->network);
  return status;
}
