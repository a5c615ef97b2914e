#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/small_network.h"

/* Values tapped on their way, and batch norms that are disturbed on purpose, against a network in double. */

static const double tolerance = 5e-5; /* as in test_network_values.c */

/* A relu and a sigmoid in place of a convolution's output, a relu that is part of a batch norm. */
static const char text[] = "conv 6 1x1\nbatchnorm\nrelu\ndropout 0.3\nconv 6 1x1\nsigmoid\n"
                           "conv 5 1x1\nrelu\ndense 24\nbatchnorm\nrelu\ndense classes\n";

typedef struct pair {
  subject all;
  naive_network *naive;
  lks_network_options options;
  size_t bound[BATCH + 2], groups;
} pair;

static void pair_create(pair *p, lks_comm *comm, const char *norm, double disturb, int threads)
{
  p->options = options(norm, threads);
  p->options.disturb = disturb;
  lks_assert_ok_all(comm, subject_create(&p->all, comm, text, &p->options));
  float *w = lks_network_parameters(p->all.network);
  for (size_t i = 0; i < lks_network_parameter_count(p->all.network); i++)
    w[i] += 0.1f * (float)sin((double)(3 * i)); /* no bias is 0, no gamma is 1 */
  lks_network_parameters_changed(p->all.network);
  p->naive = naive_network_create(p->all.model, p->all.network, BATCH);
  lks_assert_all(comm, p->naive != NULL);
}

static void pair_destroy(pair *p)
{
  naive_network_destroy(&p->naive);
  subject_destroy(&p->all);
}

static void naive_pass(pair *p, lks_pass kind, size_t total, uint32_t step, double disturb)
{
  const lks_network_options *o = &p->options;
  const bool train = kind == LKS_PASS_TRAIN;
  const size_t group = o->norm.kind == LKS_NORM_SIZE ? o->norm.size : total;
  p->groups = 0;
  for (size_t at = 0; at < total; at += group) p->bound[p->groups++] = at;
  p->bound[p->groups] = total;
  const naive_settings set = {.running = kind == LKS_PASS_RUNNING,
                              .bound = p->bound,
                              .groups = p->groups,
                              .dropout = train,
                              .flip = train && o->flip,
                              .crop = train ? o->crop : 0,
                              .epsilon = o->epsilon,
                              .momentum = o->momentum,
                              .smoothing = train ? o->smoothing : 0,
                              .disturb = train || kind == LKS_PASS_PROBE ? disturb : 0,
                              .seed = o->seed,
                              .step = step};
  const lks_batch batch = samples(0, total, total);
  naive_network_pass(p->naive, &batch, &input_scaling, &set);
}

static const struct {
  const char *layer;
  lks_tap_side side;
  size_t twin; /* the naive layer whose output it is; the input is number 0 */
} taps[] = {{"conv1", LKS_TAP_INPUT, 0}, {"bn1", LKS_TAP_INPUT, 1},     {"bn1", LKS_TAP_OUTPUT, 3},
            {"conv3", LKS_TAP_INPUT, 6}, {"conv3", LKS_TAP_OUTPUT, 7},  {"dense1", LKS_TAP_INPUT, 8},
            {"bn2", LKS_TAP_INPUT, 9},   {"dense2", LKS_TAP_INPUT, 11}, {"dense2", LKS_TAP_OUTPUT, 12}};
enum { TAPS = sizeof taps / sizeof *taps, MOST = HEIGHT * WIDTH * 6 };

static size_t elements_at(const subject *s, size_t tap, lks_status *status)
{
  lks_shape shape = {0};
  *status =
      lks_status_worse(*status, lks_network_tap_shape(&shape, s->network, taps[tap].layer, taps[tap].side));
  return shape.height * shape.width * shape.channels;
}

