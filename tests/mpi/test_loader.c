#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "dataset/generate.h"
#include "lockstep/dataset.h"
#include "sums/partition.h"
#include "support/mpi_test.h"
#include "support/naive_random.h"

enum { SAMPLES = 103, WIDTH = 24, BATCH = 16, MICROBATCH = 3, STEPS = 7, SEED = 9 };

static const lks_generate_options options = {
    .shape = {4, 3, 2}, .classes = 3, .train = SAMPLES, .test = 20, .noise = 128, .seed = 5};

static lks_dataset *dataset;

static void open_all(lks_comm *comm, bool features)
{
  char path[64];
  int number = (int)getpid();
  lks_generate_options of = options;
  if (features) of.features = true, of.shape = (lks_shape){1, 1, WIDTH};
  MPI_Bcast(&number, 1, MPI_INT, 0, lks_comm_handle(comm));
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-loader.h5", number);
  lks_assert_ok_all(comm, lks_comm_rank(comm) == 0 ? lks_generate(path, &of, true) : LKS_OK);
  lks_status status = lks_dataset_open_all(&dataset, comm, path, NULL);
  if (lks_comm_rank(comm) == 0) unlink(path);
  lks_assert_ok_all(comm, status);
}

/* As the trainer does it: whole microbatches, cut evenly over the ranks. */
typedef struct part {
  size_t size, rank;
} part;

static void shard_of(const void *context, size_t total, size_t *first, size_t *count)
{
  const part *of = context;
  const size_t microbatches = (total + MICROBATCH - 1) / MICROBATCH;
  size_t begin = lks_partition_begin(microbatches, of->size, of->rank) * MICROBATCH;
  size_t end = lks_partition_begin(microbatches, of->size, of->rank + 1) * MICROBATCH;
  *first = begin < total ? begin : total;
  *count = (end < total ? end : total) - *first;
}

static const part whole = {1, 0};

/* limit > 0: the first samples alone, as a subset. */
static lks_loader *make(lks_split split, bool shuffled, uint64_t seed, size_t limit, const part *of)
{
  static uint32_t first[1000];
  for (uint32_t i = 0; i < 1000; i++) first[i] = i;
  lks_loader *loader = NULL;
  lks_status status = lks_loader_create(
      &loader, dataset, split,
      &(lks_loader_options){BATCH, shuffled, seed, limit ? first : NULL, limit, shard_of, of});
  return status ? NULL : loader;
}

/* Every sample handed out is the one of the split that its number says. */
static bool true_to_split(const lks_batch *batch, lks_split split)
{
  const lks_samples of = lks_dataset_split(dataset, split);
  for (size_t i = 0; i < batch->samples; i++) {
    const size_t number = batch->sample[i];
    if (number >= of.count || batch->label[i] != of.label[number]) return false;
    if (of.pixels && memcmp(batch->pixels + i * WIDTH, of.pixels + number * WIDTH, WIDTH) != 0) return false;
    for (size_t j = 0; of.features && j < WIDTH; j++)
      if (batch->features[i * WIDTH + j] != of.features[number * WIDTH + j]) return false;
  }
  return true;
}

/* order[SAMPLES]: the samples of an epoch, as one rank alone would get them. */
static bool epoch_order(uint32_t *order, lks_loader *loader, size_t epoch, lks_split split)
{
  size_t samples = 0, steps = 0;
  lks_batch batch = {0};
  bool ok = true;
  for (lks_loader_seek(loader, epoch, 0); ok && lks_loader_next(loader, &batch); steps++) {
    ok = batch.samples == batch.total && samples + batch.total <= lks_loader_samples(loader) &&
         true_to_split(&batch, split);
    if (ok) memcpy(order + samples, batch.sample, batch.samples * sizeof *order);
    samples += batch.total;
  }
  return ok && samples == lks_loader_samples(loader) && steps == lks_loader_steps(loader) &&
         !lks_loader_next(loader, &batch);
}

