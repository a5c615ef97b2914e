#include "train/trainer_parts.h"

#include "base/arena.h"
#include "base/integers.h"
#include "base/log.h"
#include "config/config_value.h"
#include "export/initial_weights.h"
#include "kernels/isa.h"
#include "model/isa_agree.h"
#include "model/layer_patterns.h"
#include "optim/schedule.h"
#include "train/job.h"
#include "train/lone_sample.h"
#include "train/resume_changes.h"
#include "train/unseen_classes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The samples that a run learns from, and those that it is tested on. */
static lks_status create_loaders(lks_trainer *t)
{
  const lks_config *c = &t->config;
  const lks_selection *s = t->selection;
  const lks_loader_options train = {.batch_size = c->batch_size,
                                    .shuffled = true,
                                    .seed = c->seed,
                                    .subset = s->train,
                                    .subset_count = s->train_count,
                                    .shard = lks_network_shard_function,
                                    .context = t->setup->network};
  lks_loader_options test = train;
  test.shuffled = false;
  test.subset = c->holdout ? s->held : NULL;
  test.subset_count = c->holdout ? s->held_count : 0;
  lks_status status = lks_loader_create(&t->train, t->dataset, LKS_SPLIT_TRAIN, &train);
  if (!status)
    status = lks_loader_create(&t->test, t->dataset, c->holdout ? LKS_SPLIT_TRAIN : LKS_SPLIT_TEST, &test);
  if (!status) status = lks_prepare_for_loader(t->setup->network, t->train, c->batch_size, true);
  if (!status) status = lks_prepare_for_loader(t->setup->network, t->test, c->batch_size, false);
  if (status) return status;
  t->lr = lks_new(lks_loader_steps(t->train), sizeof *t->lr);
  return t->lr ? LKS_OK : LKS_ERR_RANK;
}

static lks_status create_optimizer(lks_trainer *t)
{
  lks_config config = t->config;
  config.threads = (size_t)lks_setup_threads(t->comm, &t->config);
  lks_status status = lks_layer_patterns_check(config.freeze, t->setup->network, "freeze");
  if (status) return status;
  if (!lks_optimizer_trained(t->setup->network, &config))
    return lks_fail(LKS_ERR_USAGE, "freeze = %s leaves no parameter to train; freeze fewer layers",
                    config.freeze);
  return lks_optimizer_create(&t->optimizer, &config, t->setup->network);
}

/* `auto` in a resumed run: the instruction set of before, where the ranks can have it still. */
static lks_status hold_isa_all(lks_config *config, lks_trainer *t)
{
  bool settable = false;
  lks_status status = LKS_OK;
  if (t->state.isa[0] && config->isa == LKS_ISA_CHOICE_AUTO)
    status = lks_isa_settable_all(&settable, t->comm, t->state.isa);
  if (!status && settable) status = lks_config_set(config, "isa", t->state.isa);
  return status;
}

static void note_isa(lks_trainer *t)
{
  const char *isa = lks_isa_name(lks_isa_used());
  if (t->state.isa[0] && strcmp(t->state.isa, isa) != 0)
    lks_warn(
        "this run had instruction set %s and goes on with %s: its bits will differ from those of the uninterrupted run; to keep them, resume with --isa %s, on processors that have it",
        t->state.isa, isa, t->state.isa);
  snprintf(t->state.isa, sizeof t->state.isa, "%s", isa);
}

/* A checkpoint knows its model's text; a new run looks it up. */
static lks_status create_setup_all(lks_trainer *t, const char *model_text)
{
  char *text = NULL;
  lks_status status = model_text ? LKS_OK : lks_model_text_all(&text, t->comm, t->config.model);
  if (status) return status;
  const lks_setup_input input =
      lks_setup_input_of(model_text ? model_text : text, t->config.model, t->dataset);
  lks_config config = t->config;
  status = hold_isa_all(&config, t);
  if (!status) status = lks_setup_create_all(&t->setup, t->comm, &config, &input);
  if (!status) {
    note_isa(t);
    t->setup->pulse = t->hooks.pulse;
    t->setup->context = t->hooks.context;
  }
  lks_free(text);
  return status;
}

/* The time limit of a batch job is rank 0's to know: one question to the scheduler is enough. */
static double deadline_of(const lks_trainer *t)
{
  double deadline = t->config.max_time > 0 ? t->begun + t->config.max_time : INFINITY;
  double left = lks_comm_rank(t->comm) == 0 ? lks_job_seconds_left() : INFINITY;
  return fmin(deadline, lks_seconds() + fmax(left - t->config.stop_margin, left / 2));
}

