#include "train/evaluation.h"

#include "lockstep/checkpoint.h"
#include "lockstep/exact_sum.h"

#include <math.h>
#include <stdio.h>

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
  return status;
}

lks_status lks_evaluate_loader_all(lks_evaluation *evaluation, lks_setup *setup, lks_loader *loader,
                                   lks_pass pass)
{
  int64_t limbs[LKS_EXACT_LIMBS] = {0}, correct = 0, samples = 0;
  lks_batch batch;
  lks_loader_seek(loader, 0, 0);
  while (lks_loader_next(loader, &batch)) {
    lks_pass_result result;
    lks_status status =
        lks_network_pass_all(setup->network, &result, pass, &batch, &setup->scaling, 0, false);
    if (status) return status;
    lks_exact_sum_merge(limbs, result.loss_limbs, 1);
    correct += result.correct;
    samples += result.samples;
  }
  evaluation->samples = (size_t)samples;
  evaluation->loss = samples ? lks_exact_sum_value(limbs) / (double)samples : NAN;
  evaluation->accuracy = samples ? (double)correct / (double)samples : NAN;
  return LKS_OK;
}

lks_status lks_precise_statistics_all(lks_setup *setup, lks_loader *loader)
{
  lks_evaluation ignored;
  lks_network_precise_begin(setup->network);
  lks_status status = lks_evaluate_loader_all(&ignored, setup, loader, LKS_PASS_PRECISE);
  if (!status) status = lks_network_precise_set_all(setup->network);
  return status;
}

static bool same_shape(lks_shape a, lks_shape b)
{
  return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

static lks_status check_fit(const lks_checkpoint_header *header, const lks_dataset *dataset,
                            const char *checkpoint, const char *data)
{
  lks_shape need = header->input, have = lks_dataset_shape(dataset);
  if (!same_shape(need, have))
    return lks_fail(
        LKS_ERR_DATA,
        "%s holds samples of %zux%zux%zu, but %s was trained on %zux%zux%zu (height x width x channels)",
        data, have.height, have.width, have.channels, checkpoint, need.height, need.width, need.channels);
  if (header->classes != lks_dataset_classes(dataset))
    return lks_fail(LKS_ERR_DATA, "%s has %zu classes, but %s was trained on %zu", data,
                    lks_dataset_classes(dataset), checkpoint, header->classes);
  if (!lks_dataset_split(dataset, LKS_SPLIT_TEST).count)
    return lks_fail(LKS_ERR_DATA, "%s has no test samples", data);
  return LKS_OK;
}

/* The test split, or the training samples that the checkpoint's run learned from. */
static lks_status make_loader(lks_loader **loader, const lks_dataset *dataset, const lks_selection *train,
                              const lks_config *config, lks_setup *setup)
{
  lks_split split = train ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST;
  const lks_loader_options options = {.batch_size = config->batch_size,
                                      .seed = config->seed,
                                      .subset = train ? train->train : NULL,
                                      .subset_count = train ? train->train_count : 0,
                                      .shard = lks_network_shard_function,
                                      .context = setup->network};
  lks_status status = lks_loader_create(loader, dataset, split, &options);
  if (!status) status = lks_prepare_for_loader(setup->network, *loader, config->batch_size, false);
  return status;
}

static lks_status evaluate_all(lks_evaluation *evaluation, lks_comm *comm, lks_setup *setup,
                               const lks_dataset *dataset, const lks_config *config,
                               lks_statistics statistics)
{
  lks_loader *train = NULL, *test = NULL;
  lks_selection *selection = NULL;
  lks_status status = make_loader(&test, dataset, NULL, config, setup);
  if (!status && statistics == LKS_STATISTICS_PRECISE) {
    status = lks_selection_create(&selection, dataset, config->train_samples, config->holdout);
    if (!status) status = make_loader(&train, dataset, selection, config, setup);
  }
  status = lks_comm_agree_all(comm, status);
  if (!status && train) status = lks_precise_statistics_all(setup, train);
  lks_pass pass = statistics == LKS_STATISTICS_BATCH ? LKS_PASS_BATCH : LKS_PASS_RUNNING;
  if (!status) status = lks_evaluate_loader_all(evaluation, setup, test, pass);
  lks_loader_destroy(&train);
  lks_loader_destroy(&test);
  lks_selection_destroy(&selection);
  return status;
}

lks_status lks_evaluate_all(lks_evaluation *evaluation, lks_comm *comm, const char *checkpoint,
                            const char *data, const lks_evaluate_options *options)
{
  lks_checkpoint_header header;
  lks_dataset *dataset = NULL;
  lks_setup *setup = NULL;
  lks_status status = lks_checkpoint_header_all(&header, comm, checkpoint);
  if (status) return status;
  if (options->threads) header.config.threads = options->threads;
  header.config.precision = lks_precision_chosen(options->precision, header.config.precision);
  header.config.isa = options->isa;
  status = lks_dataset_open_all(&dataset, comm, data, options->cache);
  if (!status) status = lks_comm_agree_all(comm, check_fit(&header, dataset, checkpoint, data));
  if (!status) {
    lks_setup_input input = {header.model_text,
                             checkpoint,
                             header.input,
                             header.classes,
                             !lks_dataset_split(dataset, LKS_SPLIT_TEST).pixels,
                             header.mean,
                             header.std};
    status = lks_setup_create_all(&setup, comm, &header.config, &input);
  }
  if (!status) status = lks_checkpoint_load_all(comm, checkpoint, setup->network, NULL);
  if (!status) status = evaluate_all(evaluation, comm, setup, dataset, &header.config, options->statistics);
  lks_setup_destroy_all(&setup);
  lks_dataset_close_all(&dataset);
  lks_checkpoint_header_clear(&header);
  return status;
}
