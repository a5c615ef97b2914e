#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/optimizer.h"
#include "support/mpi_test.h"
#include "support/naive_network.h"
#include "support/small_network.h"

/* What a pass gives against a network in double that knows nothing of microbatches, stages, segments and
 * ranks, and that draws its random numbers itself: losses, logits, gradients and running statistics. Every
 * rank works the whole mini-batch out alone. */

/* Sums of n products in fp32 err by some sqrt(n) u (Higham & Mary 2019), u = 2^-24: at most 1,920 = 24 * 80
 * of them here, which is 44 u a layer; a gradient passes ten layers forwards and ten backwards: 880 u = 5e-5.
 * Values that go into a statistic pass seven. A tensor's distance is relative to its length. */
static const double tolerance = 5e-5;

/* Two dropouts of one rate whose inputs are alike in size, so that either mask would do for both; layers with
 * and without bias, of images and of features; a batch norm of 80 values a sample and one of 1. */
static const char text[] = "conv 6 1x1\nbatchnorm\nrelu\ndropout 0.3\nconv 6 1x1\nsigmoid\ndropout 0.3\n"
                           "dense 24\nbatchnorm\nrelu\ndropout 0.4\ndense classes\n";
static const char smooth_text[] =
    "conv 6 1x1\nbatchnorm\ngelu\nconv 6 1x1\nsilu\ndropout 0.3\ndense 24\nbatchnorm\n"
    "tanh\ndense classes\n";

/* Normalization batches that layers name, beside a layer that has the run's. */
static const char own_text[] =
    "conv 6 1x1\nbatchnorm group=5\nrelu\nconv 5 1x1\nbatchnorm\nsilu\nconv 4 1x1\nbatchnorm group=rank:3\nrelu\n"
    "dense 24\nbatchnorm group=11\ndropout 0.2\ndense 16\nbatchnorm group=sync\ngelu\ndense classes\n";
static const char *const own_groups[] = {"5", "", "rank:3", "11", "sync"};

enum { BOUNDS = BATCH + 2, OWN = sizeof own_groups / sizeof *own_groups };

/* bound: where the normalization batches of a mini-batch begin. Returns how many there are. */
static size_t groups_of(size_t bound[BOUNDS], const char *norm, size_t total)
{
  size_t groups = 0, microbatches = (total + MICROBATCH - 1) / MICROBATCH;
  if (!strcmp(norm, "none")) return 0;
  if (!strcmp(norm, "sync")) bound[groups++] = 0;
  for (size_t at = 0, size = (size_t)atoi(norm); size && at < total; at += size) bound[groups++] = at;
  if (!strcmp(norm, "rank:3")) /* thirds of the microbatches, the first ones larger */
    for (size_t r = 0, at = 0; r < 3 && at < microbatches; at += (microbatches + 2 - r++) / 3)
      bound[groups++] = at * MICROBATCH;
  bound[groups] = total;
  return groups;
}

typedef struct pair {
  subject all;
  naive_network *naive;
  lks_network_options options;
  bool own; /* the model is that of own_text */
  size_t bound[BOUNDS], own_bound[OWN][BOUNDS];
} pair;

static void pair_create_of(pair *p, lks_comm *comm, const char *model, const char *norm, int threads)
{
  p->own = model == own_text;
  p->options = options(norm, threads);
  lks_assert_ok_all(comm, subject_create(&p->all, comm, model, &p->options));
  float *w = lks_network_parameters(p->all.network);
  for (size_t t = 0; t < lks_network_tensors(p->all.network); t++) {
    const lks_tensor *tensor = lks_network_tensor(p->all.network, t);
    for (size_t i = 0; i < tensor->elements && tensor->kind < LKS_TENSOR_RUNNING_MEAN; i++)
      w[tensor->offset + i] += 0.1f * (float)sin((double)(7 * t + 3 * i)); /* no bias is 0, no gamma is 1 */
  }
  lks_network_parameters_changed(p->all.network);
  p->naive = naive_network_create(p->all.model, p->all.network, BATCH);
  lks_assert_all(comm, p->naive != NULL);
}

