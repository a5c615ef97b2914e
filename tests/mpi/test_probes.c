#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/optimizer.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "train/probe.h"
#include "train/probe_tables.h"

/* What the probes write of one step, against a network in double that every rank works out alone. The naive network reads
 * parameters from the network, so it is asked at each set of parameters in turn. */

static const char text[] =
    "dense 14\nbatchnorm\nrelu\ndense 11\nbatchnorm\nrelu\ndense 9\nbatchnorm\nrelu\ndense classes\n";

enum {
  TRAIN = 37,
  PROBES = 60,
  UNITS = 11,
  CLASSES = 10,
  SEEN = 6 /* naive layer whose output dense3 takes */
};
static const float lr = 0.05f;

typedef struct scene {
  lks_config config;
  lks_dataset *dataset;
  lks_setup *setup;
  lks_run_tables *tables;
  lks_probes *probes;
  naive_network *naive;
  uint8_t *pixels; /* of all samples of a mini-batch */
  lks_selection *selection;
} scene;

static void create(scene *s, lks_comm *comm)
{
  *s = (scene){0};
  lks_config_default(&s->config);
  snprintf(s->config.data, sizeof s->config.data, "%s/data/digits.h5", LKS_TEST_SOURCE_DIR);
  s->config.batch_size = TRAIN;
  s->config.microbatch = 4;
  s->config.threads = 1;
  s->config.probe_samples = PROBES;
  s->config.probes = LKS_PROBE_ACTIVATIONS | LKS_PROBE_DRIFT | LKS_PROBE_GRADIENTS | LKS_PROBE_LANDSCAPE;
  lks_test_folder_all(comm, s->config.output);
  lks_assert_ok_all(comm, lks_dataset_open_all(&s->dataset, comm, s->config.data, NULL));
  const lks_setup_input input = {text,
                                 "test",
                                 lks_dataset_shape(s->dataset),
                                 CLASSES,
                                 false,
                                 lks_dataset_mean(s->dataset),
                                 lks_dataset_std(s->dataset)};
  lks_assert_ok_all(comm, lks_setup_create_all(&s->setup, comm, &s->config, &input));
  lks_assert_ok_all(comm, lks_run_tables_create(&s->tables, s->config.output));
  lks_assert_ok_all(
      comm, lks_probes_create_all(&s->probes, comm, &s->config, s->setup, s->dataset, 1437, s->tables));
  lks_status status = lks_probe_choose(&s->selection, s->dataset, &s->config, PROBES);
  s->naive = naive_network_create(s->setup->model, s->setup->network, TRAIN);
  s->pixels = lks_new((size_t)TRAIN * 64, 1);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, s->naive && s->pixels);
}

static void destroy(scene *s, lks_comm *comm)
{
  lks_test_folder_remove_all(comm, s->config.output);
  naive_network_destroy(&s->naive);
  lks_probes_destroy(&s->probes);
  lks_run_tables_destroy(&s->tables);
  lks_selection_destroy(&s->selection);
  lks_setup_destroy_all(&s->setup);
  lks_dataset_close_all(&s->dataset);
  lks_free(s->pixels);
}

/* All samples of a mini-batch, on every rank. */
static lks_batch whole(scene *s, int32_t label[TRAIN], const uint32_t *sample, size_t total)
{
  const lks_samples split = lks_dataset_split(s->dataset, LKS_SPLIT_TRAIN);
  for (size_t i = 0; i < total; i++) {
    memcpy(s->pixels + 64 * i, split.pixels + (size_t)64 * sample[i], 64);
    label[i] = split.label[sample[i]];
  }
  return (lks_batch){total, total, s->pixels, NULL, label, sample, LKS_OK, NULL};
}

static void naive_pass(scene *s, const uint32_t *sample, size_t total)
{
  const size_t bound[] = {0, total};
  int32_t label[TRAIN];
  const naive_settings set = {.bound = bound, .groups = 1, .epsilon = 1e-5, .momentum = 0.1, .seed = 1};
  const lks_batch batch = whole(s, label, sample, total);
  naive_network_pass(s->naive, &batch, &s->setup->scaling, &set);
}

