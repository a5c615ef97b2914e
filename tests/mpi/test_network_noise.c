#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/small_network.h"

/* The noise of normalization batches against its definition, over the inputs that a network in double gives
 * to its batch norms: how far means and variances of the groups lie from those of the mini-batch. */

static const char text[] = "conv 6 1x1\nbatchnorm\nrelu\ndense 20\nbatchnorm\nrelu\ndense classes\n";

/* A variance in fp32 is right to some 1e-6, of which the noise is the small difference from 1. */
static const double tolerance = 1e-4;

enum { NORMS = 2, NOISE_STEPS = 2 };

typedef struct naive_noise {
  double mean, variance, theory, group; /* sums over the steps */
} naive_noise;

static void moments(double *mean, double *variance, const double *x, size_t begin, size_t end,
                    size_t channels)
{
  const double n = (double)(end - begin);
  *mean = *variance = 0;
  for (size_t row = begin; row < end; row++) *mean += x[row * channels] / n;
  for (size_t row = begin; row < end; row++)
    *variance += (x[row * channels] - *mean) * (x[row * channels] - *mean) / n;
}

/* Groups of `size` samples, the last one of which takes a lone sample along. */
static size_t groups_of(size_t total, size_t size)
{
  const size_t rest = total % size;
  return total / size + (rest > 1 || (rest == 1 && total < size));
}

/* Adds a mini-batch of `total` samples in groups of `size`. */
static void add_noise(naive_noise *noise, const naive_layer *l, size_t total, size_t size)
{
  const size_t groups = groups_of(total, size);
  const double *x = (l - 1)->y, samples = (double)total, channels = (double)l->out;
  for (size_t c = 0; c < l->out; c++) {
    double mean, variance;
    moments(&mean, &variance, x + c, 0, total * l->pixels, l->out);
    for (size_t g = 0; g < groups; g++) {
      const size_t begin = g * size, end = g + 1 < groups ? begin + size : total;
      const double share = (double)(end - begin) / samples;
      double group_mean, group_variance;
      moments(&group_mean, &group_variance, x + c, begin * l->pixels, end * l->pixels, l->out);
      noise->mean += share * pow(group_mean - mean, 2) / variance / channels;
      noise->variance += share * pow(group_variance / variance - 1, 2) / channels;
    }
  }
  noise->theory += (double)(groups - 1) / (samples - 1);
  noise->group += samples / (double)groups;
}

static bool near(double got, double want)
{
  return fabs(got - want) <= tolerance * fabs(want);
}

static bool agrees(const lks_noise *got, const naive_noise *sums, const naive_layer *l)
{
  const double mean = sums->mean / NOISE_STEPS, theory = sums->theory / NOISE_STEPS;
  return !strcmp(got->layer, l->layer->name) && got->channels == l->out && got->values == l->pixels &&
         got->steps == NOISE_STEPS && near(got->variance_of_mean, mean) &&
         near(got->variance_of_variance, sums->variance / NOISE_STEPS) && near(got->theory, theory) &&
         near(got->effective_samples, sums->group / NOISE_STEPS * theory / mean);
}

