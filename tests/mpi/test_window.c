#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "dataset/generate.h"
#include "dataset/sample_reader.h"
#include "dataset/window_order.h"
#include "lockstep/dataset.h"
#include "sums/partition.h"
#include "support/hdf5_edit.h"
#include "support/mpi_test.h"

/* Loaders of a dataset that stays in its file, held against the same dataset in memory. Files have chunks of
 * several samples, none of which divides anything. */
enum { SAMPLES = 1033, TEST = 217, BATCH = 16, MICROBATCH = 3, SEED = 9, WINDOW = 100 };

static const lks_generate_options options = {
    .shape = {40, 33, 3}, .classes = 3, .train = SAMPLES, .test = TEST, .noise = 128, .seed = 5};

static char path[64];
static lks_dataset *in_memory, *windowed;

static void name_file(lks_comm *comm)
{
  int number = (int)getpid();
  MPI_Bcast(&number, 1, MPI_INT, 0, lks_comm_handle(comm));
  snprintf(path, sizeof path, "/tmp/lockstep-test-%d-window.h5", number);
}

static void make_file(lks_comm *comm, bool features)
{
  lks_generate_options of = options;
  if (features) of.features = true, of.shape = (lks_shape){1, 1, 777};
  name_file(comm);
  lks_assert_ok_all(comm, lks_comm_rank(comm) == 0 ? lks_generate(path, &of, true) : LKS_OK);
}

static void open_file_all(lks_comm *comm, size_t window, lks_data_layout layout)
{
  lks_dataset_options o = {.names.layout = layout};
  lks_assert_ok_all(comm, lks_dataset_open_all(&in_memory, comm, path, &o));
  o.window = window;
  lks_assert_ok_all(comm, lks_dataset_open_all(&windowed, comm, path, &o));
}

static void close_all(lks_comm *comm)
{
  lks_dataset_close_all(&windowed);
  lks_dataset_close_all(&in_memory);
  MPI_Barrier(lks_comm_handle(comm));
  if (lks_comm_rank(comm) == 0) unlink(path);
}

static void open_all(lks_comm *comm, bool features, size_t window)
{
  make_file(comm, features);
  open_file_all(comm, window, LKS_DATA_LAYOUT_AUTO);
}

typedef struct part {
  size_t size, rank;
} part;

static void shard_of(const void *context, size_t total, size_t *first, size_t *count)
{
  const part *of = context;
  const size_t microbatches = (total + MICROBATCH - 1) / MICROBATCH;
  const size_t begin = lks_partition_begin(microbatches, of->size, of->rank) * MICROBATCH,
               end = lks_partition_begin(microbatches, of->size, of->rank + 1) * MICROBATCH;
  *first = begin < total ? begin : total;
  *count = (end < total ? end : total) - *first;
}

static part own;

/* This rank's shards. */
static lks_loader_options asked_for(lks_comm *comm, bool shuffled, const uint32_t *subset, size_t count)
{
  own = (part){(size_t)lks_comm_size(comm), (size_t)lks_comm_rank(comm)};
  return (lks_loader_options){BATCH, shuffled, SEED, subset, count, shard_of, &own};
}

static bool same_sample(const lks_batch *batch, size_t i, lks_split split)
{
  const lks_samples of = lks_dataset_split(in_memory, split);
  const lks_shape s = lks_dataset_shape(in_memory);
  const size_t width = s.height * s.width * s.channels, number = batch->sample[i];
  if (number >= of.count || batch->label[i] != of.label[number]) return false;
  if (of.pixels) return memcmp(batch->pixels + i * width, of.pixels + number * width, width) == 0;
  return memcmp(batch->features + i * width, of.features + number * width, width * sizeof(float)) == 0;
}

/* From a step of an epoch on: the samples of an order that was made alone, and their values. Stops after `steps`. */
static bool as_ordered(lks_loader *loader, const uint32_t *order, size_t epoch, size_t begin, size_t steps,
                       lks_split split)
{
  lks_batch batch;
  lks_loader_seek(loader, epoch, begin);
  size_t at = begin;
  for (; at < begin + steps && lks_loader_next(loader, &batch); at++) {
    size_t first, count;
    shard_of(&own, batch.total, &first, &count);
    if (batch.status || count != batch.samples) return false;
    for (size_t i = 0; i < count; i++)
      if (batch.sample[i] != order[at * BATCH + first + i] || !same_sample(&batch, i, split)) return false;
  }
  return at == begin + steps || at == lks_loader_steps(loader);
}

static const uint32_t *order_of(lks_window_planner *planner, size_t epoch)
{
  return lks_window_planner_order(planner, epoch).sample;
}

