/* Networks of the layers that model texts have, forwards and backwards, against PyTorch in float64: activations, settings
 * of batch norm, grouped and dilated convolutions, nested and repeated blocks, layer norm and group norm. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/network.h"
#include "support/golden.h"
#include "support/mpi_test.h"

static const char file[] = LKS_TEST_SOURCE_DIR "/tests/golden/layers.h5";

/* Sums of n products in fp32 err by some sqrt(n) u (Higham & Mary 2019), u = 2^-24, in each of at most 9 layers, forwards
 * and backwards, n <= 11 * 72 samples and pixels: 18 * 28 u = 3e-5. */
static const double tolerance = 3e-5;

enum { SAMPLES = 11, CLASSES = 5, TENSOR = 4096 };

#define CHECK(call)                                                                                          \
  do {                                                                                                       \
    if ((call) != LKS_OK) fail_msg("%s", lks_message());                                                     \
  } while (0)

typedef struct run {
  golden *g, *initial, *gradient, *running;
  lks_model *model;
  lks_network *network;
  lks_shape image;
} run;

static golden *part(const char *name, const char *of)
{
  char group[64];
  snprintf(group, sizeof group, "%s/%s", name, of);
  return golden_open(file, group);
}

static void run_open(run *r, lks_comm *comm, const char *name, lks_norm_layers layers, size_t microbatch,
                     bool running)
{
  *r = (run){
      .g = golden_open(file, name), .initial = part(name, "initial"), .gradient = part(name, "gradient")};
  if (running) r->running = part(name, "running");
  size_t extent[GOLDEN_DIMENSIONS];
  golden_size(r->g, "pixels", extent);
  assert_int_equal(extent[0], SAMPLES);
  r->image = (lks_shape){extent[1], extent[2], extent[3]};
  const lks_network_options options = {.batch_size = SAMPLES,
                                       .microbatch = microbatch,
                                       .norm = {LKS_NORM_SYNC, 0},
                                       .epsilon = 1e-5,
                                       .momentum = 0.1,
                                       .seed = 1,
                                       .threads = 1};
  CHECK(lks_model_parse_as(&r->model, golden_text(r->g, "model"), name, r->image, CLASSES, layers));
  CHECK(lks_network_create_all(&r->network, r->model, comm, &options));
  for (size_t t = 0; t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    if (tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR) continue;
    assert_int_equal(golden_size(r->initial, tensor->name, NULL), tensor->elements);
    lks_network_import(r->network, tensor, golden_floats(r->initial, tensor->name));
  }
}

static void run_close(run *r)
{
  lks_network_destroy_all(&r->network);
  lks_model_destroy(&r->model);
  golden_close(&r->g), golden_close(&r->initial), golden_close(&r->gradient);
  if (r->running) golden_close(&r->running);
}

static void pass(run *r, lks_pass_result *result)
{
  double center[4], scale[4];
  uint32_t sample[SAMPLES];
  const double *mean = golden_doubles(r->g, "mean"), *std = golden_doubles(r->g, "std");
  for (size_t c = 0; c < r->image.channels; c++) {
    center[c] = 255 * mean[c];
    scale[c] = 1 / (255 * std[c]);
  }
  for (uint32_t i = 0; i < SAMPLES; i++) sample[i] = i;
  const lks_input_scaling scaling = {center, scale};
  const lks_batch batch = {.samples = SAMPLES,
                           .total = SAMPLES,
                           .pixels = golden_bytes(r->g, "pixels"),
                           .label = golden_ints(r->g, "label"),
                           .sample = sample};
  CHECK(lks_network_pass_all(r->network, result, LKS_PASS_TRAIN, &batch, &scaling, 0, false));
}

static double distance_of(const float *got, const double *want, size_t count)
{
  double error = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
    size += want[i] * want[i];
  }
  return sqrt(error / size);
}

/* The largest distance of a gradient, and of the running statistics. */
static double distance(const run *r)
{
  static float got[TENSOR];
  double worst = 0;
  for (size_t t = 0; t < lks_network_tensors(r->network); t++) {
    const lks_tensor *tensor = lks_network_tensor(r->network, t);
    const bool running = tensor->kind == LKS_TENSOR_RUNNING_MEAN || tensor->kind == LKS_TENSOR_RUNNING_VAR;
    assert_true(tensor->elements <= TENSOR);
    if (running)
      lks_network_export(got, r->network, tensor);
    else
      lks_tensor_export(got, lks_network_gradients(r->network) + tensor->offset, tensor);
    if (running && !r->running) continue;
    const double *want = golden_doubles(running ? r->running : r->gradient, tensor->name);
    worst = fmax(worst, distance_of(got, want, tensor->elements));
  }
  return worst;
}

static void check(lks_comm *comm, const char *name, lks_norm_layers layers, bool running)
{
  for (size_t microbatch = 4; microbatch <= 11; microbatch += 7) {
    run r;
    lks_pass_result result;
    run_open(&r, comm, name, layers, microbatch, running);
    pass(&r, &result);
    const double want = golden_doubles(r.g, "loss")[0], loss = fabs(result.loss / SAMPLES - want) / want;
    const double logits =
        distance_of(lks_network_logits(r.network), golden_doubles(r.g, "logits"), SAMPLES * CLASSES);
    const double worst = distance(&r);
    print_message("%s, microbatch %zu: loss within %.1e, logits %.1e, gradients %.1e\n", name, microbatch,
                  loss, logits, worst);
    assert_true(loss <= tolerance && logits <= tolerance && worst <= tolerance);
    run_close(&r);
  }
}

static const lks_norm_layers as_written = {LKS_NORM_LAYERS_BATCH, 0}, two_groups = {LKS_NORM_LAYERS_GROUP, 2};

static void test_activations(lks_comm *comm)
{
  check(comm, "activations", as_written, true);
}

static void test_convolutions_and_blocks(lks_comm *comm)
{
  check(comm, "convolutions", as_written, true);
}

static void test_layer_and_group_norm(lks_comm *comm)
{
  check(comm, "norms", as_written, false);
}

static void test_group_norm_in_the_place_of_batch_norm(lks_comm *comm)
{
  check(comm, "replaced", two_groups, false);
}

/* The comparison can fail: batch norm, layer norm and another number of groups are seen. */
static void test_other_norms_differ(lks_comm *comm)
{
  static const lks_norm_layers others[] = {
      {LKS_NORM_LAYERS_BATCH, 0}, {LKS_NORM_LAYERS_LAYER, 0}, {LKS_NORM_LAYERS_GROUP, 4}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    run r;
    lks_pass_result result;
    run_open(&r, comm, "replaced", others[i], 4, false);
    pass(&r, &result);
    assert_true(distance(&r) > 100 * tolerance);
    run_close(&r);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_activations),          LKS_MPI_TEST(test_convolutions_and_blocks),
      LKS_MPI_TEST(test_layer_and_group_norm), LKS_MPI_TEST(test_group_norm_in_the_place_of_batch_norm),
      LKS_MPI_TEST(test_other_norms_differ),
  };
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