/* What dense3 sees of the probe samples, in their mini-batches. */
static void naive_seen(double seen[PROBES][UNITS], scene *s)
{
  for (size_t begin = 0; begin < PROBES; begin += TRAIN) {
    const size_t total = PROBES - begin < TRAIN ? PROBES - begin : TRAIN;
    naive_pass(s, s->selection->train + begin, total);
    memcpy(seen[begin], s->naive->layer[SEEN].y, total * UNITS * sizeof(double));
  }
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static lks_activation_row naive_row(double seen[PROBES][UNITS], size_t unit)
{
  double column[PROBES], sum = 0, square = 0;
  for (size_t i = 0; i < PROBES; i++) sum += column[i] = seen[i][unit];
  for (size_t i = 0; i < PROBES; i++) square += (column[i] - sum / PROBES) * (column[i] - sum / PROBES);
  qsort(column, PROBES, sizeof *column, by_value);
  /* of 59 ways between values: 8.85, 29.5, 50.15 */
  return (lks_activation_row){.unit = (double)unit,
                              .mean = sum / PROBES,
                              .std = sqrt(square / PROBES),
                              .p15 = 0.15 * column[8] + 0.85 * column[9],
                              .p50 = 0.5 * column[29] + 0.5 * column[30],
                              .p85 = 0.85 * column[50] + 0.15 * column[51]};
}

static bool near(double got, double want, double tolerance)
{
  return fabs(got - want) <= tolerance;
}

static bool activations_agree(const lks_activation_row *row, double seen[PROBES][UNITS])
{
  double mean = 0, p85 = 0;
  bool ok = row[UNITS].unit == -1;
  for (size_t u = 0; u < UNITS; u++) {
    const lks_activation_row want = naive_row(seen, u);
    ok = ok && row[u].unit == want.unit && near(row[u].mean, want.mean, 1e-5) &&
         near(row[u].std, want.std, 1e-5) && near(row[u].p15, want.p15, 1e-5) &&
         near(row[u].p50, want.p50, 1e-5) && near(row[u].p85, want.p85, 1e-5);
    mean += want.mean / UNITS;
    p85 += want.p85 / UNITS;
  }
  return ok && near(row[UNITS].mean, mean, 1e-5) && near(row[UNITS].p85, p85, 1e-5);
}

static double naive_drift(double now[PROBES][UNITS], double before[PROBES][UNITS])
{
  double least = 0, least_before = 0, sum = 0;
  for (size_t u = 0; u < UNITS; u++) {
    least += 0.2 / UNITS * naive_row(now, u).std;
    least_before += 0.2 / UNITS * naive_row(before, u).std;
  }
  for (size_t u = 0; u < UNITS; u++) {
    const lks_activation_row a = naive_row(now, u), b = naive_row(before, u);
    const double s = fmax(a.std, least), s_before = fmax(b.std, least_before);
    sum += pow((a.mean - b.mean) / s_before, 2) + pow(log(s / s_before), 2);
  }
  return sum / UNITS;
}

static double distance(const double *a, const double *b, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += pow(a[i] - (b ? b[i] : 0), 2);
  return sqrt(sum);
}

/* The rows of a step from `before` to `after` by the naive network, which these parameters are lent to. */
static void naive_step(lks_gradient_row *shift, lks_landscape_row *walk, scene *s, const uint32_t *sample,
                       const float *before, const float *after)
{
  static const double scale[] = {0.5, 1, 2, 4};
  lks_network *network = s->setup->network;
  float *parameters = lks_network_parameters(network);
  const size_t count = lks_network_parameter_count(network);
  const lks_tensor *weight = lks_network_find(network, "dense3.weight");
  double *g = lks_new(count, sizeof *g);
  float *kept = lks_new(count, sizeof *kept);
  const double *now = s->naive->gradient;
  memcpy(kept, parameters, count * sizeof *kept);

  memcpy(parameters, before, count * sizeof *parameters);
  naive_pass(s, sample, TRAIN);
  memcpy(g, now, count * sizeof *g);
  *walk = (lks_landscape_row){.loss = s->naive->loss / TRAIN, .low = HUGE_VAL, .high = -HUGE_VAL};

  memcpy(parameters, after, weight->offset * sizeof *parameters);
  naive_pass(s, sample, TRAIN);
  const double *own = g + weight->offset, *own_now = now + weight->offset;
  double dot = 0;
  for (size_t i = 0; i < weight->elements; i++) dot += own[i] * own_now[i];
  const double length = distance(own, NULL, weight->elements);
  *shift = (lks_gradient_row){1, length, distance(own, own_now, weight->elements) / length,
                              dot / length / distance(own_now, NULL, weight->elements)};

  for (int k = 0; k < 4; k++) {
    for (size_t i = 0; i < count; i++) parameters[i] = (float)(before[i] - scale[k] * lr * g[i]);
    naive_pass(s, sample, TRAIN);
    const double change = distance(g, now, count);
    walk->scaled[k] = s->naive->loss / TRAIN;
    walk->low = fmin(walk->low, walk->scaled[k]);
    walk->high = fmax(walk->high, walk->scaled[k]);
    walk->gradient_change = fmax(walk->gradient_change, change);
    walk->smoothness = fmax(walk->smoothness, change / (scale[k] * lr * distance(g, NULL, count)));
  }
  memcpy(parameters, kept, count * sizeof *kept);
  lks_network_parameters_changed(network);
  lks_free(g);
  lks_free(kept);
}

static bool gradients_agree(const lks_gradient_row *got, const lks_gradient_row *want)
{
  return near(got->norm, want->norm, 1e-4 * want->norm) && near(got->shift, want->shift, 1e-4) &&
         near(got->cosine, want->cosine, 1e-4) && want->shift > 0.01;
}

static bool landscapes_agree(const lks_landscape_row *got, const lks_landscape_row *want)
{
  bool ok = near(got->loss, want->loss, 1e-4) && near(got->low, want->low, 1e-4) &&
            near(got->high, want->high, 1e-4) &&
            near(got->gradient_change, want->gradient_change, 2e-3 * want->gradient_change) &&
            near(got->smoothness, want->smoothness, 2e-3 * want->smoothness);
  for (int k = 0; k < 4; k++) ok = ok && near(got->scaled[k], want->scaled[k], 1e-4);
  return ok && want->high - want->low > 0.01;
}

/* Rank 0 has the files. */
static bool rows_agree(scene *s, double seen[2][PROBES][UNITS], const lks_gradient_row *shift,
                       const lks_landscape_row *walk)
{
  lks_activation_row *activation = NULL;
  lks_drift_row *drift = NULL;
  lks_gradient_row *gradient = NULL;
  lks_landscape_row *landscape = NULL;
  size_t count[4] = {0};
  const char *run = s->config.output;
  bool ok = !lks_activations_read(&activation, &count[0], run) && !lks_drift_read(&drift, &count[1], run) &&
            !lks_gradients_read(&gradient, &count[2], run) && !lks_landscape_read(&landscape, &count[3], run);
  ok = ok && count[0] == 2 * (UNITS + 1) && count[1] == 2 && count[2] == 1 && count[3] == 1;
  ok = ok && activations_agree(activation, seen[0]) && activations_agree(activation + UNITS + 1, seen[1]);
  ok = ok && !activations_agree(activation, seen[1]);
  const double moved = naive_drift(seen[1], seen[0]);
  ok = ok && isnan(drift[0].drift) && near(drift[1].drift, moved, 1e-3 * moved) && drift[1].step == 1;
  ok = ok && gradients_agree(gradient, shift) && landscapes_agree(landscape, walk);
  lks_free(activation);
  lks_free(drift);
  lks_free(gradient);
  lks_free(landscape);
  return ok;
}

static bool same_floats(const float *a, const float *b, size_t count)
{
  return memcmp(a, b, count * sizeof *a) == 0;
}

static void test_a_step(lks_comm *comm)
{
  scene s;
  lks_pass_result result;
  uint32_t sample[TRAIN];
  double seen[2][PROBES][UNITS];
  lks_gradient_row shift = {0};
  lks_landscape_row walk = {0};
  lks_probe_feed feed;
  create(&s, comm);
  lks_network *network = s.setup->network;
  const size_t count = lks_network_parameter_count(network), running = lks_network_running_count(network);
  for (uint32_t i = 0; i < TRAIN; i++) sample[i] = 5 * i + 3;
  naive_seen(seen[0], &s);
  lks_assert_ok_all(comm, lks_probe_feed_create(&feed, comm, s.setup, s.dataset, TRAIN));
  lks_assert_ok_all(comm, lks_probes_begin_all(s.probes, 0));

  const lks_batch batch = lks_probe_feed_batch(&feed, sample, TRAIN);
  float *kept = lks_new(2 * count + running, sizeof *kept), *after = kept + count,
        *statistics = after + count;
  memcpy(kept, lks_network_parameters(network), count * sizeof *kept);
  lks_status status =
      lks_network_pass_all(network, &result, LKS_PASS_TRAIN, &batch, &s.setup->scaling, 0, false);
  lks_probes_before(s.probes);
  lks_sgd_update(lks_network_parameters(network), NULL, lks_network_gradients(network), lr, 0, 0, false, true,
                 count);
  lks_network_parameters_changed(network);
  memcpy(after, lks_network_parameters(network), count * sizeof *kept);
  memcpy(statistics, lks_network_running(network), running * sizeof *kept);
  const bool due = lks_probes_due(s.probes, 1) && !lks_probes_due(NULL, 1);
  if (!status) status = lks_probes_after_all(s.probes, &batch, &result, lr, 1);
  lks_assert_ok_all(comm, status);
  bool ok = due && same_floats(after, lks_network_parameters(network), count) &&
            same_floats(statistics, lks_network_running(network), running) &&
            lks_network_batches_tracked(network) == 1;

  naive_seen(seen[1], &s);
  naive_step(&shift, &walk, &s, sample, kept, after);
  if (lks_comm_rank(comm) == 0) ok = ok && rows_agree(&s, seen, &shift, &walk);
  lks_free(kept);
  lks_probe_feed_clear(&feed);
  destroy(&s, comm);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_a_step)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
