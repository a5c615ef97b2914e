#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataset/generate.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "train/evaluation.h"

/* Losses and accuracies over a whole split, in several mini-batches, and precise statistics over the training
 * split, against a network in double that sees the samples at once. */

enum { BATCH = 16, TRAIN = 53, TEST = 41, SIDE = 6, CHANNELS = 2, CLASSES = 3 };

static const char text[] =
    "conv 5 1x1\nbatchnorm\nrelu\ndropout 0.5\ndense 12\nbatchnorm\nrelu\ndense classes\n";

/* As in test_network_values.c. */
static const double tolerance = 5e-5;

typedef struct bench {
  lks_dataset *dataset;
  lks_setup *setup;
  lks_loader *train, *test;
  naive_network *naive;
  double mean[CHANNELS], scale[CHANNELS];
} bench;

static void open_all(bench *b, lks_comm *comm)
{
  static const lks_generate_options options = {.shape = {SIDE, SIDE, CHANNELS},
                                               .classes = CLASSES,
                                               .train = TRAIN,
                                               .test = TEST,
                                               .noise = 200,
                                               .seed = 5};
  char path[64];
  int number = (int)getpid();
  MPI_Bcast(&number, 1, MPI_INT, 0, lks_comm_handle(comm));
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-evaluation.h5", number);
  lks_assert_ok_all(comm, lks_comm_rank(comm) == 0 ? lks_generate(path, &options, true) : LKS_OK);
  lks_status status = lks_dataset_open_all(&b->dataset, comm, path, NULL);
  if (lks_comm_rank(comm) == 0) unlink(path);
  lks_assert_ok_all(comm, status);
  for (size_t c = 0; c < CHANNELS; c++) {
    b->mean[c] = 255 * lks_dataset_mean(b->dataset)[c];
    b->scale[c] = 1 / (255 * lks_dataset_std(b->dataset)[c]);
  }
}

static lks_status loader_of(lks_loader **loader, const bench *b, lks_split split)
{
  lks_status status = lks_loader_create(
      loader, b->dataset, split,
      &(lks_loader_options){BATCH, false, 1, NULL, 0, lks_network_shard_function, b->setup->network});
  return status ? status : lks_prepare_for_loader(b->setup->network, *loader, BATCH, false);
}

/* Settings that training alone must feel. */
static void bench_create(bench *b, lks_comm *comm)
{
  lks_config config;
  *b = (bench){0};
  open_all(b, comm);
  lks_config_default(&config);
  config.bn = (lks_norm){LKS_NORM_SIZE, 5};
  config.batch_size = BATCH;
  config.microbatch = 3;
  config.threads = 1;
  config.label_smoothing = 0.3;
  config.crop = 2;
  config.flip = true;
  const lks_setup_input input = {text,
                                 "test",
                                 {SIDE, SIDE, CHANNELS},
                                 CLASSES,
                                 false,
                                 lks_dataset_mean(b->dataset),
                                 lks_dataset_std(b->dataset)};
  lks_assert_ok_all(comm, lks_setup_create_all(&b->setup, comm, &config, &input));
  lks_status status = loader_of(&b->train, b, LKS_SPLIT_TRAIN);
  lks_assert_ok_all(comm, status ? status : loader_of(&b->test, b, LKS_SPLIT_TEST));
  float *running = lks_network_running(b->setup->network);
  for (size_t i = 0; i < lks_network_running_count(b->setup->network); i++)
    running[i] += 0.2f + 0.1f * (float)sin((double)i);
  b->naive = naive_network_create(b->setup->model, b->setup->network, TRAIN);
  lks_assert_all(comm, b->naive != NULL);
}

static void bench_destroy(bench *b)
{
  naive_network_destroy(&b->naive);
  lks_loader_destroy(&b->train);
  lks_loader_destroy(&b->test);
  lks_setup_destroy_all(&b->setup);
  lks_dataset_close_all(&b->dataset);
}

/* Samples first .. first + count - 1 of a split, with running statistics or in groups of five, of which the last one
 * of 16 samples has six. */
