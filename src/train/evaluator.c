#include "base/arena.h"
#include "base/integers.h"
#include "lockstep/checkpoint.h"
#include "model/shape.h"
#include "train/evaluation.h"
#include "train/test_order.h"

#include <math.h>
#include <string.h>

/* A trained network at rest. The network as trained recomputes statistics and answers by default; another one
 * with the same weights takes test mini-batches of other sizes, which are normalization batches as a whole, and a last one that
 * a lone sample was added to. Both have the microbatch of training, so that kernels have the same shape and a sample's bits don't
 * depend on the mini-batch it is in. */
struct lks_evaluator {
  lks_comm *comm;
  char *checkpoint, *cache;
  lks_dataset_options how; /* datasets are opened; with that cache */
  lks_checkpoint *source;
  const lks_checkpoint_header *header; /* what it says */
  lks_config config;                   /* its settings, as far as the options leave them */
  bool features;                       /* that the networks below take features, not pixels */
  lks_setup *trained, *resized;
  bool resized_whole;   /* whether the normalization batch of `resized` is the mini-batch, or as trained */
  size_t resized_batch; /* samples that a mini-batch of `resized` may have */
  float *running;       /* the statistics of training, which evaluations overwrite */
  double *mean, *scale;
  lks_input_scaling own_scaling;
};

/* What one evaluation works on. */
typedef struct job {
  const lks_evaluate_options *options;
  lks_split split;          /* that the evaluated samples are of */
  lks_selection *selection; /* of the run's training samples, when they are among these; else NULL */
  const lks_dataset *data, *statistics, *input; /* statistics, input: NULL for those of training */
  lks_dataset *opened[2];                       /* which of these were opened here */
} job;

static char *copy_of(const char *text)
{
  char *copy = lks_new(strlen(text) + 1, 1);
  return copy ? strcpy(copy, text) : NULL;
}

static bool has_features(const lks_dataset *dataset)
{
  return lks_dataset_has_features(dataset);
}

static lks_status check_shape(const lks_evaluator *e, const lks_dataset *dataset)
{
  lks_shape need = e->header->input, have = lks_dataset_shape(dataset);
  if (lks_shape_same(need, have)) return LKS_OK;
  return lks_fail(
      LKS_ERR_DATA,
      "%s holds samples of %zux%zux%zu, but %s was trained on %zux%zux%zu (height x width x channels)",
      lks_dataset_path(dataset), have.height, have.width, have.channels, e->checkpoint, need.height,
      need.width, need.channels);
}

static lks_status check_fit(const lks_evaluator *e, const lks_dataset *dataset, lks_evaluated split)
{
  lks_status status = check_shape(e, dataset);
  if (status) return status;
  const size_t classes = lks_dataset_classes(dataset);
  if (classes > e->header->classes || (lks_dataset_says_classes(dataset) && classes != e->header->classes))
    return lks_fail(LKS_ERR_DATA, "%s has %zu classes, but %s was trained on %zu", lks_dataset_path(dataset),
                    classes, e->checkpoint, e->header->classes);
  if (split == LKS_EVALUATED_TEST && !lks_dataset_split(dataset, LKS_SPLIT_TEST).count)
    return lks_fail(
        LKS_ERR_DATA,
        "%s has no test samples; name some (--test-samples and --test-labels), or split some off: lockstep import h5 --test-fraction",
        lks_dataset_path(dataset));
  if (split == LKS_EVALUATED_HOLDOUT && !e->config.holdout)
    return lks_fail(
        LKS_ERR_USAGE,
        "split = holdout: the run of %s held no training samples back; take split = train or test",
        e->checkpoint);
  return LKS_OK;
}

/* A second dataset: its labels are of no interest, only what its samples are like. */
static lks_status check_likeness(const lks_evaluator *e, const lks_dataset *other, const lks_dataset *data)
{
  if (!other) return LKS_OK;
  lks_status status = check_shape(e, other);
  if (!status && has_features(other) != has_features(data))
    status = lks_fail(LKS_ERR_DATA, "%s holds %s and %s holds %s: take two of a kind",
                      lks_dataset_path(other), has_features(other) ? "features" : "pixels",
                      lks_dataset_path(data), has_features(data) ? "features" : "pixels");
  return status;
}