static void pair_create(pair *p, lks_comm *comm, const char *norm, int threads)
{
  pair_create_of(p, comm, text, norm, threads);
}

static void pair_destroy(pair *p)
{
  naive_network_destroy(&p->naive);
  subject_destroy(&p->all);
}

static naive_settings settings_of(pair *p, lks_pass kind, size_t total, uint32_t step)
{
  const lks_network_options *o = &p->options;
  naive_settings set = {.running = kind == LKS_PASS_RUNNING,
                        .bound = p->bound,
                        .groups = groups_of(p->bound, lks_norm_text(o->norm).text, total),
                        .epsilon = o->epsilon,
                        .momentum = o->momentum,
                        .seed = o->seed,
                        .step = step};
  for (size_t n = 0; p->own && n < OWN; n++)
    if (own_groups[n][0]) {
      set.own[n].bound = p->own_bound[n];
      set.own[n].groups = groups_of(p->own_bound[n], own_groups[n], total);
    }
  if (kind == LKS_PASS_TRAIN) {
    set.dropout = true;
    set.flip = o->flip;
    set.crop = o->crop;
    set.smoothing = o->smoothing;
    set.frozen = o->freeze_norm;
  }
  return set;
}

static void naive_pass(pair *p, lks_pass kind, size_t first, size_t total, uint32_t step)
{
  const naive_settings set = settings_of(p, kind, total, step);
  const lks_batch batch = samples(first, total, total);
  naive_network_pass(p->naive, &batch, &input_scaling, &set);
}

/* The largest distance of a tensor's gradient (or of its running statistic from `running`). */
static double worst_tensor(pair *p, const double *running)
{
  double worst = 0;
  for (size_t t = 0; t < lks_network_tensors(p->all.network); t++) {
    const lks_tensor *tensor = lks_network_tensor(p->all.network, t);
    const bool statistic = tensor->kind >= LKS_TENSOR_RUNNING_MEAN;
    const float *got =
        statistic ? lks_network_running(p->all.network) : lks_network_gradients(p->all.network);
    const double *want = statistic ? running : p->naive->gradient;
    if (statistic != (running != NULL)) continue;
    worst = fmax(worst, naive_distance(got + tensor->offset, want + tensor->offset, tensor->elements));
  }
  return worst;
}

/* The network's pass after the naive one, and whether loss and logits are the naive ones'. */
static bool values_agree(lks_status *status, pair *p, lks_pass kind, size_t first, size_t total,
                         uint32_t step)
{
  lks_pass_result result = {0};
  size_t begin, count, classes = p->naive->classes;
  naive_pass(p, kind, first, total, step);
  *status = lks_status_worse(*status, pass(&p->all, &result, kind, first, total, step));
  lks_network_shard(p->all.network, total, &begin, &count);
  const double off = count == 0 ? 0
                                : naive_distance(lks_network_logits(p->all.network),
                                                 p->naive->logits + begin * classes, count * classes);
  return off <= tolerance && fabs(result.loss - p->naive->loss) <= tolerance * p->naive->loss &&
         result.correct == p->naive->correct && result.samples == (int64_t)total;
}

/* A training pass: gradients and running statistics too. */
static bool step_agrees(lks_status *status, pair *p, size_t first, size_t total, uint32_t step)
{
  bool ok = values_agree(status, p, LKS_PASS_TRAIN, first, total, step);
  ok = ok && worst_tensor(p, NULL) <= tolerance;
  return ok && (p->options.norm.kind == LKS_NORM_NONE || worst_tensor(p, p->naive->updated) <= tolerance);
}

static void descend(pair *p)
{
  lks_network *network = p->all.network;
  lks_sgd_update(lks_network_parameters(network), NULL, lks_network_gradients(network), 0.1f, 0, 0, false,
                 true, lks_network_parameter_count(network));
  lks_network_parameters_changed(network);
}