/* All at once, in each kind of pass, and none after the end. */
static void test_taps(lks_comm *comm)
{
  static const lks_pass kinds[] = {LKS_PASS_TRAIN, LKS_PASS_RUNNING, LKS_PASS_BATCH};
  static const size_t totals[] = {BATCH, 22, 3};
  pair p;
  lks_status status = LKS_OK;
  bool ok = true;
  pair_create(&p, comm, "5", 0, 2);
  float *values[TAPS];
  for (size_t t = 0; t < TAPS; t++) {
    values[t] = lks_new((size_t)BATCH * MOST, sizeof **values);
    status = lks_status_worse(status, lks_network_tap(p.all.network, taps[t].layer, taps[t].side, values[t]));
  }
  for (size_t k = 0; k < 3; k++) {
    lks_pass_result result;
    size_t first, count;
    naive_pass(&p, kinds[k], totals[k], 4, 0);
    status = lks_status_worse(status, pass(&p.all, &result, kinds[k], 0, totals[k], 4));
    lks_network_shard(p.all.network, totals[k], &first, &count);
    for (size_t t = 0; t < TAPS; t++) {
      const size_t elements = elements_at(&p.all, t, &status);
      const double *want = p.naive->layer[taps[t].twin].y + first * elements;
      ok = ok && (count == 0 || naive_distance(values[t], want, count * elements) <= tolerance);
    }
  }
  lks_network_taps_end(p.all.network);
  values[0][0] = 77;
  lks_pass_result result;
  status = lks_status_worse(status, pass(&p.all, &result, LKS_PASS_RUNNING, 0, BATCH, 0));
  ok = ok && values[0][0] == 77;
  const lks_status unknown = lks_network_tap(p.all.network, "relu1", LKS_TAP_INPUT, values[0]);
  for (size_t t = 0; t < TAPS; t++) lks_free(values[t]);
  pair_destroy(&p);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok && unknown == LKS_ERR_USAGE);
}

static double worst_gradient(const pair *p)
{
  double worst = 0;
  for (size_t t = 0; t < lks_network_tensors(p->all.network); t++) {
    const lks_tensor *tensor = lks_network_tensor(p->all.network, t);
    if (tensor->kind >= LKS_TENSOR_RUNNING_MEAN) continue;
    worst = fmax(worst, naive_distance(lks_network_gradients(p->all.network) + tensor->offset,
                                       p->naive->gradient + tensor->offset, tensor->elements));
  }
  return worst;
}

static double logits_off(const pair *p, size_t total)
{
  size_t first, count, classes = p->naive->classes;
  lks_network_shard(p->all.network, total, &first, &count);
  return count ? naive_distance(lks_network_logits(p->all.network), p->naive->logits + first * classes,
                                count * classes)
               : 0;
}

/* Losses and gradients; another step, another disturbance and none are something else; evaluation knows none. */
static void test_disturbed(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5"};
  for (size_t n = 0; n < 2; n++) {
    pair p;
    lks_pass_result result;
    pair_create(&p, comm, norms[n], 0.3, 1 + (int)n);
    lks_status status = pass(&p.all, &result, LKS_PASS_TRAIN, 0, BATCH, 3);
    naive_pass(&p, LKS_PASS_TRAIN, BATCH, 3, 0.3);
    bool ok = worst_gradient(&p) <= tolerance && logits_off(&p, BATCH) <= tolerance &&
              fabs(result.loss - p.naive->loss) <= tolerance * p.naive->loss;
    naive_pass(&p, LKS_PASS_TRAIN, BATCH, 3, 0);
    bool differs = worst_gradient(&p) > 100 * tolerance;
    naive_pass(&p, LKS_PASS_TRAIN, BATCH, 4, 0.3);
    differs = differs && worst_gradient(&p) > 100 * tolerance;
    status = lks_status_worse(status, pass(&p.all, &result, LKS_PASS_PROBE, 0, 22, 8));
    naive_pass(&p, LKS_PASS_PROBE, 22, 8, 0.3);
    ok = ok && logits_off(&p, 22) <= tolerance;
    status = lks_status_worse(status, pass(&p.all, &result, LKS_PASS_BATCH, 0, 22, 8));
    naive_pass(&p, LKS_PASS_BATCH, 22, 8, 0.3);
    ok = ok && logits_off(&p, 22) <= tolerance;
    status = lks_status_worse(status, pass(&p.all, &result, LKS_PASS_RUNNING, 0, 22, 8));
    naive_pass(&p, LKS_PASS_RUNNING, 22, 8, 0.3);
    ok = ok && logits_off(&p, 22) <= tolerance;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok && differs);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_taps), LKS_MPI_TEST(test_disturbed)};
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
