#include <math.h>
#include <string.h>

#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/naive_random.h"

/* Networks on features, whose mean and scale are of each feature, against a network in double. */

enum { FEATURES = 21, CLASSES = 4, BATCH = 26, MICROBATCH = 4 };

static const char text[] =
    "dense 16\nbatchnorm\nrelu\ndense 12\ndropout 0.2\ndense 9\nsigmoid\ndense classes\n";
static const lks_shape shape = {1, 1, FEATURES};

static float features[BATCH * FEATURES];
static double mean[FEATURES], scale[FEATURES];
static int32_t label[BATCH];
static uint32_t sample[BATCH];
static const lks_input_scaling scaling = {mean, scale};

/* As in test_network_values.c, over seven layers. */
static const double tolerance = 5e-5;

typedef struct pair {
  lks_model *model;
  lks_network *network;
  naive_network *naive;
  lks_network_options options;
} pair;

/* Between -1 and 1. */
static float draw(uint32_t number, uint32_t of)
{
  const naive_key key = {.seed = 3, .purpose = 5, .step = of};
  return (float)naive_random_below(key, number, 20001) / 10000 - 1;
}

static void make_features(void)
{
  for (uint32_t i = 0; i < BATCH * FEATURES; i++) features[i] = 3 * draw(i, 0);
  for (uint32_t i = 0; i < FEATURES; i++) {
    mean[i] = draw(i, 2);
    scale[i] = 1 + 0.5 * draw(i, 1);
  }
  for (uint32_t i = 0; i < BATCH; i++) {
    label[i] = (int32_t)(i * 7 % CLASSES);
    sample[i] = 5 * i;
  }
}

static void pair_create(pair *p, lks_comm *comm)
{
  *p = (pair){.options = {.batch_size = BATCH,
                          .microbatch = MICROBATCH,
                          .norm = {LKS_NORM_SIZE, 6},
                          .epsilon = 1e-5,
                          .momentum = 0.1,
                          .seed = 5,
                          .threads = 1}};
  make_features();
  lks_assert_ok_all(comm, lks_model_parse(&p->model, text, "test", shape, CLASSES, false));
  lks_assert_ok_all(comm, lks_network_create_all(&p->network, p->model, comm, &p->options));
  p->naive = naive_network_create(p->model, p->network, BATCH);
  lks_assert_all(comm, p->naive != NULL);
}

static void pair_destroy(pair *p)
{
  naive_network_destroy(&p->naive);
  lks_network_destroy_all(&p->network);
  lks_model_destroy(&p->model);
}

static lks_status network_pass(pair *p, lks_pass_result *result, size_t total)
{
  size_t first, count;
  lks_network_shard(p->network, total, &first, &count);
  const lks_batch batch = {count,         total,          NULL,   features + first * FEATURES,
                           label + first, sample + first, LKS_OK, NULL};
  return lks_network_pass_all(p->network, result, LKS_PASS_TRAIN, &batch, &scaling, 0, false);
}

/* A training pass over the first `total` samples, the naive one before it. */
static bool pass_agrees(lks_status *status, pair *p, size_t total)
{
  static const size_t begin[] = {0, 6, 12, 18, 24};
  size_t bound[6], groups = (total + 5) / 6;
  lks_pass_result result = {0};
  memcpy(bound, begin, groups * sizeof *bound);
  bound[groups] = total;
  const naive_settings set = {.bound = bound,
                              .groups = groups,
                              .dropout = true,
                              .epsilon = p->options.epsilon,
                              .momentum = p->options.momentum,
                              .seed = p->options.seed};
  const lks_batch batch = {total, total, NULL, features, label, sample, LKS_OK, NULL};
  naive_network_pass(p->naive, &batch, &scaling, &set);
  *status = lks_status_worse(*status, network_pass(p, &result, total));
  return fabs(result.loss - p->naive->loss) <= tolerance * p->naive->loss &&
         result.correct == p->naive->correct &&
         naive_distance(lks_network_gradients(p->network), p->naive->gradient,
                        lks_network_parameter_count(p->network)) <= tolerance &&
         naive_distance(lks_network_running(p->network), p->naive->updated,
                        lks_network_running_count(p->network)) <= tolerance;
}

static void test_training(lks_comm *comm)
{
  pair p;
  lks_status status = LKS_OK;
  pair_create(&p, comm);
  bool ok = pass_agrees(&status, &p, BATCH);
  ok = pass_agrees(&status, &p, 9) && ok;
  pair_destroy(&p);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* Values that are not finite end a pass, and none of them is left behind in the rows past the end of the
 * next, smaller mini-batch, where a gradient of 0 would not make up for them. */
static void test_nothing_is_left_of_a_diverged_pass(lks_comm *comm)
{
  for (int k = 0; k < 2; k++) {
    pair p;
    lks_pass_result result;
    lks_status status = LKS_OK;
    pair_create(&p, comm);
    for (size_t i = 0; i < BATCH * FEATURES; i++) features[i] = k == 0 ? NAN : INFINITY;
    const lks_status diverged = network_pass(&p, &result, BATCH);
    make_features();
    const bool ok = pass_agrees(&status, &p, 22) && pass_agrees(&status, &p, BATCH);
    const bool told = diverged == LKS_ERR_DIVERGED && lks_network_batches_tracked(p.network) == 2;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok && told);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_training),
                                       LKS_MPI_TEST(test_nothing_is_left_of_a_diverged_pass)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
