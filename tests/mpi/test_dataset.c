#include <fcntl.h>
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "dataset/dataset_file.h"
#include "dataset/generate.h"
#include "dataset/sample_reader.h"
#include "lockstep/dataset.h"
#include "support/hdf5_edit.h"
#include "support/mpi_test.h"

static const lks_generate_options options = {
    .shape = {4, 3, 2}, .classes = 3, .train = 50, .test = 20, .noise = 128, .seed = 5};

/* Rank 0's process number names the files of this run on all ranks. */
static void name_file(lks_comm *comm, char path[64], const char *what)
{
  int number = (int)getpid();
  MPI_Bcast(&number, 1, MPI_INT, 0, lks_comm_handle(comm));
  snprintf(path, 64, "/tmp/lockstep-test-%d-%s.h5", number, what);
}

static void make_file(lks_comm *comm, char path[64], const char *what, const lks_generate_options *of)
{
  name_file(comm, path, what);
  lks_status status = lks_comm_rank(comm) == 0 ? lks_generate(path, of, true) : LKS_OK;
  lks_assert_ok_all(comm, status);
}

static void remove_file(lks_comm *comm, const char *path)
{
  MPI_Barrier(lks_comm_handle(comm));
  if (lks_comm_rank(comm) == 0) unlink(path);
}

static bool same(const void *a, const void *b, size_t bytes)
{
  return memcmp(a, b, bytes) == 0;
}

/* All values of a split that fit into `values`, wherever they are. */
static bool read_all(const lks_dataset *dataset, lks_split split, void *values, size_t count)
{
  uint32_t sample[64];
  int32_t label[64];
  lks_sample_reader reader;
  if (count > 64 || lks_sample_reader_begin(&reader, dataset, split) != LKS_OK) return false;
  for (size_t i = 0; i < count; i++) sample[i] = (uint32_t)(count - 1 - i);
  bool ok = lks_sample_reader_get(&reader, values, label, sample, count) == LKS_OK;
  for (size_t i = 0; i < count; i++) ok = ok && label[i] == reader.samples.label[sample[i]];
  for (size_t i = 0; i < count; i++) sample[i] = (uint32_t)i;
  ok = ok && lks_sample_reader_get(&reader, values, label, sample, count) == LKS_OK;
  lks_sample_reader_end(&reader);
  return ok;
}

/* What a rank sees, held against the file as this rank reads it alone. */
static bool same_as_file(const lks_dataset *dataset, const char *path)
{
  static uint64_t block[4096];
  lks_section section[LKS_SECTIONS];
  lks_dataset_file *file = NULL;
  bool ok = lks_dataset_file_open(&file, path, NULL) == LKS_OK;
  const lks_dataset_header *header = ok ? lks_dataset_file_header(file) : NULL;
  ok = ok && lks_layout_sections(section, &header->layout) <= sizeof block &&
       !lks_dataset_file_read(file, block) && strcmp(header->hash, lks_dataset_hash(dataset)) == 0 &&
       header->layout.classes == lks_dataset_classes(dataset) &&
       same(lks_dataset_file_mean(file), lks_dataset_mean(dataset), 2 * sizeof(double)) &&
       same(lks_dataset_file_std(file), lks_dataset_std(dataset), 2 * sizeof(double));
  for (int split = 0; split < LKS_SPLITS && ok; split++) {
    lks_samples is = lks_dataset_split(dataset, (lks_split)split);
    lks_samples wanted = lks_contents_in(&header->layout, block).split[split];
    uint8_t pixels[64 * 24];
    ok = is.count == wanted.count && read_all(dataset, (lks_split)split, pixels, is.count) &&
         same(pixels, wanted.pixels, is.count * 24) &&
         same(is.label, wanted.label, is.count * sizeof(int32_t));
  }
  lks_dataset_file_close(&file);
  return ok;
}

static void test_all_ranks_see_the_file(lks_comm *comm)
{
  char path[64];
  lks_dataset *dataset = NULL;
  make_file(comm, path, "good", &options);
  lks_assert_ok_all(comm, lks_dataset_open_all(&dataset, comm, path, NULL));
  lks_assert_all(comm, same_as_file(dataset, path));
  lks_assert_all(comm, lks_dataset_shape(dataset).height == 4 && lks_dataset_shape(dataset).channels == 2);
  lks_dataset_close_all(&dataset);
  lks_dataset_close_all(&dataset);
  remove_file(comm, path);
}

static bool without(hid_t file, const char *name)
{
  return H5Adelete(file, name) >= 0;
}