/* The values that a new run begins with. */
static lks_status put_weights_all(const lks_trainer *t)
{
  const lks_initial_rules rules = {.path = t->config.init,
                                   .prefix = "",
                                   .map = "",
                                   .except = t->config.init_except,
                                   .quiet = t->hooks.quiet};
  return t->config.init[0] ? lks_initial_weights_put_all(t->comm, t->setup->network, &rules) : LKS_OK;
}

/* The network and what trains it, in the state of the checkpoint unless that is NULL. */
static lks_status create_all(lks_trainer *t, const lks_checkpoint *checkpoint)
{
  lks_status status = create_setup_all(t, checkpoint ? lks_checkpoint_about(checkpoint)->model_text : NULL);
  if (!status) status = lks_job_describe_all(t->state.job, t->comm);
  if (status) return status;
  t->deadline = deadline_of(t);
  status = create_optimizer(t);
  if (!status) status = create_loaders(t);
  status = lks_comm_agree_all(t->comm, status);
  if (!status && checkpoint)
    status = lks_checkpoint_put_all(checkpoint, t->comm, t->setup->network, t->optimizer);
  else if (!status)
    status = put_weights_all(t);
  if (!status)
    status = lks_probes_create_all(&t->probes, t->comm, &t->config, t->setup, t->dataset,
                                   lks_loader_samples(t->train), t->tables);
  return status;
}

lks_status lks_trainer_prepare_all(lks_trainer *t)
{
  lks_checkpoint *checkpoint = NULL;
  lks_status status = lks_selection_check(t->dataset, t->config.holdout);
  if (!status)
    status = lks_selection_create(&t->selection, t->dataset, t->config.train_samples, t->config.holdout);
  if (!status && lks_comm_rank(t->comm) == 0) status = lks_run_tables_create(&t->tables, t->config.output);
  status = lks_comm_agree_all(t->comm, status);
  if (!status && t->config.resume) status = lks_trainer_newest_all(&checkpoint, t);
  if (!status && checkpoint) {
    t->state = lks_checkpoint_about(checkpoint)->state;
    t->seconds_before = t->state.seconds;
    t->checkpointed = t->state.step;
    t->resumed_with = lks_checkpoint_about(checkpoint)->config;
    if (t->state.epoch >= t->config.epochs) status = lks_resume_changes_refuse(&t->resumed_with, &t->config);
  }
  if (!status) status = create_all(t, checkpoint);
  lks_checkpoint_close(&checkpoint);
  if (status) return status;
  lks_network_noise_restore(t->setup->network, t->state.noise, t->state.noises);
  lks_network_profile(t->setup->network, &t->profile);
  return LKS_OK;
}

/* Batch norms of the model, and those among them that name a normalization batch. */
static void count_norms(size_t *norms, size_t *own, const lks_model *model)
{
  *norms = *own = 0;
  for (size_t l = 0; l < lks_model_layers(model); l++) {
    const lks_layer *layer = lks_model_layer(model, l);
    *norms += layer->kind == LKS_LAYER_BATCH_NORM;
    *own += layer->own_group;
  }
}

/* Whether the setting of the normalization batch has an effect. */
static bool warn_of_unheeded_norm(const lks_trainer *t)
{
  size_t norms, own;
  const lks_config *c = &t->config;
  count_norms(&norms, &own, t->setup->model);
  if (norms > own || c->bn.kind == LKS_NORM_SYNC || c->bn.kind == LKS_NORM_NONE) return true;
  const char *cause =
      norms ? "every batch norm of the model has a group of its own" : "the model has no batch norm";
  const bool replaced = c->norm.kind != LKS_NORM_LAYERS_BATCH;
  lks_warn("--bn %s has no effect: %s%s", lks_norm_text(c->bn).text,
           replaced ? "batch norm is replaced by " : cause,
           replaced ? lks_norm_layers_say(c->norm, c->bn).text : "");
  return false;
}

static void warn_of_settings(const lks_trainer *t)
{
  size_t ranks = (size_t)lks_comm_size(t->comm), m = t->config.microbatch;
  size_t microbatches = lks_divide_up(t->config.batch_size, m);
  if (ranks > microbatches)
    lks_warn(
        "%zu ranks share %zu microbatches, so %zu ranks have nothing to do: use at most -np %zu, or --batch-size %zu or --microbatch %zu (which give other bits)",
        ranks, microbatches, ranks - microbatches, microbatches, m * ranks,
        t->config.batch_size > ranks ? t->config.batch_size / ranks : 1);
  if (lks_network_sums_flat(t->setup->network))
    lks_warn(
        "the ranks of a host are not numbered in a row, or hosts have different numbers of them, so each host sends a gradient over the network once a rank: start as many on each, in blocks (mpirun --map-by slot, srun --distribution=block)");
  const bool heeded = warn_of_unheeded_norm(t);
  if (heeded && t->config.bn.kind == LKS_NORM_RANK && ranks > 1)
    lks_warn("--bn rank depends on the rank count; --bn rank:%zu gives the same bits at any", ranks);
  if (t->config.reduce == LKS_REDUCE_MPI)
    lks_warn("--reduce mpi gives up the promise of the same bits at any rank count");
}