static bool is_permutation(const uint32_t *order, size_t count)
{
  bool seen[SAMPLES] = {false};
  for (size_t i = 0; i < count; i++) {
    if (order[i] >= count || seen[order[i]]) return false;
    seen[order[i]] = true;
  }
  return true;
}

static void test_epochs_are_permutations(lks_comm *comm)
{
  uint32_t order[5][SAMPLES] = {0};
  open_all(comm, false);
  lks_loader *loader = make(LKS_SPLIT_TRAIN, true, SEED, 0, &whole);
  lks_loader *other = make(LKS_SPLIT_TRAIN, true, SEED + 1, 0, &whole);
  bool ok = loader && other && lks_loader_steps(loader) == STEPS && lks_loader_samples(loader) == SAMPLES;
  const size_t epochs[] = {0, 1, 7, 0};
  for (int i = 0; i < 4; i++)
    ok = ok && epoch_order(order[i], loader, epochs[i], LKS_SPLIT_TRAIN) && is_permutation(order[i], SAMPLES);
  ok = ok && epoch_order(order[4], other, 0, LKS_SPLIT_TRAIN);
  lks_assert_all(comm, ok);
  lks_assert_all(comm, memcmp(order[0], order[3], sizeof order[0]) == 0);
  lks_assert_all(comm, memcmp(order[0], order[1], sizeof order[0]) != 0);
  lks_assert_all(comm, memcmp(order[1], order[2], sizeof order[0]) != 0);
  lks_assert_all(comm, memcmp(order[0], order[4], sizeof order[0]) != 0);
  lks_loader_destroy(&other);
  lks_loader_destroy(&loader);
  lks_dataset_close_all(&dataset);
}

/* An epoch's order is the shuffle that seed and epoch give, of the split or of a subset. */
static void test_orders_are_those_of_seed_and_epoch(lks_comm *comm)
{
  static const size_t epochs[] = {0, 1, 12, 70000};
  const size_t limits[] = {0, 50};
  open_all(comm, false);
  bool ok = true;
  for (int k = 0; k < 2; k++) {
    uint32_t order[SAMPLES] = {0}, naive[SAMPLES];
    const uint64_t seed = SEED + ((uint64_t)k << 40);
    lks_loader *loader = make(LKS_SPLIT_TRAIN, true, seed, limits[k], &whole);
    for (int i = 0; i < 4; i++) {
      const naive_key key = {.seed = seed, .purpose = NAIVE_SHUFFLE, .step = (uint32_t)epochs[i]};
      const size_t count = limits[k] ? limits[k] : SAMPLES;
      naive_random_order(naive, count, key);
      ok = ok && loader && epoch_order(order, loader, epochs[i], LKS_SPLIT_TRAIN) &&
           !memcmp(order, naive, count * sizeof *order);
    }
    lks_loader_destroy(&loader);
  }
  lks_assert_all(comm, ok);
  lks_dataset_close_all(&dataset);
}

/* Reading ahead leaves the mini-batch in use alone, however long it is in use. */
static void test_a_batch_lasts_until_the_next(lks_comm *comm)
{
  open_all(comm, false);
  lks_loader *loader = make(LKS_SPLIT_TRAIN, true, SEED, 0, &whole);
  lks_batch batch = {0};
  bool ok = loader != NULL;
  lks_loader_seek(loader, 1, 0);
  for (size_t step = 0; ok && step < STEPS; step++) {
    uint32_t sample[BATCH];
    ok = lks_loader_next(loader, &batch);
    memcpy(sample, batch.sample, batch.samples * sizeof *sample);
    usleep(5000); /* all that may be read ahead is read */
    ok = ok && !memcmp(sample, batch.sample, batch.samples * sizeof *sample) &&
         true_to_split(&batch, LKS_SPLIT_TRAIN);
  }
  lks_loader_destroy(&loader);
  lks_assert_all(comm, ok);
  lks_dataset_close_all(&dataset);
}