/* Two steps of different sizes; between them, if `moved`, the sums move on to another network. */
static bool run(lks_comm *comm, const char *norm, bool moved)
{
  static const size_t total[NOISE_STEPS] = {BATCH, 22};
  subject s, second;
  lks_pass_result result;
  naive_noise sums[NORMS] = {{0}};
  const naive_layer *layer[NORMS];
  size_t found = 0;
  lks_network_options o = options(norm, 1);
  o.measure_noise = true;
  lks_assert_ok_all(comm, subject_create(&s, comm, text, &o));
  lks_assert_ok_all(comm, subject_create(&second, comm, text, &o));
  naive_network *naive = naive_network_create(s.model, s.network, BATCH);
  lks_assert_all(comm, naive != NULL && lks_network_norms(s.network) == NORMS);
  for (size_t l = 0; l < naive->layers; l++)
    if (naive->layer[l].layer->kind == LKS_LAYER_BATCH_NORM) layer[found++] = &naive->layer[l];
  lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 50, 30, 9); /* forgotten again */
  lks_network_noise_reset(s.network);
  const bool empty =
      lks_network_noise(s.network, 0).steps == 0 && lks_network_noise(s.network, 0).variance_of_mean == 0;
  subject *use = &s;
  for (uint32_t step = 0; step < NOISE_STEPS; step++) {
    const size_t size = (size_t)atoi(norm), groups = groups_of(total[step], size);
    size_t bound[BATCH + 1];
    for (size_t g = 0; g < groups; g++) bound[g] = g * size;
    bound[groups] = total[step];
    const naive_settings set = {.bound = bound,
                                .groups = groups,
                                .flip = o.flip,
                                .crop = o.crop,
                                .epsilon = o.epsilon,
                                .momentum = o.momentum,
                                .seed = o.seed,
                                .step = step};
    const lks_batch batch = samples(step * BATCH, total[step], total[step]);
    naive_network_pass(naive, &batch, &input_scaling, &set);
    for (size_t n = 0; n < NORMS; n++) add_noise(&sums[n], layer[n], total[step], size);
    status = lks_status_worse(status, pass(use, &result, LKS_PASS_TRAIN, step * BATCH, total[step], step));
    if (moved) {
      double state[LKS_NOISE_STATE_MAX];
      const size_t count = lks_network_noise_save(use->network, state);
      lks_network_noise_restore(second.network, state, count);
      state[0] += 1000;
      lks_network_noise_restore(second.network, state, count - 1); /* not of this network: left alone */
      use = &second;
    }
    /* evaluation adds nothing */
    status = lks_status_worse(status, pass(use, &result, LKS_PASS_BATCH, 0, BATCH, 0));
  }
  bool ok = empty;
  for (size_t n = 0; n < NORMS; n++) {
    const lks_noise noise = lks_network_noise(use->network, n);
    ok = ok && agrees(&noise, &sums[n], layer[n]);
  }
  naive_network_destroy(&naive);
  subject_destroy(&second);
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  return ok;
}

static void test_noise_is_its_definition(lks_comm *comm)
{
  static const char *const norms[] = {"5", "3", "13"};
  for (size_t n = 0; n < 3; n++) lks_assert_all(comm, run(comm, norms[n], false));
}

static void test_sums_move_on(lks_comm *comm)
{
  lks_assert_all(comm, run(comm, "5", true));
}

static void test_nothing_is_saved_where_nothing_is_measured(lks_comm *comm)
{
  subject s;
  lks_pass_result result;
  double state[LKS_NOISE_STATE_MAX];
  const lks_network_options o = options("5", 1);
  lks_assert_ok_all(comm, subject_create(&s, comm, text, &o));
  const lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
  const lks_noise noise = lks_network_noise(s.network, 1);
  const bool ok =
      lks_network_noise_save(s.network, state) == 0 && noise.steps == 0 && noise.variance_of_mean == 0;
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* What a checkpoint keeps of a network without batch norm is finite, or it could not be read. */
static void test_without_batch_norm_it_is_finite(lks_comm *comm)
{
  subject s;
  lks_pass_result result;
  double state[LKS_NOISE_STATE_MAX] = {0};
  bool ok = true;
  lks_network_options o = options("none", 1);
  o.measure_noise = true;
  lks_assert_ok_all(comm, subject_create(&s, comm, text, &o));
  const lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
  const size_t count = lks_network_noise_save(s.network, state);
  for (size_t i = 0; i < count; i++) ok = ok && isfinite(state[i]);
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_noise_is_its_definition),
      LKS_MPI_TEST(test_sums_move_on),
      LKS_MPI_TEST(test_nothing_is_saved_where_nothing_is_measured),
      LKS_MPI_TEST(test_without_batch_norm_it_is_finite),
  };
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