static const char *const norms[] = {"sync", "5", "rank:3", "13", "none"};
enum { NORMS = sizeof norms / sizeof *norms };

static void test_training(lks_comm *comm)
{
  for (size_t n = 0; n < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    pair_create(&p, comm, norms[n], 1 + (int)(n % 2));
    bool ok = step_agrees(&status, &p, 0, BATCH, 0);
    descend(&p);
    ok = step_agrees(&status, &p, BATCH, 22, 1) && ok; /* half a microbatch is left over */
    ok = ok && lks_network_batches_tracked(p.all.network) == 2;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok);
  }
}

/* The comparison can fail: a gradient with the masks of another step, of no step, with one mask for two
 * dropouts, without smoothing, and with other groups is another one. */
static void test_other_settings_differ(lks_comm *comm)
{
  pair p;
  lks_pass_result result;
  static const size_t whole[] = {0, BATCH};
  double off[5];
  pair_create(&p, comm, "5", 1);
  lks_status status = pass(&p.all, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
  for (int k = 0; k < 5; k++) {
    naive_settings set = settings_of(&p, LKS_PASS_TRAIN, BATCH, k == 0);
    const lks_batch batch = samples(0, BATCH, BATCH);
    size_t second = 0;
    for (size_t l = 0; l < p.naive->layers; l++) second = p.naive->layer[l].dropout == 1 ? l : second;
    if (k == 1) set.dropout = false;
    if (k == 2) p.naive->layer[second].dropout = 0;
    if (k == 3) set.smoothing = 0;
    if (k == 4) set.bound = whole, set.groups = 1;
    naive_network_pass(p.naive, &batch, &input_scaling, &set);
    if (k == 2) p.naive->layer[second].dropout = 1;
    off[k] = worst_tensor(&p, NULL);
  }
  pair_destroy(&p);
  lks_assert_ok_all(comm, status);
  for (int k = 0; k < 5; k++) lks_assert_all(comm, off[k] > 100 * tolerance);
}

/* Nothing is dropped, moved, smoothed or changed. */
static void test_evaluation(lks_comm *comm)
{
  for (size_t n = 0; n < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    pair_create(&p, comm, norms[n], 1 + (int)(n % 2));
    bool ok = step_agrees(&status, &p, 0, BATCH, 0);
    const size_t count = lks_network_running_count(p.all.network);
    float *before = lks_new(count + 1, sizeof *before);
    memcpy(before, lks_network_running(p.all.network), count * sizeof *before);
    ok = values_agree(&status, &p, LKS_PASS_RUNNING, 3, BATCH, 0) && ok;
    ok = values_agree(&status, &p, LKS_PASS_BATCH, 40, 22, 0) && ok;
    ok = values_agree(&status, &p, LKS_PASS_RUNNING, 50, 2, 0) && ok; /* fewer than a microbatch */
    ok = ok && !memcmp(before, lks_network_running(p.all.network), count * sizeof *before) &&
         lks_network_batches_tracked(p.all.network) == 1;
    lks_free(before);
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok);
  }
}

/* Running statistics that were used once are not used again after they or gamma were changed: by a step, by
 * an import, and by precise statistics. */