static void test_unshuffled_limited_and_features(lks_comm *comm)
{
  uint32_t order[SAMPLES] = {0};
  open_all(comm, true);
  lks_loader *loader = make(LKS_SPLIT_TRAIN, false, SEED, 37, &whole);
  lks_loader *small = make(LKS_SPLIT_TEST, true, SEED, 10, &whole);
  bool ok =
      loader && small && epoch_order(order, loader, 2, LKS_SPLIT_TRAIN) && lks_loader_steps(loader) == 3;
  for (uint32_t i = 0; i < 37 && ok; i++) ok = order[i] == i;
  lks_assert_all(comm, ok);
  lks_assert_all(comm, lks_loader_steps(small) == 1 && epoch_order(order, small, 2, LKS_SPLIT_TEST));
  lks_assert_all(comm, is_permutation(order, 10));
  lks_loader_destroy(&small);
  lks_loader_destroy(&loader);
  lks_dataset_close_all(&dataset);
}

/* A shard is its stretch of the mini-batch that one rank would get, and the shards add up to it. */
static void test_shards_make_up_the_batch(lks_comm *comm)
{
  open_all(comm, false);
  const part own = {(size_t)lks_comm_size(comm), (size_t)lks_comm_rank(comm)};
  lks_loader *loader = make(LKS_SPLIT_TRAIN, true, SEED, 0, &own);
  lks_loader *reference = make(LKS_SPLIT_TRAIN, true, SEED, 0, &whole);
  lks_assert_all(comm, loader && reference);
  lks_batch batch = {0}, all = {0};
  size_t first, count, samples = 0;
  bool ok = true;
  lks_loader_seek(loader, 3, 0);
  lks_loader_seek(reference, 3, 0);
  for (size_t step = 0; step < STEPS && ok; step++) {
    ok = lks_loader_next(loader, &batch) && lks_loader_next(reference, &all) && batch.total == all.total;
    shard_of(&own, all.total, &first, &count);
    ok = ok && batch.samples == count && true_to_split(&batch, LKS_SPLIT_TRAIN) &&
         memcmp(batch.sample, all.sample + first, count * sizeof *batch.sample) == 0;
    samples += batch.samples;
  }
  lks_assert_all(comm, ok && !lks_loader_next(loader, &batch));
  unsigned long mine = samples, sum = 0;
  MPI_Allreduce(&mine, &sum, 1, MPI_UNSIGNED_LONG, MPI_SUM, lks_comm_handle(comm));
  lks_assert_all(comm, sum == SAMPLES);
  lks_loader_destroy(&reference);
  lks_loader_destroy(&loader);
  lks_dataset_close_all(&dataset);
}

/* Seeking anywhere, whatever the reader is about, gives what comes there in the whole epoch. */
static void test_seek_anywhere(lks_comm *comm)
{
  enum { JUMPS = 3000, EPOCHS = 3 };
  uint32_t order[EPOCHS][SAMPLES] = {0};
  open_all(comm, false);
  lks_loader *loader = make(LKS_SPLIT_TRAIN, true, SEED, 0, &whole);
  lks_batch batch = {0};
  bool ok = loader && !lks_loader_next(loader, &batch); /* nothing comes before the first seek */
  for (size_t epoch = 0; epoch < EPOCHS; epoch++)
    ok = ok && epoch_order(order[epoch], loader, epoch, LKS_SPLIT_TRAIN);
  const long made = lks_allocations_made();
  for (size_t i = 0; i < JUMPS && ok; i++) {
    const size_t epoch = i / 3 % EPOCHS, begin = i * 5 % (STEPS + 1);
    lks_loader_seek(loader, epoch, begin);
    for (size_t step = begin; step < begin + i % 5 && ok; step++) {
      const bool more = lks_loader_next(loader, &batch);
      ok = more == (step < STEPS) && (!more || (true_to_split(&batch, LKS_SPLIT_TRAIN) &&
                                                memcmp(batch.sample, order[epoch] + step * BATCH,
                                                       batch.samples * sizeof *batch.sample) == 0));
    }
  }
  ok = ok && lks_allocations_made() == made;
  lks_loader_destroy(&loader); /* in the midst of reading */
  lks_assert_all(comm, ok);
  lks_dataset_close_all(&dataset);
}

