/* The tensors of a checkpoint file against PyTorch's own: parameters, running statistics and moments of
 * networks whose weights came from PyTorch (and give its numbers: test_steps.c) lie in the file under
 * PyTorch's names, in its order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/optimizer.h"
#include "support/golden.h"
#include "support/made_up_checkpoint.h"
#include "support/mpi_test.h"

static const char file[] = LKS_TEST_SOURCE_DIR "/tests/golden/steps.h5";

enum { CLASSES = 10, TENSOR = 1024 };

typedef struct run {
  const char *name;
  golden *g, *initial, *final;
  lks_config config;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
} run;

static void create(run *r, lks_comm *comm, const char *name, uint64_t seed)
{
  char group[64];
  size_t extent[GOLDEN_DIMENSIONS];
  *r = (run){.name = name, .g = golden_open(file, name)};
  snprintf(group, sizeof group, "%s/initial", name);
  r->initial = golden_open(file, group);
  snprintf(group, sizeof group, "%s/final", name);
  r->final = golden_open(file, group);
  golden_size(r->g, "pixels", extent);
  lks_config_default(&r->config);
  const lks_shape image = {extent[1], extent[2], extent[3]};
  const lks_network_options options = {
      .batch_size = 12, .microbatch = 4, .epsilon = 1e-5, .momentum = 0.1, .seed = seed, .threads = 1};
  lks_assert_ok_all(comm,
                    lks_model_parse(&r->model, golden_text(r->g, "model"), "golden", image, CLASSES, false));
  lks_assert_ok_all(comm, lks_network_create_all(&r->network, r->model, comm, &options));
  lks_assert_ok_all(comm, lks_optimizer_create(&r->optimizer, &r->config, r->network));
}

static void destroy(run *r)
{
  lks_optimizer_destroy(&r->optimizer);
  lks_network_destroy_all(&r->network);
  lks_model_destroy(&r->model);
  golden_close(&r->g), golden_close(&r->initial), golden_close(&r->final);
}

static bool is_running(const lks_tensor *tensor)
{
  return tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR;
}

/** The tensors are PyTorch's after training, the moments those before it. */
static void take_from_pytorch(run *r)
{
  for (size_t t = 0; t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    lks_network_import(r->network, tensor, golden_floats(r->final, tensor->name));
    if (!is_running(tensor))
      lks_tensor_import(lks_optimizer_moment(r->optimizer, 0) + tensor->offset,
                        golden_floats(r->initial, tensor->name), tensor);
  }
  lks_network_batches_tracked_set(r->network, 10);
  lks_optimizer_steps_set(r->optimizer, 10);
}

/** Whether a data set of the file has the extents and the bits of golden numbers. */
static bool same_array(hid_t checkpoint, const char *group, const char *name, const run *r, const char *when)
{
  char where[256], theirs[64];
  hsize_t extent[GOLDEN_DIMENSIONS] = {1, 1, 1, 1};
  size_t wanted[GOLDEN_DIMENSIONS];
  static float values[TENSOR];
  snprintf(theirs, sizeof theirs, "%s/%s", r->name, when);
  golden *expected = golden_open(file, theirs);
  const size_t elements = golden_size(expected, name, wanted);
  snprintf(where, sizeof where, "%s/%s", group, name);
  const hid_t array = H5Dopen2(checkpoint, where, H5P_DEFAULT), space = H5Dget_space(array);
  H5Sget_simple_extent_dims(space, extent, NULL);
  bool same = elements <= TENSOR && H5Sget_simple_extent_npoints(space) == (hssize_t)elements &&
              H5Dread(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 &&
              memcmp(values, golden_floats(expected, name), elements * sizeof *values) == 0;
  for (int d = 0; d < GOLDEN_DIMENSIONS; d++) same = same && extent[d] == wanted[d];
  H5Sclose(space);
  H5Dclose(array);
  golden_close(&expected);
  return same;
}

/** Whether all is there, and (to show that the comparison can fail) no weights are those before training. */
static bool is_pytorchs(const run *r, const char *path)
{
  const hid_t checkpoint = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  bool ok = checkpoint >= 0;
  for (size_t t = 0; ok && t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    ok = same_array(checkpoint, "parameters", tensor->name, r, "final") &&
         !same_array(checkpoint, "parameters", tensor->name, r, "initial");
    if (!is_running(tensor))
      ok = ok && same_array(checkpoint, "optimizer/momentum", tensor->name, r, "initial");
  }
  H5Fclose(checkpoint);
  return ok;
}

static lks_status save(const run *r, const char *path)
{
  lks_checkpoint_header header = made_up_header();
  lks_snapshot snapshot;
  lks_status status = lks_snapshot_take(&snapshot, r->network, r->optimizer);
  if (status) return status;
  header.parameters = (int64_t)lks_network_parameter_count(r->network);
  status = made_up_save_as(path, &header, &snapshot);
  lks_snapshot_clear(&snapshot);
  return status;
}

static void check_run(lks_comm *comm, const char *name)
{
  char path[] = "/tmp/lockstep-golden-XXXXXX", here[33], there[33];
  run r, other;
  const int made = mkstemp(path);
  lks_assert_all(comm, made >= 0 && close(made) == 0);
  create(&r, comm, name, 1);
  create(&other, comm, name, 2);
  take_from_pytorch(&r);
  lks_assert_ok_all(comm, save(&r, path));
  lks_assert_all(comm, is_pytorchs(&r, path));
  lks_assert_ok_all(comm, lks_checkpoint_load_all(comm, path, other.network, other.optimizer));
  lks_assert_ok_all(comm, lks_fingerprint_all(here, comm, r.network, r.optimizer));
  lks_assert_ok_all(comm, lks_fingerprint_all(there, comm, other.network, other.optimizer));
  lks_assert_all(comm, strcmp(here, there) == 0);
  unlink(path);
  destroy(&r);
  destroy(&other);
}

static void test_convolutions(lks_comm *comm)
{
  check_run(comm, "sync");
}

static void test_image_into_dense(lks_comm *comm)
{
  check_run(comm, "mlp");
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_convolutions), LKS_MPI_TEST(test_image_into_dense)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