static void test_changed_statistics_are_used(lks_comm *comm)
{
  pair p;
  lks_status status = LKS_OK;
  pair_create(&p, comm, "sync", 1);
  bool ok = values_agree(&status, &p, LKS_PASS_RUNNING, 0, BATCH, 0);
  ok = step_agrees(&status, &p, 0, BATCH, 0) && ok;
  ok = values_agree(&status, &p, LKS_PASS_RUNNING, 0, BATCH, 0) && ok;
  const lks_tensor *tensor = lks_network_find(p.all.network, "bn1.weight");
  float gamma[6] = {2, -1, 0.5f, 3, 1, 0.1f};
  lks_network_import(p.all.network, tensor, gamma);
  ok = values_agree(&status, &p, LKS_PASS_RUNNING, 0, BATCH, 0) && ok;
  lks_network_precise_begin(p.all.network);
  ok = values_agree(&status, &p, LKS_PASS_PRECISE, 0, BATCH, 0) && ok;
  status = lks_status_worse(status, lks_network_precise_set_all(p.all.network));
  ok = values_agree(&status, &p, LKS_PASS_RUNNING, 0, BATCH, 0) && ok;
  pair_destroy(&p);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* Mini-batches from sample `first` on, the last one smaller. */
static bool gather(lks_status *status, pair *p, size_t first)
{
  bool ok = values_agree(status, p, LKS_PASS_PRECISE, first, BATCH, 0);
  ok = values_agree(status, p, LKS_PASS_PRECISE, first + 9, BATCH, 0) && ok;
  return values_agree(status, p, LKS_PASS_PRECISE, first + 20, 7, 0) && ok;
}

/* Mean and unbiased variance of all samples together, however they were normalized; forgotten where a new
 * gathering begins; in the way of no training step. */
static void test_precise_statistics(lks_comm *comm)
{
  for (size_t n = 0; n + 1 < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    double running[60];
    pair_create(&p, comm, norms[n], 1);
    bool ok = lks_network_running_count(p.all.network) == sizeof running / sizeof *running;
    lks_network_precise_begin(p.all.network);
    bool refused = lks_network_precise_set_all(p.all.network) == LKS_ERR_DATA;
    for (size_t round = 0; round < 2; round++) {
      lks_network_precise_begin(p.all.network);
      naive_network_forget(p.naive);
      ok = gather(&status, &p, 30 * round) && ok;
      naive_network_gathered(running, p.naive);
      status = lks_status_worse(status, lks_network_precise_set_all(p.all.network));
      ok = ok && worst_tensor(&p, running) <= tolerance;
      ok = step_agrees(&status, &p, 0, BATCH, 0) && ok;
    }
    ok = ok && lks_network_batches_tracked(p.all.network) == 2;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok && refused);
  }
}

/* More sizes than the network keeps plans of, again and again in another order. None is of 2 or 3 samples
 * alone: normalized they are nearly the same whatever they were, and a gradient is what rounding leaves. */
static void test_many_sizes(lks_comm *comm)
{
  static const size_t total[] = {37, 13, 9,  14, 22, 4,  30, 12, 8,  17, 28,
                                 37, 13, 19, 9,  29, 37, 5,  10, 22, 14, 9};
  pair p;
  lks_status status = LKS_OK;
  bool ok = true;
  pair_create(&p, comm, "5", 2);
  for (uint32_t i = 0; i < sizeof total / sizeof *total; i++) {
    status = lks_status_worse(status, lks_network_prepare(p.all.network, total[i], true));
    ok = step_agrees(&status, &p, i, total[i], i) && ok;
  }
  const lks_status larger = lks_network_prepare(p.all.network, BATCH + 1, true);
  pair_destroy(&p);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok && larger == LKS_ERR_USAGE);
}

/* Batch norm that stays as it is, whatever the normalization batches are: also of one value a channel, which could not be normalized. What it
 * gives in training is what it gives at test time, and its gradient is not that of batch norm which learns. */