/* A file that says nothing but samples, labels and names comes in as the one that says it all, also by a cache. */
static void test_little_is_said(lks_comm *comm)
{
  char path[64], little[64], folder[80], cache[160];
  static const char *const left_out[] = {"format", "format_version", "creator", "classes", "mean",
                                         "std",    "content_hash"};
  lks_dataset *all = NULL, *dataset = NULL;
  make_file(comm, path, "all", &options);
  make_file(comm, little, "little", &options);
  snprintf(folder, sizeof folder, "%s.cache", path);
  bool ok = true;
  if (lks_comm_rank(comm) == 0) {
    const hid_t file = H5Fopen(little, H5F_ACC_RDWR, H5P_DEFAULT), text = H5Tcopy(H5T_C_S1);
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) ok = ok && without(file, left_out[i]);
    H5Tset_size(text, 3);
    ok = ok && edit_numbers(file, "class_names", text, 1, (hsize_t[]){3}, "catdogowl");
    H5Tclose(text);
    H5Fclose(file);
  }
  lks_assert_all(comm, ok);
  lks_assert_ok_all(comm, lks_dataset_open_all(&all, comm, path, NULL));
  for (int turn = 0; turn < 2; turn++) {
    const lks_dataset_options how = {.cache = turn == 0 ? NULL : folder};
    lks_assert_ok_all(comm, lks_dataset_open_all(&dataset, comm, little, &how));
    lks_assert_all(comm, same_as_file(dataset, path) && lks_dataset_is_cached(dataset) == (turn == 1));
    lks_assert_all(comm, strcmp(lks_dataset_hash(dataset), lks_dataset_hash(all)) == 0 &&
                             strcmp(lks_dataset_class_name(dataset, 2), "owl") == 0 &&
                             !lks_dataset_class_name(dataset, 3) && !lks_dataset_class_name(all, 0));
    if (turn == 1) snprintf(cache, sizeof cache, "%s/%s.samples", folder, lks_dataset_hash(dataset));
    lks_dataset_close_all(&dataset);
  }
  lks_dataset_close_all(&all);
  remove_file(comm, path);
  remove_file(comm, little);
  remove_file(comm, cache);
  if (lks_comm_rank(comm) == 0) rmdir(folder);
}

