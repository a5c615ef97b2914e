#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/naive_random.h"
#include "train/noise_law.h"
#include "train/probe.h"
#include "train/probe_tables.h"

/* probe-noise.csv against a network in double, in which fixed samples are normalized with the statistics of drawn
 * mini-batches; a sequel of plain passes. */

static const char text[] = "dense 7\nbatchnorm\nrelu\ndense 6\nbatchnorm\nrelu\ndense classes\n";

enum { TRAINED = 127, PROBES = 64, CLASSES = 10, PIXELS = 64, NORMS = 2, SIZES = 4, DRAWS = 300, WIDEST = 7 };
static const char *const norm_name[NORMS] = {"bn1", "bn2"};
static const size_t width[NORMS] = {7, 6}, seen[NORMS] = {1, 4}; /* naive layers whose outputs they take */

typedef struct scene {
  lks_config config;
  lks_dataset *dataset;
  lks_setup *setup;
  lks_probes *probes;
  naive_network *naive;
  lks_selection *selection, *probe;
  uint8_t *pixels;
} scene;

static void create(scene *s, lks_comm *comm)
{
  *s = (scene){0};
  lks_config_default(&s->config);
  snprintf(s->config.data, sizeof s->config.data, "%s/data/digits.h5", LKS_TEST_SOURCE_DIR);
  s->config.train_samples = TRAINED + 13;
  s->config.holdout = 13;
  s->config.batch_size = 24;
  s->config.microbatch = 5;
  s->config.threads = 1;
  s->config.probe_draws = 1000;
  s->config.probes = LKS_PROBE_NOISE;
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
  float *w = lks_network_parameters(s->setup->network);
  for (size_t i = 0; i < lks_network_parameter_count(s->setup->network); i++)
    w[i] += 0.2f * (float)sin((double)(3 * i)); /* no gamma is 1, no beta 0 */
  lks_network_parameters_changed(s->setup->network);
  lks_assert_ok_all(comm,
                    lks_probes_create_all(&s->probes, comm, &s->config, s->setup, s->dataset, TRAINED, NULL));
  lks_status status = lks_probe_choose(&s->selection, s->dataset, &s->config, TRAINED);
  if (!status) status = lks_probe_choose(&s->probe, s->dataset, &s->config, PROBES);
  s->naive = naive_network_create(s->setup->model, s->setup->network, TRAINED);
  s->pixels = lks_new((size_t)TRAINED * PIXELS, 1);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, s->naive && s->pixels);
}

static void destroy(scene *s, lks_comm *comm)
{
  lks_test_folder_remove_all(comm, s->config.output);
  naive_network_destroy(&s->naive);
  lks_probes_destroy(&s->probes);
  lks_selection_destroy(&s->selection);
  lks_selection_destroy(&s->probe);
  lks_setup_destroy_all(&s->setup);
  lks_dataset_close_all(&s->dataset);
  lks_free(s->pixels);
}

/* momentum 1: `updated` is what the mini-batch has, the variance unbiased. */
static void naive_pass(scene *s, const uint32_t *sample, size_t total, bool running)
{
  const lks_samples split = lks_dataset_split(s->dataset, LKS_SPLIT_TRAIN);
  const size_t bound[] = {0, total};
  int32_t label[TRAINED];
  for (size_t i = 0; i < total; i++) {
    memcpy(s->pixels + PIXELS * i, split.pixels + (size_t)PIXELS * sample[i], PIXELS);
    label[i] = split.label[sample[i]];
  }
  const lks_batch batch = {total, total, s->pixels, NULL, label, sample, LKS_OK, NULL};
  const naive_settings set = {
      .running = running, .bound = bound, .groups = 1, .epsilon = 1e-5, .momentum = 1, .seed = 1};
  naive_network_pass(s->naive, &batch, &s->setup->scaling, &set);
}

static size_t place(const scene *s, size_t norm, const char *which)
{
  char name[64];
  snprintf(name, sizeof name, "%s.%s", norm_name[norm], which);
  return lks_network_find(s->setup->network, name)->offset;
}