static lks_window_planner *planner_of(const uint32_t *subset, size_t count, size_t window)
{
  lks_window_planner *planner = NULL;
  const lks_window_options o = {.count = count,
                                .subset = subset,
                                .chunk = lks_dataset_window(windowed)->chunk[LKS_SPLIT_TRAIN],
                                .window = window,
                                .shuffled = true,
                                .seed = SEED};
  return lks_window_planner_create(&planner, &o) ? NULL : planner;
}

/* Seeks come in any order and leave epochs in their midst; ranks do not wait for each other between them. */
static bool jump_about(lks_loader *loader, lks_window_planner *planner)
{
  bool ok = true;
  const size_t steps = lks_loader_steps(loader);
  for (size_t i = 0; i < 40 && ok; i++) {
    const size_t epoch = i / 3 % 4, begin = i * 11 % (steps + 1);
    ok = as_ordered(loader, order_of(planner, epoch), epoch, begin, i % 5, LKS_SPLIT_TRAIN);
  }
  return ok;
}

static void train_loader(lks_comm *comm, bool features, size_t window, const uint32_t *subset, size_t count)
{
  lks_loader *loader = NULL;
  open_all(comm, features, window);
  const lks_loader_options o = asked_for(comm, true, subset, subset ? count : 0);
  lks_window_planner *planner = planner_of(subset, count, window);
  lks_assert_ok_all(comm, lks_loader_create(&loader, windowed, LKS_SPLIT_TRAIN, &o));
  bool ok = planner && lks_window_planner_order(planner, 0).windows > 1;
  for (size_t epoch = 0; epoch < 3 && ok; epoch++)
    ok = as_ordered(loader, order_of(planner, epoch), epoch, 0, SAMPLES, LKS_SPLIT_TRAIN);
  ok = ok && jump_about(loader, planner);
  lks_assert_all(comm, ok);
  lks_loader_destroy(&loader);
  lks_window_planner_destroy(&planner);
  close_all(comm);
}

static void test_training_order(lks_comm *comm)
{
  train_loader(comm, false, WINDOW, NULL, SAMPLES);
  train_loader(comm, true, WINDOW, NULL, SAMPLES);
  train_loader(comm, false, 7, NULL, SAMPLES); /* smaller than a mini-batch */
}

static void test_subsets(lks_comm *comm)
{
  uint32_t subset[SAMPLES];
  size_t count = 0;
  for (uint32_t i = 0; i < SAMPLES; i++)
    if (i % 7 < 2 || i > 900) subset[count++] = i;
  train_loader(comm, false, WINDOW, subset, count);
}

/* In stored order, of either split; lists in any order, with repetitions; several loaders at once. */
static void test_loaders_that_do_not_shuffle(lks_comm *comm)
{
  uint32_t stored[SAMPLES], mixed[2 * TEST], all[SAMPLES];
  lks_loader *loader[4] = {NULL};
  open_all(comm, false, WINDOW);
  for (uint32_t i = 0; i < SAMPLES; i++) all[i] = i;
  for (uint32_t i = 0; i < SAMPLES; i++) stored[i] = i;
  for (uint32_t i = 0; i < 2 * TEST; i++) mixed[i] = i / 2 * 37 % TEST;
  const lks_loader_options whole = asked_for(comm, false, NULL, 0),
                           part_of = asked_for(comm, false, all + 300, 500),
                           listed = asked_for(comm, false, mixed, 2 * TEST),
                           shuffled = asked_for(comm, true, NULL, 0);
  lks_status status = lks_loader_create(&loader[0], windowed, LKS_SPLIT_TEST, &whole);
  if (!status) status = lks_loader_create(&loader[1], windowed, LKS_SPLIT_TRAIN, &part_of);
  if (!status) status = lks_loader_create(&loader[2], windowed, LKS_SPLIT_TEST, &listed);
  if (!status) status = lks_loader_create(&loader[3], windowed, LKS_SPLIT_TRAIN, &shuffled);
  lks_assert_ok_all(comm, status);
  lks_window_planner *planner = planner_of(NULL, SAMPLES, WINDOW);
  bool ok = planner != NULL;
  for (size_t turn = 0; turn < 3 && ok; turn++) {
    ok = as_ordered(loader[3], order_of(planner, turn), turn, 3, 4, LKS_SPLIT_TRAIN);
    ok = ok && as_ordered(loader[0], stored, turn, 0, SAMPLES, LKS_SPLIT_TEST);
    ok = ok && as_ordered(loader[1], all + 300, turn, 0, SAMPLES, LKS_SPLIT_TRAIN);
    ok = ok && as_ordered(loader[2], mixed, turn, turn * 5, SAMPLES, LKS_SPLIT_TEST);
  }
  lks_assert_all(comm, ok);
  for (int i = 0; i < 4; i++) lks_loader_destroy(&loader[i]);
  lks_window_planner_destroy(&planner);
  close_all(comm);
}