/* What the node's last rank writes, its first one reads. */
static void test_one_copy_a_node(lks_comm *comm)
{
  char path[64];
  lks_dataset *dataset = NULL;
  make_file(comm, path, "shared", &options);
  lks_assert_ok_all(comm, lks_dataset_open_all(&dataset, comm, path, NULL));
  volatile uint8_t *pixel = (volatile uint8_t *)lks_dataset_split(dataset, LKS_SPLIT_TRAIN).pixels;
  const uint8_t after = 255 - *pixel;
  lks_comm_node_barrier_all(comm);
  if (lks_comm_node_rank(comm) == lks_comm_node_size(comm) - 1) *pixel = after;
  lks_comm_node_barrier_all(comm);
  lks_assert_all(comm, *pixel == after);
  lks_dataset_close_all(&dataset);
  remove_file(comm, path);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
  return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Made once and found again; in the way of nothing when it is damaged. */
static void test_cache(lks_comm *comm)
{
  char path[64], folder[80], cache[160];
  struct stat made, found, mended;
  lks_dataset *dataset = NULL;
  make_file(comm, path, "cached", &options);
  snprintf(folder, sizeof folder, "%s.cache", path);
  for (int turn = 0; turn < 3; turn++) {
    lks_assert_ok_all(comm,
                      lks_dataset_open_all(&dataset, comm, path, &(lks_dataset_options){.cache = folder}));
    lks_assert_all(comm, same_as_file(dataset, path) && lks_dataset_is_cached(dataset));
    snprintf(cache, sizeof cache, "%s/%s.samples", folder, lks_dataset_hash(dataset));
    lks_dataset_close_all(&dataset);
    lks_assert_all(comm, stat(cache, turn == 0 ? &made : turn == 1 ? &found : &mended) == 0);
    MPI_Barrier(lks_comm_handle(comm));
    lks_assert_all(comm, turn != 1 || lks_comm_rank(comm) != 0 || truncate(cache, 1000) == 0);
  }
  lks_assert_all(comm, same_file(&made, &found) && !same_file(&made, &mended));
  remove_file(comm, path);
  remove_file(comm, cache);
  if (lks_comm_rank(comm) == 0) rmdir(folder);
}

/* Whether sample `number` is read as it was, is refused with such a message and leaves zeros, or else -1. */
static int outcome(const lks_dataset *dataset, uint32_t number, const uint8_t *wanted, size_t bytes,
                   const char *part)
{
  lks_sample_reader reader;
  int32_t label;
  uint8_t values[1024], zeros[1024] = {0};
  if (lks_sample_reader_begin(&reader, dataset, LKS_SPLIT_TRAIN) != LKS_OK) return -1;
  const lks_status status = lks_sample_reader_get(&reader, values, &label, &number, 1);
  lks_sample_reader_end(&reader);
  if (!status) return memcmp(values, wanted, bytes) == 0 ? 1 : -1;
  return status == LKS_ERR_DATA && strstr(lks_message(), part) && memcmp(values, zeros, bytes) == 0 ? 0 : -1;
}

/* One byte after another is changed while ranks use the file, and then it is cut shorter and shorter: a sample is
 * what it was, or is refused. Samples of 768 and of 1023 bytes, in blocks of 6 and 5. */
static void spoil_cache(lks_comm *comm, lks_shape shape)
{
  enum { SAMPLES = 50 };
  const size_t bytes = shape.height * shape.width * shape.channels,
               block = bytes < 4096 ? (4096 + bytes - 1) / bytes : 1;
  lks_generate_options of = options;
  char path[64], folder[80], cache[160];
  static uint8_t wanted[SAMPLES * 1024];
  lks_dataset *dataset = NULL;
  of.shape = shape;
  make_file(comm, path, "spoilt", &of);
  snprintf(folder, sizeof folder, "%s.cache", path);
  lks_assert_ok_all(comm,
                    lks_dataset_open_all(&dataset, comm, path, &(lks_dataset_options){.cache = folder}));
  snprintf(cache, sizeof cache, "%s/%s.samples", folder, lks_dataset_hash(dataset));
  lks_assert_all(comm, read_all(dataset, LKS_SPLIT_TRAIN, wanted, SAMPLES));
  const bool root = lks_comm_rank(comm) == 0;
  const int file = root ? open(cache, O_RDWR) : -1;
  for (size_t at = 0; at < SAMPLES * bytes; at += bytes / 2 + 1) {
    uint8_t byte = 0;
    if (root) byte = pread(file, &byte, 1, (off_t)at) == 1 ? byte ^ 4 : 0;
    bool ok = !root || pwrite(file, &byte, 1, (off_t)at) == 1;
    MPI_Barrier(lks_comm_handle(comm));
    for (uint32_t i = 0; i < SAMPLES; i++)
      ok = ok && outcome(dataset, i, wanted + i * bytes, bytes, "was changed while it was used, at byte") ==
                     (i / block != at / bytes / block);
    lks_assert_all(comm, ok);
    byte ^= 4;
    lks_assert_all(comm, !root || pwrite(file, &byte, 1, (off_t)at) == 1);
  }
  for (size_t left = SAMPLES * bytes; left > 3 * bytes; left -= 3 * bytes - 1) {
    bool ok = !root || ftruncate(file, (off_t)left) == 0;
    MPI_Barrier(lks_comm_handle(comm));
    for (uint32_t i = 0; i < SAMPLES; i++) {
      const size_t end = i / block * block + block;
      ok = ok && outcome(dataset, i, wanted + i * bytes, bytes, "was cut short while it was used") ==
                     ((end < SAMPLES ? end : SAMPLES) * bytes <= left);
    }
    lks_assert_all(comm, ok);
  }
  if (root) close(file);
  lks_dataset_close_all(&dataset);
  remove_file(comm, path);
  remove_file(comm, cache);
  if (root) rmdir(folder);
}

static void test_spoilt_cache(lks_comm *comm)
{
  spoil_cache(comm, (lks_shape){16, 16, 3});
  spoil_cache(comm, (lks_shape){31, 33, 1});
}

/* Fails on every rank in the same way, though one rank alone reads. */
static void expect_failure(lks_comm *comm, const char *path, lks_status status, const char *part)
{
  lks_dataset *dataset = NULL;
  lks_status is = lks_dataset_open_all(&dataset, comm, path, NULL);
  lks_assert_all(comm, is == status && !dataset && strstr(lks_message(), part));
}

static void test_bad_files_fail_everywhere(lks_comm *comm)
{
  char path[64], nothing[64];
  char *data = NULL;
  size_t bytes = 0;
  make_file(comm, path, "bad", &options);
  name_file(comm, nothing, "missing");
  expect_failure(comm, nothing, LKS_ERR_IO, "No such file");
  expect_failure(comm, lks_comm_rank(comm) == 0 ? nothing : path, LKS_ERR_IO, "No such file");
  bool ok = lks_comm_rank(comm) != 0 ||
            (!lks_file_read(&data, &bytes, path) && !lks_file_write(path, data, bytes / 2));
  lks_free(data);
  lks_assert_all(comm, ok);
  expect_failure(comm, path, LKS_ERR_DATA, "truncated or damaged");
  remove_file(comm, path);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_all_ranks_see_the_file), LKS_MPI_TEST(test_little_is_said),
    LKS_MPI_TEST(test_one_copy_a_node),        LKS_MPI_TEST(test_cache),
    LKS_MPI_TEST(test_spoilt_cache),           LKS_MPI_TEST(test_bad_files_fail_everywhere),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