static lks_status check_options(const lks_evaluator *e, const lks_evaluate_options *o)
{
  const bool precise = o->statistics == LKS_STATISTICS_PRECISE;
  if (o->repeat && o->batch_size)
    return lks_fail(LKS_ERR_USAGE,
                    "repeat and batch-size exclude each other: a repeated sample is its own mini-batch");
  if (!precise && (o->statistics_from || o->statistics_data || o->statistics_samples ||
                   o->statistics_split != LKS_SPLIT_TRAIN))
    return lks_fail(LKS_ERR_USAGE,
                    "statistics-from, statistics-split and statistics-samples are for statistics = precise");
  if (o->statistics_samples == 1)
    return lks_fail(LKS_ERR_USAGE,
                    "statistics-samples = 1: a variance takes at least 2 samples; 0 takes all");
  if ((o->input_from || o->input_data) && !e->config.normalize_input)
    return lks_fail(
        LKS_ERR_USAGE,
        "%s was trained on inputs that are not normalized: another dataset's mean and std have no place in it",
        e->checkpoint);
  return LKS_OK;
}

static lks_setup_input input_of(const lks_evaluator *e, const double *mean, const double *std)
{
  return (lks_setup_input){
      e->header->model_text, e->checkpoint, e->header->input, e->header->classes, e->features, mean, std};
}

static lks_status keep_statistics(lks_evaluator *e)
{
  const size_t count = lks_network_running_count(e->trained->network), channels = e->header->input.channels;
  e->running = lks_new(count + 1, sizeof *e->running);
  e->mean = lks_new(2 * channels, sizeof *e->mean);
  if (!e->running || !e->mean) return LKS_ERR_RANK;
  e->scale = e->mean + channels;
  e->own_scaling = e->trained->scaling;
  memcpy(e->running, lks_network_running(e->trained->network), count * sizeof *e->running);
  return LKS_OK;
}

static void forget_networks_all(lks_evaluator *e)
{
  lks_setup_destroy_all(&e->trained);
  lks_setup_destroy_all(&e->resized);
  lks_free(e->running);
  lks_free(e->mean);
  e->running = NULL;
  e->mean = e->scale = NULL;
}

/* Whether inputs are pixels or features is known from the first dataset. */
static lks_status ready_trained_all(lks_evaluator *e, bool features)
{
  if (e->trained && e->features == features) return LKS_OK;
  forget_networks_all(e);
  e->features = features;
  const lks_setup_input input = input_of(e, e->header->mean, e->header->std);
  lks_status status = lks_setup_create_all(&e->trained, e->comm, &e->config, &input);
  if (!status) status = lks_checkpoint_put_all(e->source, e->comm, e->trained->network, NULL);
  if (!status) status = lks_comm_agree_all(e->comm, keep_statistics(e));
  if (status) forget_networks_all(e);
  return status;
}

static lks_status ready_resized_all(lks_evaluator *e, size_t batch, bool whole)
{
  lks_config config = e->config;
  const size_t needed = lks_max(batch, config.microbatch);
  if (e->resized && e->resized_whole == whole && needed <= e->resized_batch) return LKS_OK;
  lks_setup_destroy_all(&e->resized);
  config.batch_size = needed;
  if (whole && config.bn.kind != LKS_NORM_NONE) config.bn = (lks_norm){LKS_NORM_SYNC, 0};
  const lks_setup_input input = input_of(e, e->header->mean, e->header->std);
  lks_status status = whole ? lks_setup_create_alike_all(&e->resized, e->comm, &config, &input)
                            : lks_setup_create_all(&e->resized, e->comm, &config, &input);
  if (status) return status;
  lks_network *from = e->trained->network, *to = e->resized->network;
  memcpy(lks_network_parameters(to), lks_network_parameters(from),
         lks_network_parameter_count(from) * sizeof(float));
  e->resized_batch = needed;
  e->resized_whole = whole;
  return LKS_OK;
}

static void set_running(lks_setup *setup, const float *running)
{
  memcpy(lks_network_running(setup->network), running,
         lks_network_running_count(setup->network) * sizeof *running);
  lks_network_parameters_changed(setup->network);
}