/* A schedule depends on the epochs it was made for: with others, the learning rate jumps. */
static void say_schedule(const lks_trainer *t)
{
  const lks_config *now = &t->config, *before = &t->resumed_with;
  const size_t steps = lks_loader_steps(t->train), step = t->state.epoch * steps + t->state.epoch_step;
  char schedule[LKS_VALUE_MAX];
  if (before->epochs == now->epochs || !step || t->state.epoch >= now->epochs) return;
  lks_config_value_print(schedule, now, lks_config_option("schedule"));
  lks_say(
      "lr       the %s schedule was made for %zu epochs and is for %zu now: behind a step with %.4g, the learning rate goes on with %.4g and ends with %.4g",
      schedule, before->epochs, now->epochs, lks_schedule_lr(before, steps, step - 1),
      lks_schedule_lr(now, steps, step), lks_schedule_lr(now, steps, now->epochs * steps - 1));
}

static void say_own_groups(const lks_trainer *t)
{
  size_t norms, own;
  count_norms(&norms, &own, t->setup->model);
  if (own)
    lks_say("norm     %zu of %zu batch norms have the normalization batch that the model names for them", own,
            norms);
}

void lks_trainer_announce(const lks_trainer *t)
{
  lks_shape shape = lks_dataset_shape(t->dataset);
  const lks_config *c = &t->config;
  int threads = lks_setup_threads(t->comm, &t->config), ranks = lks_comm_size(t->comm),
      hosts = lks_comm_node_count(t->comm);
  lks_say("data     %s: %zu training and %zu %s samples of %zux%zux%zu, %zu classes", c->data,
          lks_loader_samples(t->train), lks_loader_samples(t->test), c->holdout ? "held-out" : "test",
          shape.height, shape.width, shape.channels, lks_dataset_classes(t->dataset));
  lks_say("model    %s, %zu parameters, %s", c->model, lks_network_parameter_count(t->setup->network),
          lks_norm_layers_say(c->norm, c->bn).text);
  say_own_groups(t);
  if (c->freeze[0] || c->freeze_bn)
    lks_say("frozen   %s%s%s; %zu parameters are trained", c->freeze,
            c->freeze[0] && c->freeze_bn ? " and " : "", c->freeze_bn ? "batch norm" : "",
            lks_optimizer_trained(t->setup->network, c));
  lks_say("batch    %zu samples in microbatches of %zu; %zu steps an epoch, %zu epochs", c->batch_size,
          c->microbatch, lks_loader_steps(t->train), c->epochs);
  lks_lone_groups_say(NULL, c, lks_loader_samples(t->train), ranks);
  lks_say("run      %d rank%s on %d host%s, %d thread%s each; %.0f MB a rank; isa %s; %s", ranks,
          ranks > 1 ? "s" : "", hosts, hosts > 1 ? "s" : "", threads, threads > 1 ? "s" : "",
          1e-6 * (double)lks_network_bytes(t->setup->network), t->state.isa, c->output);
  warn_of_settings(t);
  lks_trainer_warn_of_watching(t);
  lks_unseen_classes_warn(t->dataset, t->selection, c->holdout > 0);
  lks_say("job      %s", t->state.job);
  if (t->deadline < INFINITY)
    lks_say("time     stops by itself in %.0f s at the latest", t->deadline - lks_seconds());
  if (t->resumed_from[0])
    lks_say("resume   from %s: epoch %zu, step %zu%s", t->resumed_from, t->state.epoch, t->state.step,
            t->state.epoch >= c->epochs ? "; all epochs are done" : "");
  if (t->resumed_from[0]) say_schedule(t);
}

void lks_trainer_release_all(lks_trainer *t)
{
  lks_checkpoint_writer_destroy(&t->writer);
  lks_lock_release(&t->lock);
  lks_probes_destroy(&t->probes);
  lks_run_tables_destroy(&t->tables);
  lks_loader_destroy(&t->train);
  lks_loader_destroy(&t->test);
  lks_selection_destroy(&t->selection);
  lks_optimizer_destroy(&t->optimizer);
  lks_setup_destroy_all(&t->setup);
  lks_dataset_close_all(&t->opened);
  lks_step_back_clear(&t->back);
  lks_free(t->lr);
}
