#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "dataset/generate.h"
#include "lockstep/dataset.h"
#include "lockstep/optimizer.h"
#include "support/mpi_test.h"
#include "train/evaluation.h"
#include "train/setup.h"

/* A step allocates nothing. The linker leads each call of an allocator in Lockstep's own objects (--wrap, see
 * tests/CMakeLists.txt) here, on any thread; MPI, oneDNN, OpenMP and the C library keep their own. */

static atomic_long calls;

#define REAL(function) __asm__("__real_" #function)
#define COUNTED(function) __asm__("__wrap_" #function)
void *real_malloc(size_t size) REAL(malloc);
void *real_calloc(size_t count, size_t size) REAL(calloc);
void *real_realloc(void *pointer, size_t size) REAL(realloc);
void *real_aligned_alloc(size_t alignment, size_t size) REAL(aligned_alloc);
int real_posix_memalign(void **pointer, size_t alignment, size_t size) REAL(posix_memalign);
void *counted_malloc(size_t size) COUNTED(malloc);
void *counted_calloc(size_t count, size_t size) COUNTED(calloc);
void *counted_realloc(void *pointer, size_t size) COUNTED(realloc);
void *counted_aligned_alloc(size_t alignment, size_t size) COUNTED(aligned_alloc);
int counted_posix_memalign(void **pointer, size_t alignment, size_t size) COUNTED(posix_memalign);

void *counted_malloc(size_t size)
{
  atomic_fetch_add(&calls, 1);
  return real_malloc(size);
}

void *counted_calloc(size_t count, size_t size)
{
  atomic_fetch_add(&calls, 1);
  return real_calloc(count, size);
}

void *counted_realloc(void *pointer, size_t size)
{
  atomic_fetch_add(&calls, 1);
  return real_realloc(pointer, size);
}

void *counted_aligned_alloc(size_t alignment, size_t size)
{
  atomic_fetch_add(&calls, 1);
  return real_aligned_alloc(alignment, size);
}

int counted_posix_memalign(void **pointer, size_t alignment, size_t size)
{
  atomic_fetch_add(&calls, 1);
  return real_posix_memalign(pointer, alignment, size);
}

/* Made and freed by volatile pointers, or the compiler would leave them out. */
static void test_counter_counts(lks_comm *comm)
{
  void *volatile made[5];
  long before = atomic_load(&calls);
  made[0] = malloc(10);
  made[1] = calloc(3, 5);
  made[2] = aligned_alloc(64, 128);
  void *aligned = NULL;
  made[3] = posix_memalign(&aligned, 64, 100) == 0 ? aligned : NULL;
  made[4] = lks_new(1, 20); /* calls calloc in the library */
  made[0] = realloc(made[0], 20);
  long counted = atomic_load(&calls) - before;
  for (int i = 0; i < 4; i++) free(made[i]);
  lks_free(made[4]);
  lks_assert_all(comm, counted == 6);
}

enum { BATCH = 32, TRAIN = 107, TEST = 45, CLASSES = 5 }; /* 107 = 3 * 32 + 11: a ragged last mini-batch */

typedef struct training {
  char path[64];
  lks_config config;
  lks_dataset *dataset;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_loader *train, *test;
} training;

static lks_status open_dataset_all(training *t, lks_comm *comm)
{
  const lks_generate_options made = {
      .shape = {8, 8, 3}, .classes = CLASSES, .train = TRAIN, .test = TEST, .seed = 3};
  snprintf(t->path, sizeof t->path, "/tmp/lockstep-allocations-%ld.h5", (long)getpid());
  bool root = lks_comm_rank(comm) == 0;
  lks_status status = lks_comm_broadcast_all(comm, t->path, sizeof t->path, 0);
  if (!status) status = lks_comm_agree_all(comm, root ? lks_generate(t->path, &made, false) : LKS_OK);
  if (!status) status = lks_dataset_open_all(&t->dataset, comm, t->path, NULL);
  return status;
}

static lks_status create_setup_all(training *t, lks_comm *comm)
{
  char *text = NULL;
  lks_status status = lks_model_text_all(&text, comm, t->config.model);
  if (status) return status;
  const lks_setup_input input = {text,
                                 t->config.model,
                                 lks_dataset_shape(t->dataset),
                                 CLASSES,
                                 false,
                                 lks_dataset_mean(t->dataset),
                                 lks_dataset_std(t->dataset)};
  status = lks_setup_create_all(&t->setup, comm, &t->config, &input);
  lks_free(text);
  return status;
}