static void choose_scaling(lks_evaluator *e, const lks_dataset *input)
{
  if (input) {
    const lks_setup_input of = input_of(e, lks_dataset_mean(input), lks_dataset_std(input));
    lks_setup_scale(e->mean, e->scale, &of, true);
  }
  const lks_input_scaling scaling = {e->mean, e->scale};
  e->trained->scaling = input ? scaling : e->own_scaling;
}

static lks_status create_loader(lks_loader **loader, const lks_dataset *dataset, lks_split split,
                                const uint32_t *list, size_t count, size_t batch, lks_setup *setup)
{
  const lks_loader_options options = {.batch_size = batch,
                                      .subset = list,
                                      .subset_count = count,
                                      .shard = lks_network_shard_function,
                                      .context = setup->network};
  lks_status status = lks_loader_create(loader, dataset, split, &options);
  return status ? status : lks_prepare_for_loader(setup->network, *loader, batch, false);
}

/* Ranks of which some got a loader, and the network ready for it, must not stay so. */
static lks_status agree_on_loader_all(const lks_evaluator *e, const lks_setup *setup, lks_status status)
{
  status = lks_comm_agree_all(e->comm, status);
  if (status) lks_network_plans_forget(setup->network);
  return status;
}

/* The training samples that the run learned from, or a whole split. */
static lks_status choose_statistics_samples(lks_loader **loader, lks_selection **selection,
                                            const lks_evaluator *e, const job *j)
{
  const lks_evaluate_options *o = j->options;
  const lks_config *config = &e->config;
  const lks_dataset *dataset = j->statistics ? j->statistics : j->data;
  const bool learned = !j->statistics && o->statistics_split == LKS_SPLIT_TRAIN;
  lks_evaluate_options all = {.order = LKS_ORDER_STORED};
  lks_chosen samples = {.samples = lks_dataset_split(dataset, o->statistics_split)};
  size_t count = samples.count = samples.samples.count;
  uint32_t *list = NULL;
  lks_status status = LKS_OK;
  *selection = NULL;
  if (learned) {
    status = lks_selection_create(selection, dataset, config->train_samples, config->holdout);
    if (!status) count = (*selection)->train_count;
  } else {
    *selection = lks_new(1, sizeof **selection);
    status =
        *selection ? lks_test_order_create(&list, &count, &samples, e->header->classes, &all) : LKS_ERR_RANK;
    if (*selection) (*selection)->train = list;
  }
  if (!status && o->statistics_samples > count)
    status = lks_fail(LKS_ERR_USAGE,
                      "%s has %zu %s samples to take statistics from, not the %zu of statistics-samples",
                      lks_dataset_path(dataset), count,
                      o->statistics_split == LKS_SPLIT_TRAIN ? "training" : "test", o->statistics_samples);
  if (!status && o->statistics_samples) count = o->statistics_samples;
  if (!status)
    status = create_loader(loader, dataset, o->statistics_split, (*selection)->train, count,
                           config->batch_size, e->trained);
  return status;
}

static lks_status recompute_all(size_t *samples, lks_evaluator *e, const job *j)
{
  lks_loader *loader = NULL;
  lks_selection *selection = NULL;
  lks_status status =
      agree_on_loader_all(e, e->trained, choose_statistics_samples(&loader, &selection, e, j));
  if (!status) *samples = lks_loader_samples(loader);
  if (!status) status = lks_precise_statistics_all(e->trained, loader);
  lks_loader_destroy(&loader);
  lks_selection_destroy(&selection);
  return status;
}

/* The mini-batches that test samples are cut into. */
typedef struct cut {
  size_t asked; /* samples of each; 0: as in training */
  size_t batch; /* the same as a number */
  bool joined;  /* the last sample would be alone, and is in the mini-batch before */
} cut;

/* With statistics of its own, a lone sample would be made 0 by batch norm. */
static lks_status cut_samples(cut *c, const lks_evaluator *e, const lks_evaluate_options *o, size_t count)
{
  c->asked = o->repeat ? o->repeat : o->batch_size;
  c->batch = c->asked ? lks_min(c->asked, count) : e->config.batch_size;
  const bool meant = c->asked == 1 || (!c->asked && c->batch == 1),
             own = o->statistics == LKS_STATISTICS_BATCH;
  if (own && !meant && count == 1)
    return lks_fail(
        LKS_ERR_USAGE,
        "there is one sample, which batch norm makes 0 by its own statistics; take statistics = running, or a batch-size of 1 if that is meant");
  c->joined = own && !meant && count % c->batch == 1;
  return LKS_OK;
}

