/* Checkpoints and fingerprints of a network and its optimizer, over all ranks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/snapshot.h"
#include "lockstep/checkpoint.h"
#include "lockstep/optimizer.h"
#include "support/mpi_test.h"

/* A dense layer on an image, whose columns stand in another order in files. */
static const char model_text[] =
    "conv 4 3x3\nbatchnorm\nrelu\nmaxpool 2x2\ndense 6\nbatchnorm\nrelu\ndense classes\n";
static const char wider_text[] =
    "conv 4 3x3\nbatchnorm\nrelu\nmaxpool 2x2\ndense 7\nbatchnorm\nrelu\ndense classes\n";
static const char plain_text[] = "conv 4 3x3\nrelu\nmaxpool 2x2\ndense 6\nrelu\ndense classes\n";

/** A run, or what there is of it: all that a checkpoint is made of. */
typedef struct subject {
  lks_config config;
  lks_dataset *dataset;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
} subject;

static char folder[64], path[128];

static void create(subject *s, lks_comm *comm, const char *text, const char *optimizer, uint64_t seed)
{
  lks_config_default(&s->config);
  lks_config_set(&s->config, "data", LKS_TEST_SOURCE_DIR "/data/digits.h5");
  lks_config_set(&s->config, "optimizer", optimizer);
  s->config.seed = seed;
  lks_assert_ok_all(comm, lks_config_check(&s->config));
  lks_assert_ok_all(comm, lks_dataset_open_all(&s->dataset, comm, s->config.data, NULL));
  lks_assert_ok_all(comm, lks_model_parse(&s->model, text, "test", lks_dataset_shape(s->dataset),
                                          lks_dataset_classes(s->dataset), false));
  const lks_network_options options = {
      .batch_size = 32, .microbatch = 4, .epsilon = 1e-5, .momentum = 0.1, .seed = seed, .threads = 1};
  lks_assert_ok_all(comm, lks_network_create_all(&s->network, s->model, comm, &options));
  lks_assert_ok_all(comm, lks_optimizer_create(&s->optimizer, &s->config, s->network));
}

static void destroy(subject *s)
{
  lks_optimizer_destroy(&s->optimizer);
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
  lks_dataset_close_all(&s->dataset);
}

/** Updates with gradients made of the step's number; running statistics move as well. */
static void advance(subject *s, int steps)
{
  float *gradient = (float *)lks_network_gradients(s->network), *running = lks_network_running(s->network);
  for (int step = 0; step < steps; step++) {
    const int64_t done = lks_optimizer_steps(s->optimizer);
    for (size_t i = 0; i < lks_network_parameter_count(s->network); i++)
      gradient[i] = (float)((int)((i * 7919 + (size_t)done * 104729) % 2001) - 1000) / 1000.0f;
    for (size_t i = 0; i < lks_network_running_count(s->network); i++) running[i] += (float)(i + 1) / 64.0f;
    lks_network_batches_tracked_set(s->network, done + 1);
    lks_optimizer_step(s->optimizer, 0.01);
  }
}

static void enter(lks_comm *comm)
{
  lks_test_folder_all(comm, folder);
  snprintf(path, sizeof path, "%s/checkpoint-1.h5", folder);
}

static const lks_run_state run_state = {.epoch = 2,
                                        .epoch_step = 5,
                                        .step = 45,
                                        .loss_limbs = {1, 2, 3, 4, 5, 6, 0},
                                        .correct = 70,
                                        .samples = 80,
                                        .seconds = 1.5};

static lks_status write_all(lks_comm *comm, subject *s)
{
  return lks_checkpoint_write_all(comm, path, &s->config, s->model, s->dataset, s->network, s->optimizer,
                                  &run_state);
}

/** Nobody could go on from it; the file of before stays. */
static void test_what_is_not_finite_is_not_written(lks_comm *comm)
{
  enter(comm);
  subject s, before;
  char whole[33], kept[33];
  create(&s, comm, model_text, "adam", 1);
  create(&before, comm, model_text, "adam", 2);
  advance(&s, 2);
  lks_assert_ok_all(comm, write_all(comm, &s));
  lks_assert_ok_all(comm, lks_fingerprint_all(whole, comm, s.network, s.optimizer));
  float *const value[] = {lks_network_parameters(s.network) + 3, lks_network_running(s.network) + 1,
                          lks_optimizer_moment(s.optimizer, 0) + 5};
  for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
    const float held = *value[i];
    *value[i] = i == 1 ? NAN : INFINITY;
    lks_assert_all(comm, write_all(comm, &s) == LKS_ERR_DIVERGED);
    lks_assert_all(comm, strstr(lks_message(), "checkpoint-1.h5 is not written: element "));
    *value[i] = held;
  }
  lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, before.network, before.optimizer));
  lks_assert_ok_all(comm, lks_fingerprint_all(kept, comm, before.network, before.optimizer));
  lks_assert_all(comm, strcmp(whole, kept) == 0);
  destroy(&s);
  destroy(&before);
  lks_test_folder_remove_all(comm, folder);
}