static void shard_outside(const void *context, size_t total, size_t *first, size_t *count)
{
  (void)context;
  *first = 1;
  *count = total;
}

static void test_refuses_nonsense(lks_comm *comm)
{
  lks_loader *loader = NULL;
  open_all(comm, false);
  const lks_loader_options no_samples = {0, true, 1, NULL, 0, shard_of, &whole},
                           outside = {4, true, 1, NULL, 0, shard_outside, NULL};
  bool ok = lks_loader_create(&loader, dataset, LKS_SPLIT_TRAIN, &no_samples) == LKS_ERR_USAGE;
  ok = ok && lks_loader_create(&loader, dataset, LKS_SPLIT_TRAIN, &outside) == LKS_ERR_USAGE;
  lks_assert_all(comm, ok && !loader);
  lks_dataset_close_all(&dataset);
}

/* Whether a list of samples has its share of every class, but for rounding. */
static bool in_proportion(const uint32_t *list, size_t count, lks_samples samples, size_t classes)
{
  bool ok = true;
  for (size_t c = 0; c < classes; c++) {
    double have = 0, taken = 0;
    for (size_t i = 0; i < samples.count; i++) have += samples.label[i] == (int32_t)c;
    for (size_t i = 0; i < count; i++) taken += samples.label[list[i]] == (int32_t)c;
    double share = have * (double)count / (double)samples.count;
    ok = ok && taken > share - 2 && taken < share + 2;
  }
  return ok;
}

static void test_selections_keep_the_classes_shares(lks_comm *comm)
{
  open_all(comm, false);
  const lks_samples samples = lks_dataset_split(dataset, LKS_SPLIT_TRAIN);
  const size_t classes = lks_dataset_classes(dataset), wanted = samples.count * 2 / 3, holdout = wanted / 4;
  lks_selection *some = NULL, *all = NULL, *none = NULL;
  bool ok =
      !lks_selection_create(&some, dataset, wanted, holdout) && !lks_selection_create(&all, dataset, 0, 0);
  ok = ok && some->train_count == wanted - holdout && some->held_count == holdout;
  ok = ok && all->train_count == samples.count && all->held_count == 0;
  ok = ok && in_proportion(some->train, some->train_count, samples, classes);
  ok = ok && in_proportion(some->held, some->held_count, samples, classes);
  for (size_t i = 0; ok && i < holdout; i++)
    for (size_t j = 0; j < some->train_count; j++) ok = ok && some->held[i] != some->train[j];
  ok = ok && lks_selection_create(&none, dataset, samples.count + 1, 0) == LKS_ERR_DATA;
  ok = ok && lks_selection_create(&none, dataset, 0, samples.count) == LKS_ERR_DATA && !none;
  lks_selection_destroy(&some);
  lks_selection_destroy(&all);
  lks_dataset_close_all(&dataset);
  lks_assert_all(comm, ok);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_orders_are_those_of_seed_and_epoch),
    LKS_MPI_TEST(test_a_batch_lasts_until_the_next),
    LKS_MPI_TEST(test_epochs_are_permutations),
    LKS_MPI_TEST(test_unshuffled_limited_and_features),
    LKS_MPI_TEST(test_shards_make_up_the_batch),
    LKS_MPI_TEST(test_seek_anywhere),
    LKS_MPI_TEST(test_refuses_nonsense),
    LKS_MPI_TEST(test_selections_keep_the_classes_shares),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
