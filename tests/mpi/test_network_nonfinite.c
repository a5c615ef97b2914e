#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lockstep/network.h"
#include "support/mpi_test.h"

/* Where a gradient first is not finite, or too large to be summed, on the way down. Weights of 0 below make every value of the
 * way up 0, so that each gradient of the way down can be told by hand: with logits of 0 and K classes a label y gives
 * (1/K - [j = y]) / BATCH for logit j. Row HERE of the last layer is `top`, row NEVER, a label that no sample has, is -top:
 * the first layer from above gives samples of label HERE -top / BATCH, and all others exactly 0. */

enum { CLASSES = 7, HERE = 4, NEVER = 5, WIDTH = 4, BATCH = 37, MICROBATCH = 4, PLACES = 3 };

static const char one_norm[] = "dense 3 name=low\nbatchnorm name=lower\ndense 4 name=middle\n"
                               "dense classes name=top\n",
                  two_norms[] = "dense 3 name=low\nbatchnorm name=lower\ndense 4 name=middle\n"
                                "batchnorm name=upper\ndense classes name=top\n";

/* What is not 0: top, the weights of `middle`, and gamma of `upper`. */
typedef struct weights {
  float top, middle, gamma;
} weights;

typedef struct subject {
  lks_model *model;
  lks_network *network;
} subject;

static lks_status create(subject *s, lks_comm *comm, const char *text, int threads)
{
  const lks_network_options options = {.batch_size = BATCH,
                                       .microbatch = MICROBATCH,
                                       .norm = {.kind = LKS_NORM_SYNC},
                                       .epsilon = 1e-5,
                                       .momentum = 0.1,
                                       .threads = threads};
  *s = (subject){0};
  lks_status status = lks_model_parse(&s->model, text, "test", (lks_shape){1, 1, 2}, CLASSES, false);
  return status ? status : lks_network_create_all(&s->network, s->model, comm, &options);
}

static void destroy(subject *s)
{
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
}

static void fill(lks_network *network, const char *name, float value)
{
  float values[CLASSES * WIDTH];
  const lks_tensor *tensor = lks_network_find(network, name);
  if (!tensor) return; /* a network with one norm has no `upper` */
  for (size_t i = 0; i < tensor->elements; i++) values[i] = value;
  lks_network_import(network, tensor, values);
}

static void set(lks_network *network, const weights *w)
{
  float top[CLASSES][WIDTH] = {{0}};
  memset(lks_network_parameters(network), 0, lks_network_parameter_count(network) * sizeof(float));
  for (int i = 0; i < WIDTH; i++) top[HERE][i] = w->top, top[NEVER][i] = -w->top;
  lks_network_import(network, lks_network_find(network, "top.weight"), top[0]);
  fill(network, "middle.weight", w->middle);
  fill(network, "lower.weight", 1);
  fill(network, "upper.weight", w->gamma);
  lks_network_parameters_changed(network);
}

/* here: the first sample with label HERE, and with `all`, so are those behind it. Sample i has the number 3 i + 100. */
static lks_status pass_all(subject *s, int here, bool all)
{
  static const uint8_t pixels[BATCH * 2];
  static const double mean[2] = {0, 0}, scale[2] = {1, 1};
  const lks_input_scaling scaling = {mean, scale};
  int32_t label[BATCH];
  uint32_t sample[BATCH];
  size_t begin, count;
  lks_pass_result result;
  for (int i = 0; i < BATCH; i++) {
    label[i] = i == here || (all && i > here) ? HERE : i % HERE;
    sample[i] = (uint32_t)(3 * i + 100);
  }
  lks_network_shard(s->network, BATCH, &begin, &count);
  const lks_batch batch = {.samples = count,
                           .total = BATCH,
                           .pixels = pixels + 2 * begin,
                           .label = label + begin,
                           .sample = sample + begin};
  return lks_network_pass_all(s->network, &result, LKS_PASS_TRAIN, &batch, &scaling, 0, 0);
}

/* Whether the message says so, behind "step 0: " and the rank that found it. */
static bool says(lks_status status, const char *expected)
{
  const bool ok = status == LKS_ERR_DIVERGED && strstr(lks_message(), expected);
  if (!ok) fprintf(stderr, "status %d, '%s' instead of '%s'\n", (int)status, lks_message(), expected);
  return ok;
}

/* Behind a failure as well, the same weights but for smaller ones are trained. */
static bool works(subject *s, const weights *w, int here)
{
  set(s->network, w);
  const lks_status status = pass_all(s, here, false);
  if (status) fprintf(stderr, "status %d, '%s'\n", (int)status, lks_message());
  return status == LKS_OK;
}

/* Of each rank, at 3 of them, some are of the place. format: with the sample's number. */
static void expect_sample_all(lks_comm *comm, const char *text, const weights *bad, const weights *good,
                              const char *format)
{
  static const int place[PLACES] = {1, 18, BATCH - 1};
  for (int threads = 1; threads <= 2; threads++) {
    subject s;
    char expected[200];
    bool ok = true;
    lks_assert_ok_all(comm, create(&s, comm, text, threads));
    for (int p = 0; p < PLACES; p++) {
      set(s.network, bad);
      snprintf(expected, sizeof expected, "%s, sample %d:", format, 3 * place[p] + 100);
      ok = says(pass_all(&s, place[p], true), expected) && ok;
      ok = works(&s, good, place[p]) && ok;
    }
    destroy(&s);
    lks_assert_all(comm, ok);
  }
}