static lks_status create_all(training *t, lks_comm *comm)
{
  lks_status status = open_dataset_all(t, comm);
  if (!status) status = create_setup_all(t, comm);
  if (status) return status;
  lks_network *network = t->setup->network;
  status = lks_optimizer_create(&t->optimizer, &t->config, network);
  if (!status)
    status = lks_loader_create(
        &t->train, t->dataset, LKS_SPLIT_TRAIN,
        &(lks_loader_options){BATCH, true, 1, NULL, 0, lks_network_shard_function, network});
  if (!status)
    status = lks_loader_create(
        &t->test, t->dataset, LKS_SPLIT_TEST,
        &(lks_loader_options){BATCH, false, 1, NULL, 0, lks_network_shard_function, network});
  if (!status) status = lks_prepare_for_loader(network, t->train, BATCH, true);
  if (!status) status = lks_prepare_for_loader(network, t->test, BATCH, false);
  return lks_comm_agree_all(comm, status);
}

static void destroy_all(training *t, lks_comm *comm)
{
  lks_loader_destroy(&t->train);
  lks_loader_destroy(&t->test);
  lks_optimizer_destroy(&t->optimizer);
  lks_setup_destroy_all(&t->setup);
  lks_dataset_close_all(&t->dataset);
  if (lks_comm_rank(comm) == 0) unlink(t->path);
}

/* The first mini-batches of an epoch, at most `most`; counts them. */
static lks_status train_all(training *t, size_t epoch, size_t most, size_t *steps)
{
  lks_batch batch;
  lks_pass_result result;
  lks_loader_seek(t->train, epoch, 0);
  for (size_t i = 0; i < most && lks_loader_next(t->train, &batch); i++) {
    lks_status status = lks_network_pass_all(t->setup->network, &result, LKS_PASS_TRAIN, &batch,
                                             &t->setup->scaling, (uint32_t)*steps, false);
    if (status) return status;
    lks_optimizer_step(t->optimizer, 0.05);
    (*steps)++;
  }
  return LKS_OK;
}

static void expect_none(lks_comm *comm, const char *const setting[][2])
{
  training t = {0};
  lks_config_default(&t.config);
  lks_status status = lks_config_set(&t.config, "batch-size", "32");
  for (int i = 0; setting[i][0] && !status; i++)
    status = lks_config_set(&t.config, setting[i][0], setting[i][1]);
  snprintf(t.config.data, sizeof t.config.data, "none");
  if (!status) status = lks_config_check(&t.config);
  if (!status) status = create_all(&t, comm);
  size_t steps = 0;
  if (!status) status = train_all(&t, 0, 1, &steps);
  lks_evaluation ignored;
  long before = atomic_load(&calls);
  for (size_t epoch = 0; epoch < 2 && !status; epoch++) {
    status = train_all(&t, epoch, TRAIN, &steps);
    if (!status) status = lks_evaluate_loader_all(&ignored, t.setup, t.test, LKS_PASS_RUNNING);
  }
  long counted = atomic_load(&calls) - before;
  destroy_all(&t, comm);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, steps == 1 + 2 * 4);
  lks_assert_all(comm, counted == 0);
}

static void test_residual_network(lks_comm *comm)
{
  expect_none(comm, (const char *const[][2]){
                        {"model", "resnet8"}, {"crop", "1"}, {"flip", "on"}, {"threads", "2"}, {NULL, NULL}});
}

static void test_groups_and_dropout(lks_comm *comm)
{
  expect_none(comm, (const char *const[][2]){{"model", "cnn"}, {"bn", "7"}, {"threads", "1"}, {NULL, NULL}});
}

static void test_rank_statistics_and_plain_reduction(lks_comm *comm)
{
  expect_none(comm,
              (const char *const[][2]){
                  {"model", "cnn"}, {"bn", "rank:2"}, {"reduce", "mpi"}, {"threads", "1"}, {NULL, NULL}});
}

static void test_adam_without_batch_norm(lks_comm *comm)
{
  expect_none(comm,
              (const char *const[][2]){
                  {"model", "mlp"}, {"bn", "none"}, {"optimizer", "adam"}, {"threads", "2"}, {NULL, NULL}});
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_counter_counts),          LKS_MPI_TEST(test_residual_network),
    LKS_MPI_TEST(test_groups_and_dropout),      LKS_MPI_TEST(test_rank_statistics_and_plain_reduction),
    LKS_MPI_TEST(test_adam_without_batch_norm),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
