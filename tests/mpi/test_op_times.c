#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "model/op_times.h"
#include "support/mpi_test.h"
#include "train/setup.h"

enum { BATCH = 32, SIDE = 8, CLASSES = 3, THREADS = 2 };

static lks_status create_setup_all(lks_setup **setup, lks_comm *comm)
{
  const double mean = 0.5, std = 0.25;
  char *text = NULL;
  lks_config config;
  lks_config_default(&config);
  snprintf(config.data, sizeof config.data, "made here");
  config.batch_size = BATCH;
  config.threads = THREADS;
  lks_status status = lks_config_check(&config);
  if (!status) status = lks_model_text_all(&text, comm, "cnn");
  const lks_setup_input input = {text, "cnn", {SIDE, SIDE, 1}, CLASSES, false, &mean, &std};
  if (!status) status = lks_setup_create_all(setup, comm, &config, &input);
  lks_free(text);
  return status;
}

static lks_status train_all(lks_setup *setup)
{
  static uint8_t pixels[BATCH * SIDE * SIDE];
  static int32_t label[BATCH];
  static uint32_t sample[BATCH];
  lks_pass_result result;
  size_t first, count;
  lks_network_shard(setup->network, BATCH, &first, &count);
  for (size_t i = 0; i < count; i++) {
    label[i] = (int32_t)(first + i) % CLASSES;
    sample[i] = (uint32_t)(first + i);
    for (size_t p = 0; p < SIDE * SIDE; p++)
      pixels[i * SIDE * SIDE + p] = (uint8_t)((first + i) * 71 + p * p * 13);
  }
  const lks_batch batch = {
      .samples = count, .total = BATCH, .pixels = pixels, .label = label, .sample = sample};
  return lks_network_pass_all(setup->network, &result, LKS_PASS_TRAIN, &batch, &setup->scaling, 0, false);
}

/* Where a rank with samples should have found time; the others find none. Operator 0 is the input. */
static bool plausible(const lks_op_times *times, const lks_network *network)
{
  const lks_stages *stages = lks_network_stages(network);
  size_t first, count;
  lks_network_shard(network, BATCH, &first, &count);
  if (!times) return false;
  bool ok = times->ops == stages->ops && times->threads == THREADS;
  for (int o = 1; o < stages->ops; o++) {
    bool linear = stages->op[o].kind == LKS_OP_LINEAR, norm = stages->op[o].kind == LKS_OP_NORM;
    const bool expected[LKS_WORKS] = {[LKS_WORK_FORWARD] = true,
                                      [LKS_WORK_SUMS] = norm,
                                      [LKS_WORK_BACKWARD] = true,
                                      [LKS_WORK_DX] = norm,
                                      [LKS_WORK_WEIGHTS] = linear};
    for (int w = 0; w < LKS_WORKS; w++)
      ok = ok && (lks_op_times_seconds(times, o, (lks_work)w) > 0) == (count > 0 && expected[w]);
  }
  return ok;
}

static void test_time_is_booked_and_bits_stay(lks_comm *comm)
{
  lks_setup *setup = NULL;
  lks_op_times *times = NULL;
  lks_assert_ok_all(comm, create_setup_all(&setup, comm));
  lks_assert_ok_all(comm, train_all(setup));
  size_t bytes = lks_network_parameter_count(setup->network) * sizeof(float);
  float *expected = lks_new(1, bytes);
  if (expected) memcpy(expected, lks_network_gradients(setup->network), bytes);
  lks_assert_all(comm, expected != NULL);
  lks_assert_ok_all(comm, lks_op_times_create(&times, setup->network));

  lks_network_op_times(setup->network, times);
  lks_assert_ok_all(comm, train_all(setup));
  lks_assert_all(comm, plausible(times, setup->network));
  lks_assert_all(comm, expected && !memcmp(expected, lks_network_gradients(setup->network), bytes));

  double before = lks_op_times_seconds(times, 1, LKS_WORK_FORWARD);
  lks_network_op_times(setup->network, NULL);
  lks_assert_ok_all(comm, train_all(setup));
  lks_assert_all(comm, lks_op_times_seconds(times, 1, LKS_WORK_FORWARD) == before);

  lks_free(expected);
  lks_op_times_destroy(&times);
  lks_setup_destroy_all(&setup);
}

/* Every kind of work of every layer, on any thread, also where there are no samples. */
static void test_linear_alone(lks_comm *comm)
{
  lks_setup *setup = NULL;
  lks_assert_ok_all(comm, create_setup_all(&setup, comm));
  lks_assert_ok_all(comm, train_all(setup));
  const lks_stages *stages = lks_network_stages(setup->network);
  lks_status status = LKS_OK;
  for (int o = 0; o < stages->ops && !status; o++) {
    if (stages->op[o].kind != LKS_OP_LINEAR) continue;
    status = lks_network_linear_alone(setup->network, o, LKS_WORK_FORWARD, 0, 0);
    if (!status && stages->op[o].dx >= 0)
      status = lks_network_linear_alone(setup->network, o, LKS_WORK_BACKWARD, 0, 0);
    if (!status) status = lks_network_linear_alone(setup->network, o, LKS_WORK_WEIGHTS, 0, THREADS - 1);
  }
  lks_assert_ok_all(comm, status);
  lks_setup_destroy_all(&setup);
}

static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_time_is_booked_and_bits_stay),
                                     LKS_MPI_TEST(test_linear_alone)};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