/* Once a loader is gone there is room for another one, however often. */
static void test_many_one_after_another(lks_comm *comm)
{
  uint32_t stored[TEST];
  for (uint32_t i = 0; i < TEST; i++) stored[i] = i;
  open_all(comm, false, WINDOW);
  const lks_loader_options whole = asked_for(comm, false, NULL, 0);
  for (int i = 0; i < 12; i++) {
    lks_loader *loader = NULL;
    lks_assert_ok_all(comm, lks_loader_create(&loader, windowed, LKS_SPLIT_TEST, &whole));
    const bool ok = as_ordered(loader, stored, 0, 0, i % 3 ? TEST : 2, LKS_SPLIT_TEST);
    lks_assert_all(comm, ok);
    lks_loader_destroy(&loader);
  }
  close_all(comm);
}

/* What the file says is the same, and the samples are not there. */
static void test_what_a_windowed_dataset_tells(lks_comm *comm)
{
  open_all(comm, false, WINDOW);
  const lks_samples has = lks_dataset_split(in_memory, LKS_SPLIT_TEST),
                    is = lks_dataset_split(windowed, LKS_SPLIT_TEST);
  lks_assert_all(
      comm, strcmp(lks_dataset_hash(in_memory), lks_dataset_hash(windowed)) == 0 &&
                memcmp(lks_dataset_mean(in_memory), lks_dataset_mean(windowed), 3 * sizeof(double)) == 0 &&
                memcmp(lks_dataset_std(in_memory), lks_dataset_std(windowed), 3 * sizeof(double)) == 0);
  lks_assert_all(comm, is.count == has.count && !is.pixels && !is.features &&
                           memcmp(is.label, has.label, TEST * sizeof *is.label) == 0);
  lks_sample_reader reader;
  uint8_t values[40 * 33 * 3];
  int32_t label;
  lks_assert_ok_all(comm, lks_sample_reader_begin(&reader, windowed, LKS_SPLIT_TEST));
  const lks_status status = lks_sample_reader_get(&reader, values, &label, &(uint32_t){3}, 1);
  lks_sample_reader_end(&reader);
  lks_assert_all(comm, status == LKS_ERR_USAGE && strstr(lks_message(), "--cache"));
  close_all(comm);
}

/* How a user may have stored samples: extent and chunks [rank], of which the first is of samples. */
typedef struct storage {
  const char *type; /* "u8" or "f64" */
  int rank;
  hsize_t extent[4], chunk[4]; /* chunk[0] 0: none */
  bool gzip;
  lks_data_layout layout;
  size_t counted; /* samples of a chunk of the windows; 0: of blocks of about a megabyte */
} storage;

static bool put_samples(hid_t group, const storage *how)
{
  size_t values = 1;
  for (int i = 0; i < how->rank; i++) values *= how->extent[i];
  const bool bytes = strcmp(how->type, "u8") == 0;
  uint8_t *pixel = bytes ? lks_new(values, 1) : NULL;
  double *real = bytes ? NULL : lks_new(values, sizeof *real);
  for (size_t i = 0; i < values && pixel; i++) pixel[i] = (uint8_t)(i * 2654435761u >> 13);
  for (size_t i = 0; i < values && real; i++) real[i] = (double)(i * 2654435761u >> 7 & 1023) / 1024 - 0.3;
  const hid_t plan = H5Pcreate(H5P_DATASET_CREATE);
  if (how->chunk[0]) H5Pset_chunk(plan, how->rank, how->chunk);
  if (how->gzip) H5Pset_deflate(plan, 1);
  const bool ok = edit_array(group, "X_train", bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_DOUBLE, how->rank,
                             how->extent, plan, bytes ? (const void *)pixel : real);
  H5Pclose(plan);
  lks_free(pixel);
  lks_free(real);
  return ok;
}

static bool write_stored(const storage *how)
{
  int64_t label[SAMPLES];
  for (size_t i = 0; i < SAMPLES; i++) label[i] = (int64_t)(i * 7 % 5);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  bool ok = file >= 0 && put_samples(file, how);
  ok = ok && edit_array(file, "y_train", H5T_NATIVE_INT64, 1, how->extent, H5P_DEFAULT, label);
  return H5Fclose(file) >= 0 && ok;
}