static void naive_pass(bench *b, lks_split split, size_t first, size_t count, bool running)
{
  static uint32_t sample[TRAIN];
  static const size_t begin[] = {0, 5, 10, 15};
  const lks_samples s = lks_dataset_split(b->dataset, split);
  const lks_input_scaling scaling = {b->mean, b->scale};
  const size_t groups = running ? 0 : (count + 3) / 5;
  size_t bound[5];
  memcpy(bound, begin, groups * sizeof *bound);
  bound[groups] = count;
  const lks_batch batch = {
      count, count, s.pixels + first * SIDE * SIDE * CHANNELS, NULL, s.label + first, sample, LKS_OK, NULL};
  const naive_settings set = {.running = running, .bound = bound, .groups = groups, .epsilon = 1e-5};
  naive_network_pass(b->naive, &batch, &scaling, &set);
}

static bool near(double got, double want)
{
  return fabs(got - want) <= tolerance * fabs(want);
}

static bool agrees(const lks_evaluation *got, double loss, int64_t correct, size_t samples)
{
  return got->samples == samples && near(got->loss, loss / (double)samples) &&
         near(got->accuracy, (double)correct / (double)samples);
}

static void test_running_statistics(lks_comm *comm)
{
  bench b;
  lks_evaluation test = {0}, again = {0};
  bench_create(&b, comm);
  naive_pass(&b, LKS_SPLIT_TEST, 0, TEST, true);
  lks_status status = lks_evaluate_loader_all(&test, b.setup, b.test, LKS_PASS_RUNNING);
  if (!status) status = lks_evaluate_loader_all(&again, b.setup, b.test, LKS_PASS_RUNNING);
  const bool ok = agrees(&test, b.naive->loss, b.naive->correct, TEST) && again.loss == test.loss &&
                  again.samples == TEST && test.accuracy > 0 && test.accuracy < 1;
  bench_destroy(&b);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

static void test_statistics_of_each_batch(lks_comm *comm)
{
  bench b;
  lks_evaluation test = {0};
  double loss = 0;
  int64_t correct = 0;
  bench_create(&b, comm);
  for (size_t first = 0; first < TEST; first += BATCH) {
    naive_pass(&b, LKS_SPLIT_TEST, first, first + BATCH < TEST ? BATCH : TEST - first, false);
    loss += b.naive->loss;
    correct += b.naive->correct;
  }
  const lks_status status = lks_evaluate_loader_all(&test, b.setup, b.test, LKS_PASS_BATCH);
  const bool ok = agrees(&test, loss, correct, TEST);
  bench_destroy(&b);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* Twice: the second time is not told of the first one. Evaluation takes them, though it has used others. */
static void test_precise_statistics(lks_comm *comm)
{
  enum { RUNNING = 2 * (5 + 12) };
  bench b;
  lks_evaluation test = {0};
  double running[RUNNING], error = 0, size = 0;
  bench_create(&b, comm);
  const float *got = lks_network_running(b.setup->network);
  lks_status status = lks_evaluate_loader_all(&test, b.setup, b.test, LKS_PASS_RUNNING);
  if (!status) status = lks_precise_statistics_all(b.setup, b.train);
  if (!status) status = lks_precise_statistics_all(b.setup, b.train);
  for (size_t first = 0; first < TRAIN; first += BATCH)
    naive_pass(&b, LKS_SPLIT_TRAIN, first, first + BATCH < TRAIN ? BATCH : TRAIN - first, false);
  naive_network_gathered(running, b.naive);
  for (size_t i = 0; i < RUNNING; i++) {
    error += (got[i] - running[i]) * (got[i] - running[i]);
    size += running[i] * running[i];
  }
  naive_pass(&b, LKS_SPLIT_TEST, 0, TEST, true);
  if (!status) status = lks_evaluate_loader_all(&test, b.setup, b.test, LKS_PASS_RUNNING);
  const bool ok = lks_network_running_count(b.setup->network) == RUNNING && sqrt(error / size) <= tolerance &&
                  agrees(&test, b.naive->loss, b.naive->correct, TEST);
  bench_destroy(&b);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_running_statistics),
      LKS_MPI_TEST(test_statistics_of_each_batch),
      LKS_MPI_TEST(test_precise_statistics),
  };
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
