/* Ten training steps of whole networks against PyTorch in float64: forward, loss, backward, batch norm with
 * its running statistics, and the optimizer; sync, ghost groups of 5 in 12 samples, and an image that enters
 * a dense layer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/network.h"
#include "lockstep/optimizer.h"
#include "support/golden.h"
#include "support/mpi_test.h"

static const char file[] = LKS_TEST_SOURCE_DIR "/tests/golden/steps.h5";

/* Sums of n products in fp32 err by some sqrt(n) u (Higham & Mary 2019), u = 2^-24, in each of at most 7
 * layers. A loss passes each once, with n <= 72 products: 7 * 8.5 u = 3.5e-6, relative to itself. A gradient
 * passes each twice, and its longest sum is over 12 samples of 64 pixels, n = 768: 14 * 28 u = 2.3e-5, and
 * ten times that after ten steps; as a distance from PyTorch's result, relative to how far training moved the
 * tensor. Rounding the parameters themselves in ten steps adds less: 10 u of numbers near 1 that moved by
 * 0.03. */
static const double loss_tolerance = 3.5e-6, tolerance = 2.3e-4;

enum { STEPS = 10, BATCHES = 3, BATCH = 12, CLASSES = 10, TENSOR = 1024 };

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    if ((call) != LKS_OK) fail_msg("%s", lks_message());                                                     \
  } while (0)

typedef struct run {
  golden *g, *initial, *final;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
  lks_shape image;
} run;

static void open_golden(run *r, const char *name)
{
  char group[64];
  *r = (run){.g = golden_open(file, name)};
  snprintf(group, sizeof group, "%s/initial", name);
  r->initial = golden_open(file, group);
  snprintf(group, sizeof group, "%s/final", name);
  r->final = golden_open(file, group);
  size_t extent[GOLDEN_DIMENSIONS];
  golden_size(r->g, "pixels", extent);
  assert_int_equal(extent[0], BATCHES * BATCH);
  r->image = (lks_shape){extent[1], extent[2], extent[3]};
}

static void create_network(run *r, lks_comm *comm, const char *norm, size_t microbatch, int threads)
{
  lks_norm groups;
  CHECK(lks_norm_parse(&groups, norm));
  lks_network_options options = {.batch_size = BATCH,
                                 .microbatch = microbatch,
                                 .norm = groups,
                                 .epsilon = golden_number(r->g, "norm_epsilon"),
                                 .momentum = golden_number(r->g, "norm_momentum"),
                                 .smoothing = golden_number(r->g, "smoothing"),
                                 .seed = 1,
                                 .threads = threads};
  CHECK(lks_model_parse(&r->model, golden_text(r->g, "model"), "golden", r->image, CLASSES, false));
  CHECK(lks_network_create_all(&r->network, r->model, comm, &options));
  lks_config config;
  lks_config_default(&config);
  config.momentum = golden_number(r->g, "momentum");
  config.weight_decay = golden_number(r->g, "weight_decay");
  config.threads = (size_t)threads;
  CHECK(lks_optimizer_create(&r->optimizer, &config, r->network));
  for (size_t t = 0; t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    assert_int_equal(golden_size(r->initial, tensor->name, NULL), tensor->elements);
    lks_network_import(r->network, tensor, golden_floats(r->initial, tensor->name));
  }
  lks_network_parameters_changed(r->network);
}

static void run_close(run *r)
{
  lks_optimizer_destroy(&r->optimizer);
  lks_network_destroy_all(&r->network);
  lks_model_destroy(&r->model);
  golden_close(&r->g), golden_close(&r->initial), golden_close(&r->final);
}

/* loss [STEPS] out. */
static void train(run *r, double *loss)
{
  double center[4], scale[4];
  uint32_t sample[BATCH];
  const double *mean = golden_doubles(r->g, "mean"), *std = golden_doubles(r->g, "std");
  for (size_t c = 0; c < r->image.channels; c++) {
    center[c] = 255 * mean[c];
    scale[c] = 1 / (255 * std[c]);
  }
  for (uint32_t i = 0; i < BATCH; i++) sample[i] = i;
  const lks_input_scaling scaling = {center, scale};
  const uint8_t *pixels = golden_bytes(r->g, "pixels");
  const int32_t *label = golden_ints(r->g, "label");
  for (uint32_t s = 0; s < STEPS; s++) {
    size_t first = (size_t)(s % BATCHES) * BATCH;
    const lks_batch batch = {.samples = BATCH,
                             .total = BATCH,
                             .pixels = pixels + first * r->image.height * r->image.width * r->image.channels,
                             .label = label + first,
                             .sample = sample};
    lks_pass_result result;
    CHECK(lks_network_pass_all(r->network, &result, LKS_PASS_TRAIN, &batch, &scaling, s, false));
    loss[s] = result.loss / BATCH;
    lks_optimizer_step(r->optimizer, golden_number(r->g, "lr"));
  }
}

/* The largest distance of a tensor from PyTorch's, relative to how far training moved it. */
static double distance(run *r)
{
  static float got[TENSOR];
  double worst = 0;
  for (size_t t = 0; t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    assert_true(tensor->elements <= TENSOR);
    lks_network_export(got, r->network, tensor);
    const double *want = golden_doubles(r->final, tensor->name),
                 *old = golden_doubles(r->initial, tensor->name);
    double error = 0, moved = 0;
    for (size_t i = 0; i < tensor->elements; i++) {
      error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
      moved += (want[i] - old[i]) * (want[i] - old[i]);
    }
    worst = fmax(worst, sqrt(error / moved));
  }
  return worst;
}

static void check_run(lks_comm *comm, const char *name, size_t microbatch, int threads)
{
  run r;
  open_golden(&r, name);
  create_network(&r, comm, golden_text(r.g, "norm"), microbatch, threads);
  double loss[STEPS], worst_loss = 0;
  const double *want = golden_doubles(r.g, "loss");
  train(&r, loss);
  for (int s = 0; s < STEPS; s++) worst_loss = fmax(worst_loss, fabs(loss[s] - want[s]) / want[s]);
  double worst = distance(&r);
  print_message("%s, microbatch %zu, %d threads: losses within %.1e, tensors within %.1e\n", name, microbatch,
                threads, worst_loss, worst);
  assert_true(worst_loss <= loss_tolerance);
  assert_true(worst <= tolerance);
  assert_int_equal(lks_network_batches_tracked(r.network), STEPS);
  run_close(&r);
}

static void test_sync(lks_comm *comm)
{
  check_run(comm, "sync", 4, 1);
  check_run(comm, "sync", 5, 2);
}

static void test_ghost_groups(lks_comm *comm)
{
  check_run(comm, "ghost_5", 4, 1);
  check_run(comm, "ghost_5", 12, 1);
}

static void test_image_into_dense(lks_comm *comm)
{
  check_run(comm, "mlp", 8, 1);
}

/* The comparison can fail: other groups, are seen. */
static void test_other_settings_differ(lks_comm *comm)
{
  run r;
  double loss[STEPS];
  open_golden(&r, "ghost_5");
  create_network(&r, comm, "sync", 4, 1);
  train(&r, loss);
  assert_true(distance(&r) > 100 * tolerance);
  run_close(&r);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_sync), LKS_MPI_TEST(test_ghost_groups),
                                       LKS_MPI_TEST(test_image_into_dense),
                                       LKS_MPI_TEST(test_other_settings_differ)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