static void read_stored(lks_comm *comm, const storage *how)
{
  lks_loader *loader = NULL;
  name_file(comm);
  lks_assert_all(comm, lks_comm_rank(comm) != 0 || write_stored(how));
  open_file_all(comm, WINDOW, how->layout);
  const lks_loader_options o = asked_for(comm, true, NULL, 0);
  lks_window_planner *planner = planner_of(NULL, SAMPLES, WINDOW);
  lks_assert_ok_all(comm, lks_loader_create(&loader, windowed, LKS_SPLIT_TRAIN, &o));
  const size_t chunk = lks_dataset_window(windowed)->chunk[LKS_SPLIT_TRAIN];
  bool ok = planner != NULL && (how->counted ? chunk == how->counted : chunk > 1 && chunk < SAMPLES);
  ok = ok && strcmp(lks_dataset_hash(in_memory), lks_dataset_hash(windowed)) == 0;
  for (size_t epoch = 0; epoch < 2 && ok; epoch++)
    ok = as_ordered(loader, order_of(planner, epoch), epoch, epoch * 7, SAMPLES, LKS_SPLIT_TRAIN);
  lks_assert_all(comm, ok);
  lks_loader_destroy(&loader);
  lks_window_planner_destroy(&planner);
  close_all(comm);
}

/* Without chunks, with chunks along other axes, in one that is compressed, and of values that are converted or moved. */
static void test_however_it_is_stored(lks_comm *comm)
{
  static const storage stored[] = {
      {.type = "u8", .rank = 3, .extent = {SAMPLES, 60, 61}},
      {.type = "u8",
       .rank = 4,
       .extent = {SAMPLES, 9, 8, 3},
       .chunk = {17, 4, 8, 2},
       .gzip = true,
       .counted = 17},
      {.type = "f64",
       .rank = 2,
       .extent = {SAMPLES, 19},
       .chunk = {SAMPLES, 19},
       .gzip = true,
       .counted = SAMPLES},
      {.type = "u8",
       .rank = 4,
       .extent = {SAMPLES, 3, 7, 9},
       .chunk = {30, 3, 7, 9},
       .layout = LKS_DATA_LAYOUT_NCHW,
       .counted = 30},
      {.type = "f64", .rank = 2, .extent = {SAMPLES, 19}, .chunk = {1, 10}, .counted = 1},
  };
  for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) read_stored(comm, &stored[i]);
}

/* Whether an epoch fails on this rank, with such a message; a rank that gets none of the samples may be spared. */
static bool fails(lks_loader *loader, lks_status status, const char *words)
{
  lks_batch batch;
  size_t samples = 0;
  lks_loader_seek(loader, 0, 0);
  while (lks_loader_next(loader, &batch)) {
    samples += batch.samples;
    if (batch.status) return batch.status == status && strstr(batch.message, words);
  }
  return samples == 0;
}

static void spoil(lks_comm *comm, const storage *how, bool cut, lks_status wanted, const char *words)
{
  lks_loader *loader = NULL;
  name_file(comm);
  if (!how) make_file(comm, false);
  lks_assert_all(comm, !how || lks_comm_rank(comm) != 0 || write_stored(how));
  open_file_all(comm, WINDOW, LKS_DATA_LAYOUT_AUTO);
  const lks_loader_options o = asked_for(comm, true, NULL, 0);
  lks_assert_ok_all(comm, lks_loader_create(&loader, windowed, LKS_SPLIT_TRAIN, &o));
  bool ok = true;
  if (lks_comm_rank(comm) == 0) {
    struct stat about = {.st_size = 0};
    const int file = open(path, O_RDWR);
    ok = file >= 0 && fstat(file, &about) == 0;
    for (off_t at = about.st_size / 8; at < about.st_size / 4 * 3 && ok && !cut; at += 1000)
      ok = pwrite(file, "damaged", 7, at) == 7;
    if (cut) ok = ok && ftruncate(file, about.st_size / 2) == 0;
    if (file >= 0) close(file);
  }
  lks_assert_all(comm, ok);
  lks_assert_all(comm, fails(loader, wanted, words));
  lks_loader_destroy(&loader);
  close_all(comm);
}

/* A file that was changed or cut short since it was checked is told of, and ends nothing. */
static void test_a_file_that_changes(lks_comm *comm)
{
  static const storage plain = {.type = "u8", .rank = 3, .extent = {SAMPLES, 60, 61}};
  spoil(comm, NULL, false, LKS_ERR_DATA, path);
  spoil(comm, NULL, true, LKS_ERR_DATA, path);
  spoil(comm, &plain, false, LKS_ERR_DATA, "are not what they were when the file was opened");
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_training_order),
    LKS_MPI_TEST(test_subsets),
    LKS_MPI_TEST(test_loaders_that_do_not_shuffle),
    LKS_MPI_TEST(test_many_one_after_another),
    LKS_MPI_TEST(test_what_a_windowed_dataset_tells),
    LKS_MPI_TEST(test_however_it_is_stored),
    LKS_MPI_TEST(test_a_file_that_changes),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