static void test_a_loaded_run_goes_on_alike(lks_comm *comm)
{
  static const char *const optimizers[] = {"sgd", "adam"};
  enter(comm);
  for (int i = 0; i < 2; i++) {
    subject whole, resumed;
    char at_checkpoint[33], loaded[33], end[33], resumed_end[33];
    create(&whole, comm, model_text, optimizers[i], 1);
    create(&resumed, comm, model_text, optimizers[i], 2);
    advance(&whole, 3);
    lks_assert_ok_all(comm, write_all(comm, &whole));
    lks_assert_ok_all(comm, lks_fingerprint_all(at_checkpoint, comm, whole.network, whole.optimizer));
    lks_assert_ok_all(comm, lks_fingerprint_all(loaded, comm, resumed.network, resumed.optimizer));
    lks_assert_all(comm, strcmp(at_checkpoint, loaded) != 0);
    lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, resumed.network, resumed.optimizer));
    lks_assert_ok_all(comm, lks_fingerprint_all(loaded, comm, resumed.network, resumed.optimizer));
    lks_assert_all(comm, strcmp(at_checkpoint, loaded) == 0);
    advance(&whole, 2);
    advance(&resumed, 2);
    lks_assert_ok_all(comm, lks_fingerprint_all(end, comm, whole.network, whole.optimizer));
    lks_assert_ok_all(comm, lks_fingerprint_all(resumed_end, comm, resumed.network, resumed.optimizer));
    lks_assert_all(comm, strcmp(end, resumed_end) == 0 && strcmp(end, at_checkpoint) != 0);
    destroy(&whole);
    destroy(&resumed);
  }
  lks_test_folder_remove_all(comm, folder);
}

static void test_header(lks_comm *comm)
{
  subject s;
  lks_checkpoint_header header;
  char fingerprint[33];
  enter(comm);
  create(&s, comm, model_text, "sgd", 7);
  lks_assert_ok_all(comm, write_all(comm, &s));
  lks_assert_ok_all(comm, lks_fingerprint_all(fingerprint, comm, s.network, s.optimizer));
  lks_assert_ok_all(comm, lks_checkpoint_header_all(&header, comm, path));
  lks_assert_all(comm,
                 strcmp(header.model_text, model_text) == 0 && strcmp(header.fingerprint, fingerprint) == 0);
  lks_assert_all(comm, strcmp(header.data_hash, lks_dataset_hash(s.dataset)) == 0);
  lks_assert_all(comm, header.config.seed == 7 && header.config.optimizer == LKS_OPTIMIZER_SGD);
  lks_assert_all(comm, header.state.epoch == 2 && header.state.epoch_step == 5 && header.state.step == 45 &&
                           header.state.loss_limbs[5] == 6 && header.state.correct == 70 &&
                           header.state.samples == 80 && header.state.seconds == 1.5);
  lks_assert_all(comm, header.input.height == 8 && header.input.width == 8 && header.input.channels == 1 &&
                           header.classes == 10 && header.statistics == 1 &&
                           header.parameters == (int64_t)lks_network_parameter_count(s.network));
  lks_assert_all(comm, header.mean[0] == lks_dataset_mean(s.dataset)[0] &&
                           header.std[0] == lks_dataset_std(s.dataset)[0]);
  lks_checkpoint_header_clear(&header);
  destroy(&s);
  lks_test_folder_remove_all(comm, folder);
}

/** What goes into files is what the network says PyTorch has. */
static void test_layout_is_pytorch(lks_comm *comm)
{
  subject s;
  lks_snapshot snapshot;
  create(&s, comm, model_text, "adam", 1);
  advance(&s, 1);
  lks_assert_ok_all(comm, lks_snapshot_take(&snapshot, s.network, s.optimizer));
  bool ok = true, moved = false;
  for (size_t t = 0; t < lks_network_tensors(s.network); t++) {
    const lks_tensor *tensor = lks_network_tensor(s.network, t);
    const size_t bytes = tensor->elements * sizeof(float);
    float *exported = lks_new(tensor->elements, sizeof *exported);
    lks_network_export(exported, s.network, tensor);
    ok = ok && strcmp(snapshot.array[t].name, tensor->name) == 0 &&
         memcmp(exported, snapshot.array[t].data, bytes) == 0;
    if (tensor->image.height > 0)
      moved = memcmp(exported, lks_network_parameters(s.network) + tensor->offset, bytes) != 0;
    lks_free(exported);
  }
  lks_assert_all(comm, ok && moved);
  lks_snapshot_clear(&snapshot);
  destroy(&s);
}