static void test_frozen_batch_norm(lks_comm *comm)
{
  for (size_t n = 0; n + 1 < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    pair_create(&p, comm, norms[n], 1 + (int)(n % 2));
    bool ok =
        step_agrees(&status, &p, 0, BATCH, 0); /* running statistics that are not those of the beginning */
    pair frozen = {.own = false};
    const float *from = lks_network_running(p.all.network);
    lks_network_options o = p.options;
    o.freeze_norm = true;
    frozen.options = o;
    lks_assert_ok_all(comm, subject_create(&frozen.all, comm, text, &o));
    memcpy(lks_network_running(frozen.all.network), from,
           lks_network_running_count(p.all.network) * sizeof *from);
    memcpy(lks_network_parameters(frozen.all.network), lks_network_parameters(p.all.network),
           lks_network_parameter_count(p.all.network) * sizeof *from);
    lks_network_parameters_changed(frozen.all.network);
    frozen.naive = naive_network_create(frozen.all.model, frozen.all.network, BATCH);
    lks_assert_all(comm, frozen.naive != NULL);
    ok = step_agrees(&status, &frozen, 3, BATCH, 1) && ok;
    ok = ok &&
         !memcmp(from, lks_network_running(frozen.all.network),
                 lks_network_running_count(p.all.network) * sizeof *from) &&
         lks_network_batches_tracked(frozen.all.network) == 0;
    descend(&frozen);
    ok = step_agrees(&status, &frozen, 40, 22, 2) && ok;
    status = lks_status_worse(status, lks_network_prepare(frozen.all.network, 1, true));
    ok = step_agrees(&status, &frozen, 5, 1, 3) && ok;
    naive_settings learning = settings_of(&frozen, LKS_PASS_TRAIN, 22, 2);
    const lks_batch batch = samples(40, 22, 22);
    lks_pass_result result;
    status = lks_status_worse(status, pass(&frozen.all, &result, LKS_PASS_TRAIN, 40, 22, 2));
    learning.frozen = false;
    naive_network_pass(frozen.naive, &batch, &input_scaling, &learning);
    const bool differs = worst_tensor(&frozen, NULL) > 100 * tolerance;
    pair_destroy(&frozen);
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok && differs);
  }
}

/* Training, evaluation and precise statistics of batch norms of which some have a normalization batch of their own; with that of
 * the run in its place, the gradients are others. */
static void test_own_groups(lks_comm *comm)
{
  for (size_t n = 0; n + 1 < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    double running[2 * (6 + 5 + 4 + 24 + 16)];
    pair_create_of(&p, comm, own_text, norms[n], 1 + (int)(n % 2));
    bool ok = lks_network_running_count(p.all.network) == sizeof running / sizeof *running;
    ok = step_agrees(&status, &p, 0, BATCH, 0) && ok;
    naive_settings run = settings_of(&p, LKS_PASS_TRAIN, BATCH, 0);
    const lks_batch batch = samples(0, BATCH, BATCH);
    for (size_t k = 0; k < OWN; k++) run.own[k].groups = 0;
    naive_network_pass(p.naive, &batch, &input_scaling, &run);
    const bool differs = worst_tensor(&p, NULL) > 100 * tolerance;
    descend(&p);
    ok = step_agrees(&status, &p, BATCH, 22, 1) && ok;
    ok = values_agree(&status, &p, LKS_PASS_BATCH, 40, 22, 0) && ok;
    ok = values_agree(&status, &p, LKS_PASS_RUNNING, 3, BATCH, 0) && ok;
    lks_network_precise_begin(p.all.network);
    naive_network_forget(p.naive);
    ok = gather(&status, &p, 5) && ok;
    naive_network_gathered(running, p.naive);
    status = lks_status_worse(status, lks_network_precise_set_all(p.all.network));
    ok = ok && worst_tensor(&p, running) <= tolerance;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok && differs);
  }
}

static void test_smooth_activations(lks_comm *comm)
{
  for (size_t n = 0; n < NORMS; n++) {
    pair p;
    lks_status status = LKS_OK;
    pair_create_of(&p, comm, smooth_text, norms[n], 1);
    bool ok = step_agrees(&status, &p, 0, BATCH, 0);
    descend(&p);
    ok = step_agrees(&status, &p, BATCH, 22, 1) && ok;
    ok = values_agree(&status, &p, LKS_PASS_RUNNING, 3, BATCH, 0) && ok;
    pair_destroy(&p);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, ok);
  }
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_training),           LKS_MPI_TEST(test_other_settings_differ),
      LKS_MPI_TEST(test_evaluation),         LKS_MPI_TEST(test_changed_statistics_are_used),
      LKS_MPI_TEST(test_precise_statistics), LKS_MPI_TEST(test_many_sizes),
      LKS_MPI_TEST(test_smooth_activations), LKS_MPI_TEST(test_frozen_batch_norm),
      LKS_MPI_TEST(test_own_groups),
  };
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