/* WIDTH middle top / BATCH: 2^162 / 37 is no float, and 2^72 / 37 is one that can be summed. */
static void test_layer(lks_comm *comm)
{
  const weights bad = {.top = 0x1p60f, .middle = 0x1p100f}, good = {.top = 0x1p60f, .middle = 0x1p10f};
  expect_sample_all(comm, one_norm, &bad, &good,
                    "a value is not finite, first inf in the gradient that comes out of middle");
}

/* 2^90 / 37 = 3.34578e25 is finite, and above 2^80 = 1.2e24. */
static void test_too_large(lks_comm *comm)
{
  const weights bad = {.top = 0x1p60f, .middle = 0x1p28f}, good = {.top = 0x1p60f, .middle = 0x1p17f};
  expect_sample_all(
      comm, one_norm, &bad, &good,
      "a value is too large to be summed, first 3.34578e+25 in the gradient that comes out of middle");
}

/* A batch norm of equal values has dx = gamma / sqrt(epsilon) (dy - mean(dy)): with top / BATCH = 2^70 and m of 37 samples that
 * have it, 37 - m parts of 37 go to each of them and m parts, of the other sign, to each of the others. */
static void test_norm(lks_comm *comm)
{
  const double unit = sqrt(1e-5) / 0x1p70 * FLT_MAX; /* the gamma that makes 2^70 the largest float */
  static const int place[PLACES] = {1, 18, BATCH - 1};
  const weights bad = {.top = 0x1p70f * BATCH, .gamma = (float)(3 * unit)},
                good = {.top = 0x1p70f * BATCH, .gamma = (float)(0.5 * unit)};
  for (int p = 0; p < PLACES; p++) {
    subject s;
    char expected[200];
    lks_assert_ok_all(comm, create(&s, comm, two_norms, 1 + p % 2));
    set(s.network, &bad);
    snprintf(expected, sizeof expected,
             "not finite, first inf in the gradient that comes out of upper, sample %d:", 3 * place[p] + 100);
    bool ok = says(pass_all(&s, place[p], false), expected);
    ok = works(&s, &good, place[p]) && ok;
    destroy(&s);
    lks_assert_all(comm, ok);
  }
}

/* 2^83.9 / 37 can be summed, which is below 2^79, and 4 samples of it are too much: each is as much to blame. Their sum is the
 * gradient of beta; that of gamma is 0, for x_hat is. */
static void test_sum(lks_comm *comm)
{
  static const char on_input[] = "batchnorm name=lower\ndense 4 name=middle\ndense classes name=top\n";
  const weights bad = {.top = 0x1p60f, .middle = 0x1.dp21f};
  for (int first = 0; first < 2; first++) { /* whether no gradient comes out of the batch norm */
    subject s;
    lks_assert_ok_all(comm, create(&s, comm, first ? on_input : one_norm, 1));
    set(s.network, &bad);
    bool ok = says(pass_all(&s, 0, true),
                   first ? " not finite, first nan in the gradient of lower.bias: the network"
                         : " in the gradient that comes out of lower: the network");
    ok = works(&s, &bad, BATCH - 1) && ok; /* one sample of it can be summed */
    destroy(&s);
    lks_assert_all(comm, ok);
  }
}

/* The inputs of `middle` are 2^100 each, by the bias of `low`, and what comes down to it is top / BATCH: of as many samples that have
 * it, 2^160 / 37 each, the gradient of its weights is the only thing that is not finite, and nothing is updated by it. */
static void test_weight_gradient(lks_comm *comm)
{
  static const char plain[] = "dense 3 name=low\ndense 4 name=middle\ndense classes name=top\n";
  for (int threads = 1; threads <= 2; threads++) {
    subject s;
    const weights w = {.top = 0x1p60f};
    lks_assert_ok_all(comm, create(&s, comm, plain, threads));
    bool ok = true;
    for (int p = 0; p < 2; p++) {
      set(s.network, &w);
      fill(s.network, "low.bias", 0x1p100f);
      lks_network_parameters_changed(s.network);
      ok = says(pass_all(&s, p ? BATCH - 1 : 0, false), "a value is not finite, first ") && ok;
      ok = says(LKS_ERR_DIVERGED, " in the gradient of middle.weight: the network has diverged") && ok;
      set(s.network, &w);
      fill(s.network, "low.bias", 0x1p60f);
      lks_network_parameters_changed(s.network);
      ok = pass_all(&s, p ? BATCH - 1 : 0, false) == LKS_OK && ok;
    }
    destroy(&s);
    lks_assert_all(comm, ok);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_layer), LKS_MPI_TEST(test_too_large),
                                       LKS_MPI_TEST(test_norm), LKS_MPI_TEST(test_sum),
                                       LKS_MPI_TEST(test_weight_gradient)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