/** Every part of the state is in the fingerprint, down to one bit. */
static void test_fingerprint_sees_everything(lks_comm *comm)
{
  subject s;
  char before[33], after[33];
  create(&s, comm, model_text, "adam", 1);
  advance(&s, 1);
  float *const part[] = {lks_network_parameters(s.network) + lks_network_parameter_count(s.network) - 1,
                         lks_network_running(s.network), lks_optimizer_moment(s.optimizer, 0) + 3,
                         lks_optimizer_moment(s.optimizer, 1)};
  lks_assert_ok_all(comm, lks_fingerprint_all(before, comm, s.network, s.optimizer));
  for (int i = 0; i < 4; i++) {
    uint32_t bits;
    memcpy(&bits, part[i], sizeof bits);
    bits ^= 1;
    memcpy(part[i], &bits, sizeof bits);
    lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s.network, s.optimizer));
    lks_assert_all(comm, strcmp(before, after) != 0);
    bits ^= 1;
    memcpy(part[i], &bits, sizeof bits);
  }
  lks_optimizer_steps_set(s.optimizer, 2);
  lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s.network, s.optimizer));
  lks_assert_all(comm, strcmp(before, after) != 0);
  lks_optimizer_steps_set(s.optimizer, 1);
  lks_network_batches_tracked_set(s.network, 2);
  lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s.network, s.optimizer));
  lks_assert_all(comm, strcmp(before, after) != 0);
  lks_network_batches_tracked_set(s.network, 1);
  lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s.network, s.optimizer));
  lks_assert_all(comm, strcmp(before, after) == 0 && strlen(after) == 32);
  destroy(&s);
}

static void test_ranks_that_differ(lks_comm *comm)
{
  subject s;
  char fingerprint[33];
  enter(comm);
  create(&s, comm, model_text, "sgd", 1);
  const int last = lks_comm_size(comm) - 1;
  if (lks_comm_rank(comm) == last) lks_network_parameters(s.network)[5] += 0.5f;
  const lks_status expected = last > 0 ? LKS_ERR_RANK : LKS_OK;
  lks_assert_all(comm, lks_fingerprint_all(fingerprint, comm, s.network, s.optimizer) == expected);
  lks_assert_all(comm, write_all(comm, &s) == expected);
  lks_assert_all(comm, lks_file_exists(path) == (last == 0));
  destroy(&s);
  lks_test_folder_remove_all(comm, folder);
}

/** Loading must fail on all ranks, name what differs, and change nothing. */
static void refuse(lks_comm *comm, subject *s, lks_optimizer *optimizer, const char *what)
{
  char before[33], after[33];
  lks_assert_ok_all(comm, lks_fingerprint_all(before, comm, s->network, s->optimizer));
  lks_assert_all(comm, lks_checkpoint_load_all(comm, path, s->network, optimizer) == LKS_ERR_DATA);
  lks_assert_all(comm, strstr(lks_message(), path) && strstr(lks_message(), what));
  lks_assert_ok_all(comm, lks_fingerprint_all(after, comm, s->network, s->optimizer));
  lks_assert_all(comm, strcmp(before, after) == 0);
}

static void test_of_another_model(lks_comm *comm)
{
  subject s, wider, plain, adam;
  enter(comm);
  create(&s, comm, model_text, "sgd", 1);
  create(&wider, comm, wider_text, "sgd", 1);
  create(&plain, comm, plain_text, "sgd", 1);
  create(&adam, comm, model_text, "adam", 1);
  lks_assert_ok_all(comm, write_all(comm, &s));
  refuse(comm, &wider, wider.optimizer, "dense1.weight is 6x64 and this model's is 7x64");
  refuse(comm, &plain, NULL, "conv1.bias");
  refuse(comm, &adam, adam.optimizer, "momentum");
  lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, adam.network, NULL)); /* parameters alone fit */
  destroy(&s);
  destroy(&wider);
  destroy(&plain);
  destroy(&adam);
  lks_test_folder_remove_all(comm, folder);
}

static void test_bad_files(lks_comm *comm)
{
  subject s;
  lks_checkpoint_header header;
  enter(comm);
  create(&s, comm, model_text, "sgd", 1);
  lks_assert_all(comm, lks_checkpoint_header_all(&header, comm, path) == LKS_ERR_IO);
  lks_assert_all(comm, lks_checkpoint_load_all(comm, path, s.network, s.optimizer) == LKS_ERR_IO);
  lks_assert_all(comm, strstr(lks_message(), path));
  lks_assert_all(comm, lks_checkpoint_header_all(&header, comm, s.config.data) == LKS_ERR_DATA);
  lks_assert_all(comm, strstr(lks_message(), "a lockstep-dataset, not a checkpoint"));
  lks_assert_ok_all(comm, write_all(comm, &s));
  bool ok = true;
  if (lks_comm_rank(comm) == 0) ok = truncate(path, 6000) == 0;
  lks_assert_all(comm, ok);
  refuse(comm, &s, s.optimizer, "cut short");
  snprintf(path, sizeof path, "%s/nowhere/checkpoint.h5", folder);
  lks_assert_all(comm, write_all(comm, &s) == LKS_ERR_IO);
  destroy(&s);
  lks_test_folder_remove_all(comm, folder);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_a_loaded_run_goes_on_alike),
    LKS_MPI_TEST(test_what_is_not_finite_is_not_written),
    LKS_MPI_TEST(test_header),
    LKS_MPI_TEST(test_layout_is_pytorch),
    LKS_MPI_TEST(test_fingerprint_sees_everything),
    LKS_MPI_TEST(test_ranks_that_differ),
    LKS_MPI_TEST(test_of_another_model),
    LKS_MPI_TEST(test_bad_files),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