/* The network's running statistics, which the naive one reads: those that its last pass found, biased. */
static void take_statistics(scene *s, size_t norm, size_t total)
{
  float *running = lks_network_running(s->setup->network);
  const size_t mean = place(s, norm, "running_mean"), variance = place(s, norm, "running_var");
  for (size_t c = 0; c < width[norm]; c++) {
    running[mean + c] = (float)s->naive->updated[mean + c];
    running[variance + c] = (float)(s->naive->updated[variance + c] * ((double)total - 1) / (double)total);
  }
}

static void draw(uint32_t *sample, const scene *s, size_t m, size_t number)
{
  const naive_key key = {
      .seed = s->config.seed, .purpose = NAIVE_PROBE, .layer = (uint32_t)m, .step = (uint32_t)number};
  for (uint32_t i = 0; i < m; i++) sample[i] = s->selection->train[naive_random_below(key, i, TRAINED)];
}

typedef struct tally {
  double sum[PROBES][WIDEST], square[PROBES][WIDEST];
} tally;

static double average_variance(const tally *t, size_t channels)
{
  double sum = 0;
  for (size_t i = 0; i < PROBES * channels; i++) {
    const double mean = t->sum[i / channels][i % channels] / DRAWS;
    sum += (t->square[i / channels][i % channels] / DRAWS - mean * mean) * DRAWS / (DRAWS - 1);
  }
  return sum / (double)(PROBES * channels);
}

static void count(tally *t, const scene *s, size_t norm)
{
  const double *x = s->naive->layer[seen[norm]].y;
  const float *running = lks_network_running(s->setup->network);
  const size_t mean = place(s, norm, "running_mean"), variance = place(s, norm, "running_var");
  for (size_t i = 0; i < PROBES * width[norm]; i++) {
    const size_t c = i % width[norm];
    const double hat = (x[i] - running[mean + c]) / sqrt(running[variance + c] + 1e-5);
    t->sum[i / width[norm]][c] += hat;
    t->square[i / width[norm]][c] += hat * hat;
  }
}

static void naive_end_to_end(double noise[NORMS][SIZES], scene *s)
{
  static tally t[NORMS];
  for (size_t size = 0; size < SIZES; size++) {
    const size_t m = (size_t)8 << size;
    uint32_t sample[TRAINED];
    memset(t, 0, sizeof t);
    for (size_t d = 0; d < DRAWS; d++) {
      draw(sample, s, m, d);
      naive_pass(s, sample, m, false);
      for (size_t n = 0; n < NORMS; n++) take_statistics(s, n, m);
      naive_pass(s, s->probe->train, PROBES, true);
      for (size_t n = 0; n < NORMS; n++) count(&t[n], s, n);
    }
    for (size_t n = 0; n < NORMS; n++) noise[n][size] = average_variance(&t[n], width[n]);
  }
}