static lks_status choose_setup_all(lks_setup **setup, lks_evaluator *e, const cut *c)
{
  *setup = e->trained;
  if (!c->asked && !c->joined) return LKS_OK;
  lks_status status = ready_resized_all(e, c->batch + c->joined, c->asked > 0);
  *setup = e->resized;
  if (status) return status;
  set_running(*setup, lks_network_running(e->trained->network));
  (*setup)->scaling = e->trained->scaling;
  return LKS_OK;
}

/* The mean of both, weighted by their samples. */
static void add_evaluation(lks_evaluation *sum, const lks_evaluation *part)
{
  const double samples = (double)(sum->samples + part->samples), share = (double)part->samples / samples;
  sum->loss = sum->samples ? sum->loss * (1 - share) + part->loss * share : part->loss;
  sum->accuracy = sum->samples ? sum->accuracy * (1 - share) + part->accuracy * share : part->accuracy;
  sum->samples += part->samples;
  sum->batches += part->batches;
  sum->last_batch = part->last_batch;
}

/* Adds list[count], in mini-batches of `batch`. */
static lks_status classify_part_all(lks_evaluation *evaluation, lks_evaluator *e, const job *j,
                                    lks_setup *setup, const uint32_t *list, size_t count, size_t batch)
{
  const bool own = j->options->statistics == LKS_STATISTICS_BATCH;
  lks_evaluation part = {.samples = 0};
  lks_loader *loader = NULL;
  lks_status status =
      agree_on_loader_all(e, setup, create_loader(&loader, j->data, j->split, list, count, batch, setup));
  if (!status)
    status = lks_evaluate_predicting_all(&part, j->options->predictions, setup, loader,
                                         own ? LKS_PASS_BATCH : LKS_PASS_RUNNING);
  if (!status) add_evaluation(evaluation, &part);
  lks_loader_destroy(&loader);
  return status;
}

static lks_status choose_samples(lks_chosen *chosen, job *j, const lks_evaluator *e)
{
  const lks_evaluated which = j->options->split;
  j->split = which == LKS_EVALUATED_TEST ? LKS_SPLIT_TEST : LKS_SPLIT_TRAIN;
  *chosen = (lks_chosen){.samples = lks_dataset_split(j->data, j->split)};
  chosen->count = chosen->samples.count;
  if (which == LKS_EVALUATED_TEST) return LKS_OK;
  const lks_status status =
      lks_selection_create(&j->selection, j->data, e->config.train_samples, e->config.holdout);
  if (status) return status;
  const bool held = which == LKS_EVALUATED_HOLDOUT;
  chosen->place = held ? j->selection->held : j->selection->train;
  chosen->count = held ? j->selection->held_count : j->selection->train_count;
  return LKS_OK;
}

static lks_status classify_all(lks_evaluation *evaluation, lks_evaluator *e, job *j)
{
  const lks_evaluate_options *o = j->options;
  lks_chosen chosen;
  lks_setup *setup = NULL;
  uint32_t *list = NULL;
  size_t count = 0;
  cut c = {.asked = 0};
  lks_status status = choose_samples(&chosen, j, e);
  const size_t places = chosen.samples.count;
  if (!status) status = lks_test_order_create(&list, &count, &chosen, e->header->classes, o);
  if (!status) status = cut_samples(&c, e, o, count);
  status = lks_comm_agree_all(e->comm, status);
  if (!status) status = choose_setup_all(&setup, e, &c);
  for (size_t i = 0; i < places && o->predictions; i++) o->predictions[i] = -1;
  *evaluation = (lks_evaluation){.loss = NAN, .accuracy = NAN, .joined = c.joined};
  const size_t last = c.joined ? c.batch + 1 : 0;
  if (!status && count > last)
    status = classify_part_all(evaluation, e, j, setup, list, count - last, c.batch);
  if (!status && last) status = classify_part_all(evaluation, e, j, setup, list + (count - last), last, last);
  if (!status && o->predictions)
    status = lks_comm_max_all(e->comm, o->predictions, places, MPI_INT32_T); /* -1: known to another rank */
  if (!status && o->repeat) evaluation->samples /= o->repeat;
  lks_free(list);
  return status;
}

