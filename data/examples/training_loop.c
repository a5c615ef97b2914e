/* A training loop of one's own: trains a preset model, writes a checkpoint on the way, goes on, and then does the second
 * half once more from the checkpoint. Both ways, and any number of ranks, end with the same bits.
 *
 *   mpicc training_loop.c -o training_loop $(pkg-config --cflags --libs lockstep)
 *   mpirun -np 2 ./training_loop DATA.h5 CHECKPOINT.h5
 */
#include <lockstep/lockstep.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 3, CHANNELS = 4 };

/** What a mini-batch takes; the scales of the pixels' channels. */
typedef struct learner {
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
  lks_loader *loader;
  double mean[CHANNELS], scale[CHANNELS];
} learner;

static void shard(const void *context, size_t total, size_t *first, size_t *count)
{
  lks_network_shard(context, total, first, count);
}

static void scale_pixels(learner *l, const lks_dataset *data)
{
  const double *mean = lks_dataset_mean(data), *std = lks_dataset_std(data);
  for (size_t c = 0; c < CHANNELS && c < lks_dataset_shape(data).channels; c++) {
    l->mean[c] = 255 * mean[c];
    l->scale[c] = 1 / (255 * std[c]);
  }
}

static void release_all(learner *l)
{
  lks_loader_destroy(&l->loader);
  lks_optimizer_destroy(&l->optimizer);
  lks_network_destroy_all(&l->network);
  lks_model_destroy(&l->model);
}

static lks_status prepare_all(learner *l, lks_comm *comm, const lks_config *c, const char *text,
                              const lks_dataset *data)
{
  const lks_network_options options = {.batch_size = c->batch_size,
                                       .microbatch = c->microbatch,
                                       .norm = c->bn,
                                       .reduce = c->reduce,
                                       .precision = c->precision,
                                       .isa = c->isa,
                                       .epsilon = c->bn_epsilon,
                                       .momentum = c->bn_momentum,
                                       .seed = c->seed,
                                       .threads = 1};
  memset(l, 0, sizeof *l);
  scale_pixels(l, data);
  lks_status status = lks_model_parse(&l->model, text, c->model, lks_dataset_shape(data),
                                      lks_dataset_classes(data), c->bn.kind == LKS_NORM_NONE);
  status = lks_comm_agree_all(comm, status);
  if (!status) status = lks_network_create_all(&l->network, l->model, comm, &options);
  if (status) return status;
  status = lks_optimizer_create(&l->optimizer, c, l->network);
  if (!status)
    status = lks_loader_create(&l->loader, data, LKS_SPLIT_TRAIN,
                               &(lks_loader_options){.batch_size = c->batch_size,
                                                     .shuffled = true,
                                                     .seed = c->seed,
                                                     .shard = shard,
                                                     .context = l->network});
  return lks_comm_agree_all(comm, status);
}

static void count(lks_run_state *state, const lks_pass_result *result)
{
  lks_exact_sum_merge(state->loss_limbs, result->loss_limbs, 1);
  state->correct += result->correct;
  state->samples += result->samples;
  state->epoch_step++;
  state->step++;
}

static lks_status learn_all(learner *l, lks_run_state *state, const lks_config *c)
{
  lks_batch batch;
  lks_pass_result result;
  const lks_input_scaling scaling = {l->mean, l->scale};
  lks_status status = LKS_OK;
  lks_loader_seek(l->loader, state->epoch, state->epoch_step);
  for (int i = 0; !status && i < STEPS && lks_loader_next(l->loader, &batch); i++) {
    const uint32_t step = (uint32_t)state->step;
    status = lks_network_pass_all(l->network, &result, LKS_PASS_TRAIN, &batch, &scaling, step, false);
    if (!status) lks_optimizer_step(l->optimizer, c->lr);
    if (!status) count(state, &result);
  }
  return status;
}

static lks_status configure(lks_config *c, const char *data)
{
  lks_config_default(c);
  lks_status status = lks_config_set(c, "data", data);
  if (!status) status = lks_config_set(c, "model", "mlp");
  if (!status) status = lks_config_set(c, "optimizer", "adam");
  return status ? status : lks_config_check(c);
}

/* Trains, writes the checkpoint in the middle, and goes on. */
static lks_status begin_all(char fingerprint[33], lks_comm *comm, const lks_dataset *data, const char *path,
                            const char *checkpoint)
{
  learner l = {0};
  lks_config c;
  lks_run_state state = {0};
  char *text = NULL;
  lks_status status = configure(&c, path);
  if (!status) status = lks_model_text(&text, c.model);
  status = lks_comm_agree_all(comm, status);
  if (!status) status = prepare_all(&l, comm, &c, text, data);
  if (!status) status = learn_all(&l, &state, &c);
  if (!status)
    status = lks_checkpoint_write_all(comm, checkpoint, &c, l.model, data, l.network, l.optimizer, &state);
  if (!status) status = learn_all(&l, &state, &c);
  if (!status) status = lks_fingerprint_all(fingerprint, comm, l.network, l.optimizer);
  release_all(&l);
  lks_free(text);
  return status;
}

static lks_status resume_all(char fingerprint[33], lks_comm *comm, const lks_dataset *data, const char *path)
{
  learner l = {0};
  lks_checkpoint_header header;
  lks_status status = lks_checkpoint_header_all(&header, comm, path);
  if (status) return status;
  status = prepare_all(&l, comm, &header.config, header.model_text, data);
  if (!status) status = lks_checkpoint_load_all(comm, path, l.network, l.optimizer);
  if (!status) status = learn_all(&l, &header.state, &header.config);
  if (!status) status = lks_fingerprint_all(fingerprint, comm, l.network, l.optimizer);
  if (!status && strcmp(fingerprint, header.fingerprint) == 0)
    status = lks_fail(LKS_ERR_DATA, "nothing was learnt");
  release_all(&l);
  lks_checkpoint_header_clear(&header);
  return status;
}

static lks_status run_all(lks_comm *comm, const char *path, const char *checkpoint)
{
  char straight[33] = "", resumed[33] = "";
  lks_dataset *data = NULL;
  lks_status status = lks_dataset_open_all(&data, comm, path, NULL);
  if (!status) status = begin_all(straight, comm, data, path, checkpoint);
  if (!status) status = resume_all(resumed, comm, data, checkpoint);
  if (!status && strcmp(straight, resumed) != 0)
    status = lks_fail(LKS_ERR_DATA, "%s became %s", straight, resumed);
  if (!status && lks_comm_rank(comm) == 0) printf("%s\n", resumed);
  lks_dataset_close_all(&data);
  return status;
}

int main(int argc, char **argv)
{
  int level;
  lks_comm *comm = NULL;
  lks_status status = lks_fork_server_start();
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &level);
  status = lks_status_worse(status, lks_comm_create_all(&comm, MPI_COMM_WORLD));
  if (!status) lks_log_enable(lks_comm_rank(comm) == 0);
  if (!status && argc == 3) status = run_all(comm, argv[1], argv[2]);
  if (status) fprintf(stderr, "%s\n", lks_message());
  lks_comm_destroy_all(&comm);
  MPI_Finalize();
  lks_fork_server_stop();
  if (lks_allocations_open() != 0) fprintf(stderr, "%ld objects were not freed\n", lks_allocations_open());
  return status || lks_allocations_open() != 0 || argc != 3;
}