/* The population's statistics, layer by layer; what the layer alone makes of its input; and its dropout noise. */
static void naive_isolated(double noise[NORMS][SIZES], double dropout[NORMS], scene *s)
{
  static double x[TRAINED][WIDEST];
  static tally t;
  for (size_t n = 0; n < NORMS; n++) {
    const size_t channels = width[n], fed = n ? 3 : 0, inputs = n ? width[0] : PIXELS;
    double second[PIXELS] = {0}, noise_sum = 0;
    naive_pass(s, s->selection->train, TRAINED, true);
    memset(x, 0, sizeof x);
    for (size_t i = 0; i < TRAINED * channels; i++)
      x[i / channels][i % channels] = s->naive->layer[seen[n]].y[i];
    for (size_t i = 0; i < TRAINED * inputs; i++)
      second[i % inputs] += pow(s->naive->layer[fed].y[i], 2) / TRAINED;
    for (size_t c = 0; c < channels; c++) {
      double mean = 0, variance = 0;
      for (size_t i = 0; i < TRAINED; i++) mean += x[i][c] / TRAINED;
      for (size_t i = 0; i < TRAINED; i++) variance += pow(x[i][c] - mean, 2) / TRAINED;
      lks_network_running(s->setup->network)[place(s, n, "running_mean") + c] = (float)mean;
      lks_network_running(s->setup->network)[place(s, n, "running_var") + c] = (float)variance;
      const float *w = lks_network_parameters(s->setup->network) +
                       lks_network_find(s->setup->network, n ? "dense2.weight" : "dense1.weight")->offset;
      for (size_t j = 0; j < inputs; j++)
        noise_sum += pow(w[j * channels + c], 2) * second[j] / variance / (double)channels;
    }
    dropout[n] = noise_sum;
    for (size_t size = 0; size < SIZES; size++) {
      const size_t m = (size_t)8 << size;
      memset(&t, 0, sizeof t);
      for (size_t d = 0; d < DRAWS; d++)
        for (size_t c = 0; c < channels; c++) {
          double mean = 0, variance = 0;
          const naive_key key = {
              .seed = s->config.seed, .purpose = NAIVE_PROBE, .layer = (uint32_t)m, .step = (uint32_t)d};
          for (uint32_t i = 0; i < m; i++) mean += x[naive_random_below(key, i, TRAINED)][c] / (double)m;
          for (uint32_t i = 0; i < m; i++)
            variance += pow(x[naive_random_below(key, i, TRAINED)][c] - mean, 2) / (double)m;
          for (size_t k = 0; k < PROBES; k++) {
            size_t at = 0; /* the probes are some of the population */
            while (s->selection->train[at] != s->probe->train[k]) at++;
            const double hat = (x[at][c] - mean) / sqrt(variance + 1e-5);
            t.sum[k][c] += hat;
            t.square[k][c] += hat * hat;
          }
        }
      noise[n][size] = average_variance(&t, channels);
    }
  }
}

static bool near(double got, double want, double tolerance)
{
  if (fabs(got - want) <= tolerance * want) return true;
  printf("%.9g instead of %.9g\n", got, want);
  return false;
}

static bool rows_agree(const scene *s, double alone[NORMS][SIZES], double end[NORMS][SIZES],
                       const double dropout[NORMS])
{
  lks_probe_noise_row *row = NULL;
  size_t rows = 0;
  bool ok = lks_probe_noise_read(&row, &rows, s->config.output) == LKS_OK && rows == NORMS * SIZES;
  for (size_t i = 0; i < rows && ok; i++) {
    const size_t n = i / SIZES, size = i % SIZES;
    ok = !strcmp(row[i].layer, norm_name[n]) && row[i].m == (double)((size_t)8 << size) &&
         row[i].draws == DRAWS && near(row[i].isolated, alone[n][size], 1e-4) &&
         near(row[i].end_to_end, end[n][size], 1e-4) && near(row[i].dropout_noise, dropout[n], 1e-4);
    const double p = row[i].dropout;
    ok = ok && near(p / (1 - p) * dropout[n], end[n][size], 1e-3) && row[i].theory > 0;
  }
  lks_free(row);
  return ok;
}

static void test_noise(lks_comm *comm)
{
  scene s;
  double alone[NORMS][SIZES], end[NORMS][SIZES], dropout[NORMS];
  create(&s, comm);
  lks_network *network = s.setup->network;
  const size_t running = lks_network_running_count(network);
  float *kept = lks_new(running, sizeof *kept);
  memcpy(kept, lks_network_running(network), running * sizeof *kept);
  lks_assert_ok_all(comm, lks_probes_end_all(s.probes));
  bool ok = memcmp(kept, lks_network_running(network), running * sizeof *kept) == 0;
  if (lks_comm_rank(comm) == 0) { /* which has the file */
    naive_isolated(alone, dropout, &s);
    naive_end_to_end(end, &s);
    ok = ok && rows_agree(&s, alone, end, dropout) && end[1][0] > 1.2 * alone[1][0];
  }
  lks_free(kept);
  destroy(&s, comm);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_noise)};
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