static lks_status open_all(const lks_dataset **dataset, lks_dataset **opened, const lks_evaluator *e,
                           const lks_dataset *given, const char *path)
{
  *dataset = given;
  if (given || !path) return LKS_OK;
  lks_status status = lks_dataset_open_all(opened, e->comm, path, &e->how);
  *dataset = *opened;
  return status;
}

lks_status lks_evaluator_run_all(lks_evaluation *evaluation, lks_evaluator *e, const lks_dataset *data,
                                 const lks_evaluate_options *options)
{
  static const lks_evaluate_options standard;
  size_t statistics_samples = 0;
  job j = {.options = options ? options : &standard, .data = data};
  const lks_evaluate_options *o = j.options;
  lks_status status = check_options(e, o);
  if (!status) status = check_fit(e, data, o->split);
  status = lks_comm_agree_all(e->comm, status);
  if (!status) status = open_all(&j.statistics, &j.opened[0], e, o->statistics_data, o->statistics_from);
  if (!status) status = open_all(&j.input, &j.opened[1], e, o->input_data, o->input_from);
  if (!status) {
    status = check_likeness(e, j.statistics, data);
    if (!status) status = check_likeness(e, j.input, data);
    status = lks_comm_agree_all(e->comm, status);
  }
  if (!status) status = ready_trained_all(e, has_features(data));
  if (!status) {
    set_running(e->trained, e->running);
    choose_scaling(e, j.input);
    if (o->statistics == LKS_STATISTICS_PRECISE) status = recompute_all(&statistics_samples, e, &j);
  }
  if (!status) status = classify_all(evaluation, e, &j);
  evaluation->statistics_samples = statistics_samples;
  lks_selection_destroy(&j.selection);
  lks_dataset_close_all(&j.opened[0]);
  lks_dataset_close_all(&j.opened[1]);
  return status;
}

static void settle(lks_evaluator *e, const lks_evaluate_options *options)
{
  e->header = lks_checkpoint_about(e->source);
  e->config = e->header->config;
  e->config.isa = options ? options->isa : LKS_ISA_CHOICE_AUTO;
  if (!options) return;
  if (options->threads) e->config.threads = options->threads;
  e->config.precision = lks_precision_chosen(options->precision, e->config.precision);
}

lks_status lks_evaluator_create_all(lks_evaluator **evaluator, lks_comm *comm, const char *checkpoint,
                                    const lks_evaluate_options *options)
{
  lks_evaluator *e = *evaluator = lks_new(1, sizeof *e);
  if (e) {
    e->comm = comm;
    e->checkpoint = copy_of(checkpoint);
    e->cache = copy_of(options && options->cache ? options->cache : "");
    e->how = (lks_dataset_options){.cache = e->cache, .window = options ? options->window : 0};
    if (options && options->names) e->how.names = *options->names;
  }
  lks_status status = lks_comm_agree_all(comm, e && e->checkpoint && e->cache ? LKS_OK : LKS_ERR_RANK);
  if (!status && e) status = lks_checkpoint_open_all(&e->source, comm, checkpoint);
  if (!status && e) settle(e, options);
  if (status) lks_evaluator_destroy_all(evaluator);
  return status;
}

void lks_evaluator_destroy_all(lks_evaluator **evaluator)
{
  if (!evaluator || !*evaluator) return;
  lks_evaluator *e = *evaluator;
  forget_networks_all(e);
  lks_checkpoint_close(&e->source);
  lks_free(e->checkpoint);
  lks_free(e->cache);
  lks_free(e);
  *evaluator = NULL;
}

lks_status lks_evaluate_all(lks_evaluation *evaluation, lks_comm *comm, const char *checkpoint,
                            const char *data, const lks_evaluate_options *options)
{
  lks_evaluator *evaluator = NULL;
  lks_dataset *dataset = NULL;
  lks_status status = lks_evaluator_create_all(&evaluator, comm, checkpoint, options);
  if (!status) status = lks_dataset_open_all(&dataset, comm, data, &evaluator->how);
  if (!status) status = lks_evaluator_run_all(evaluation, evaluator, dataset, options);
  lks_dataset_close_all(&dataset);
  lks_evaluator_destroy_all(&evaluator);
  return status;
}
