#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/random.h"
#include "sums/partition.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* A network over all ranks against the same network in one process, a communicator over MPI_COMM_SELF: equal
 * to the bit. */

/* Trains over all ranks with one normalization batch and alone with another; says whether the bits agree. */
static bool agree(lks_comm *comm, const char *text, const char *norm, const char *norm_alone, int threads,
                  bool *loss_equal)
{
  subject all, alone;
  lks_pass_result result = {0}, reference = {0};
  lks_network_options many = options(norm, threads), one = options(norm_alone, 1);
  lks_assert_ok_all(comm, subject_create(&all, comm, text, &many));
  lks_assert_ok_all(comm, subject_create(&alone, NULL, text, &one));
  lks_assert_ok_all(comm, train(&all, &result));
  lks_assert_ok_all(comm, train(&alone, &reference));
  bool same = same_bits(&all, &alone);
  *loss_equal = result.loss == reference.loss && result.correct == reference.correct && result.samples == 22;
  subject_destroy(&all);
  subject_destroy(&alone);
  return same;
}

static void test_same_bits(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5", "8", "13", "rank:3", "none", "3", "1"};
  static const char *const texts[] = {residual_text, own_groups_text, before_text, pooled_text, kinds_text};
  for (size_t t = 0; t < 5; t++) {
    for (size_t n = 0; n < sizeof norms / sizeof *norms; n++) {
      if (t < 2 && n >= 6) continue; /* they leave groups of one sample, too few behind a dense layer */
      bool loss_equal, same = agree(comm, texts[t], norms[n], norms[n], 1 + (int)(n % 2), &loss_equal);
      lks_assert_all(comm, same && loss_equal);
    }
  }
}

static void test_other_normalization_batches_differ(lks_comm *comm)
{
  bool loss_equal, same = agree(comm, residual_text, "sync", "8", 1, &loss_equal);
  lks_assert_all(comm, !same && !loss_equal);
  same = agree(comm, before_text, "rank", "sync", 1, &loss_equal);
  lks_assert_all(comm, same == (lks_comm_size(comm) == 1));
}

static void test_rank_is_the_shards_of_this_run(lks_comm *comm)
{
  char norm[32];
  snprintf(norm, sizeof norm, "rank:%d", lks_comm_size(comm));
  bool loss_equal, same = agree(comm, before_text, "rank", norm, 2, &loss_equal);
  lks_assert_all(comm, same && loss_equal);
}

/* mpi: gradients close to the tree's, of the same statistics. */
static void test_plain_reduction_is_close(lks_comm *comm)
{
  subject tree, plain;
  lks_pass_result result;
  lks_network_options o = options("sync", 1);
  lks_assert_ok_all(comm, subject_create(&tree, comm, residual_text, &o));
  o.reduce = LKS_REDUCE_MPI;
  lks_assert_ok_all(comm, subject_create(&plain, comm, residual_text, &o));
  lks_assert_ok_all(comm, pass(&tree, &result, LKS_PASS_TRAIN, 0, BATCH, 0));
  lks_assert_ok_all(comm, pass(&plain, &result, LKS_PASS_TRAIN, 0, BATCH, 0));
  double distance = gradient_distance(&tree, &plain);
  subject_destroy(&tree);
  subject_destroy(&plain);
  lks_assert_all(comm, distance <= 1e-5);
}

/* An average over one place keeps a max pool from being a part of the batch norm before it. */
static void test_a_pool_inside_a_batch_norm_is_one_behind_it(lks_comm *comm)
{
  static const char apart_text[] =
      "conv 5 3x3\nbatchnorm\nrelu\navgpool 1x1\nmaxpool 3x2\nconv 18 1x1\nbatchnorm\navgpool 1x1\n"
      "maxpool 1x2\nrelu\nconv 6 1x1\nbatchnorm\nrelu\nmaxpool 2x2 stride=1\ndense classes\n";
  static const char *const norms[] = {"sync", "5"};
  for (size_t n = 0; n < 2; n++) {
    subject inside, apart;
    lks_pass_result result = {0}, reference = {0};
    lks_network_options o = options(norms[n], 1);
    lks_assert_ok_all(comm, subject_create(&inside, comm, pooled_text, &o));
    lks_assert_ok_all(comm, subject_create(&apart, comm, apart_text, &o));
    lks_status status = pass(&inside, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    if (!status) status = pass(&apart, &reference, LKS_PASS_TRAIN, 0, BATCH, 0);
    double distance = gradient_distance(&inside, &apart);
    bool smaller = lks_network_bytes(inside.network) < lks_network_bytes(apart.network);
    subject_destroy(&inside);
    subject_destroy(&apart);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, result.loss == reference.loss && distance <= 1e-6 && smaller);
  }
}

/* The last rank has one sample alone, which joins the group of the rank before it. */
static bool last_rank_is_lone(const lks_comm *comm)
{
  const size_t size = (size_t)lks_comm_size(comm), microbatches = lks_divide_up(BATCH, MICROBATCH);
  return size > 1 && BATCH - MICROBATCH * lks_partition_begin(microbatches, size, size - 1) == 1;
}

/* One Allreduce a batch norm and direction at most, none where no group spans ranks, and one at the end that
 * carries all the rest. */
static void test_reductions_of_a_step(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "13", "rank", "none"};
  const size_t spanning = last_rank_is_lone(comm) ? 3 : 2;
  for (size_t n = 0; n < 4; n++) {
    subject s;
    lks_pass_result result;
    lks_network_options o = options(norms[n], 1);
    lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
    int64_t norm = lks_comm_traffic(comm, LKS_TRAFFIC_NORM).calls,
            last = lks_comm_traffic(comm, LKS_TRAFFIC_STEP).calls,
            other = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER).calls;
    lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    norm = lks_comm_traffic(comm, LKS_TRAFFIC_NORM).calls - norm;
    last = lks_comm_traffic(comm, LKS_TRAFFIC_STEP).calls - last;
    other = lks_comm_traffic(comm, LKS_TRAFFIC_OTHER).calls - other;
    int64_t most = 2 * (int64_t)lks_network_norms(s.network);
    subject_destroy(&s);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, last == 1 && other == 0 && (n < spanning ? norm <= most : norm == 0));
    if (n == 0 && lks_comm_size(comm) > 1) lks_assert_all(comm, norm > 0);
  }
}

/* Mean loss at parameters moved by `distance` along `direction`. */
static double loss_at(subject *s, const float *start, const float *direction, double distance,
                      lks_status *status)
{
  lks_pass_result result = {0};
  float *w = lks_network_parameters(s->network);
  for (size_t i = 0; i < lks_network_parameter_count(s->network); i++)
    w[i] = (float)(start[i] + distance * direction[i]);
  lks_network_parameters_changed(s->network);
  *status = lks_status_worse(*status, pass(s, &result, LKS_PASS_TRAIN, 0, BATCH, 0));
  return result.loss / BATCH;
}

/* The slope of the loss along random directions, by central differences, against the gradient. The loss has
 * about 1e-7 of rounding, the step 2e-3 makes that 5e-5 of the slope; curvature and kinks of relu add as much
 * again. */
static void test_gradient_by_finite_differences(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5", "none", "5"};
  for (size_t n = 0; n < 4; n++) {
    subject s;
    lks_pass_result result;
    lks_network_options o = options(norms[n], 1);
    o.smoothing = 0;
    lks_assert_ok_all(comm, subject_create(&s, comm, n == 3 ? kinds_text : before_text, &o));
    size_t count = lks_network_parameter_count(s.network);
    float *start = lks_new(count, sizeof *start), *direction = lks_new(count, sizeof *direction);
    lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    memcpy(start, lks_network_parameters(s.network), count * sizeof *start);
    double slope = 0, gradient_norm = 0, h = 2e-3;
    float *gradient = lks_new(count, sizeof *gradient);
    memcpy(gradient, lks_network_gradients(s.network), count * sizeof *gradient);
    lks_random_key key = lks_random_key_make(11, LKS_RANDOM_GENERATE, 1, 0, (uint32_t)n);
    lks_random_normal(direction, count, &key);
    for (size_t i = 0; i < count; i++) gradient_norm += (double)gradient[i] * gradient[i];
    for (size_t i = 0; i < count;
         i++) { /* half of it along the gradient, so that the slope is not lost in rounding */
      direction[i] = (float)(0.3 * direction[i] / sqrt((double)count) + gradient[i] / sqrt(gradient_norm));
      slope += (double)gradient[i] * direction[i];
    }
    double measured = loss_at(&s, start, direction, h, &status) - loss_at(&s, start, direction, -h, &status);
    measured /= 2 * h;
    lks_free(start);
    lks_free(direction);
    lks_free(gradient);
    subject_destroy(&s);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, fabs(measured - slope) <= 2e-3 * fabs(slope));
  }
}

/* Evaluation passes give the same bits at any rank count; precise statistics too. */
static void test_evaluation(lks_comm *comm)
{
  subject all, alone;
  lks_network_options o = options("8", 2);
  lks_assert_ok_all(comm, subject_create(&all, comm, residual_text, &o));
  lks_assert_ok_all(comm, subject_create(&alone, NULL, residual_text, &o));
  static const lks_pass passes[] = {LKS_PASS_RUNNING, LKS_PASS_BATCH, LKS_PASS_PRECISE, LKS_PASS_PRECISE};
  bool same = true;
  for (size_t p = 0; p < 4; p++) {
    lks_pass_result a, b;
    lks_assert_ok_all(comm, pass(&all, &a, passes[p], p, p < 3 ? BATCH : 11, 0));
    lks_assert_ok_all(comm, pass(&alone, &b, passes[p], p, p < 3 ? BATCH : 11, 0));
    same = same && !memcmp(a.loss_limbs, b.loss_limbs, sizeof a.loss_limbs) && a.correct == b.correct;
  }
  lks_assert_ok_all(comm, lks_network_precise_set_all(all.network));
  lks_assert_ok_all(comm, lks_network_precise_set_all(alone.network));
  same = same && same_bits(&all, &alone);
  bool set = lks_network_running(all.network)[0] != 0;
  subject_destroy(&all);
  subject_destroy(&alone);
  lks_assert_all(comm, same && set);
}

/* With running statistics a sample's logits do not depend on the company it is in. */
static void test_one_example_alone(lks_comm *comm)
{
  bool same = false;
  lks_network_options o = options("sync", 1);
  lks_status status = samples_alone(&same, &o);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, same);
}

/* A value that is not finite, on one rank alone, ends the pass on all ranks with the same status. */
static void test_divergence_is_agreed(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5", "none"};
  for (size_t n = 0; n < 3; n++) {
    subject s;
    lks_pass_result result;
    lks_network_options o = options(norms[n], 1);
    lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
    if (lks_comm_rank(comm) == lks_comm_size(comm) - 1) lks_network_parameters(s.network)[3] = INFINITY;
    lks_network_parameters_changed(s.network);
    lks_status status = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    subject_destroy(&s);
    lks_assert_all(comm, status == LKS_ERR_DIVERGED);
  }
}

/* A gradient that no accumulator can hold ends a training pass, though its loss is as good as any; evaluation
 * goes on. */
static void test_a_gradient_out_of_range_is_agreed(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5"};
  for (size_t n = 0; n < 2; n++) {
    subject s;
    lks_pass_result result;
    lks_network_options o = options(norms[n], 1);
    lks_assert_ok_all(comm, subject_create(&s, comm, "dense 9\nbatchnorm\ndense classes\n", &o));
    const lks_tensor *gamma = lks_network_find(s.network, "bn1.weight"),
                     *last = lks_network_find(s.network, "dense2.weight");
    float *w = lks_network_parameters(s.network);
    for (size_t i = 0; i < gamma->elements; i++) w[gamma->offset + i] = 1e-30f;
    for (size_t i = 0; i < last->elements; i++) w[last->offset + i] *= 1e30f;
    lks_network_parameters_changed(s.network);
    const lks_status evaluated = pass(&s, &result, LKS_PASS_BATCH, 0, BATCH, 0);
    const lks_status trained = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    const bool untouched = lks_network_batches_tracked(s.network) == 0;
    subject_destroy(&s);
    lks_assert_ok_all(comm, evaluated);
    lks_assert_all(comm, trained == LKS_ERR_DIVERGED && untouched && isfinite(result.loss));
  }
}

/* Every rank learns how many ranks ask to stop, in any kind of pass. */
static void test_requests_to_stop_are_counted(lks_comm *comm)
{
  static const lks_pass passes[] = {LKS_PASS_TRAIN, LKS_PASS_RUNNING};
  const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
  subject s;
  size_t first, count;
  bool ok = true;
  lks_status status = LKS_OK;
  lks_network_options o = options("5", 1);
  lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
  lks_network_shard(s.network, BATCH, &first, &count);
  for (int asking = 0; asking <= size; asking++) {
    lks_pass_result result = {.stop = -1};
    const lks_batch batch = samples(first, count, BATCH);
    status = lks_status_worse(status, lks_network_pass_all(s.network, &result, passes[asking % 2], &batch,
                                                           &input_scaling, 0, rank >= size - asking));
    ok = ok && result.stop == asking;
  }
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, ok);
}

/* Whichever batch norm it is; one with more than one pixel has more values than one. */
static void test_one_value_a_channel_is_refused(lks_comm *comm)
{
  static const char *const texts[] = {
      residual_text, "dense 9\nbatchnorm\nrelu\ndense 8\nsigmoid\ndense classes\n",
      "conv 4 3x3\nbatchnorm\nrelu\ndense 9\nbatchnorm\ndense classes\n", before_text};
  for (size_t t = 0; t < 4; t++) {
    subject s;
    lks_network_options o = options("1", 1);
    lks_assert_ok_all(comm, subject_create(&s, comm, texts[t], &o));
    lks_status status = lks_network_prepare(s.network, BATCH, true);
    const bool told = status && strstr(lks_message(), "one value a channel"),
               others = !lks_network_prepare(s.network, BATCH, false);
    subject_destroy(&s);
    lks_assert_all(comm, others && (t == 3 ? status == LKS_OK : status == LKS_ERR_USAGE && told));
  }
}

/* 37 samples: the last group would have one, and has five with that before it. */
static void test_a_lone_last_sample_joins_a_group(lks_comm *comm)
{
  subject s;
  lks_network_options o = options("4", 1);
  lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
  lks_status status = lks_network_prepare(s.network, BATCH, true);
  if (!status) status = lks_network_prepare(s.network, 36, true);
  const bool refused = lks_network_prepare(s.network, 1, true) == LKS_ERR_USAGE;
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, refused);
}

static void test_crop_out_of_sight_is_refused(lks_comm *comm)
{
  subject s;
  lks_network_options o = options("sync", 1);
  o.crop = HEIGHT + 1;
  lks_status status = subject_create(&s, comm, residual_text, &o);
  subject_destroy(&s);
  lks_assert_all(comm, status == LKS_ERR_USAGE && strstr(lks_message(), "--crop"));
}

static void test_no_allocation_inside_a_step(lks_comm *comm)
{
  long made = -1;
  lks_network_options o = options("5", 2);
  lks_status status = allocations_in_steps(&made, comm, &o);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, made == 0);
}

/* The noise of groups is the same at any rank count; none with sync; near theory where a sample is one value
 * a channel. */
static bool noise_is_right(lks_comm *comm, const char *text, const char *norm, bool dense)
{
  subject all, alone;
  lks_pass_result result;
  lks_network_options o = options(norm, 1);
  bool ok = true, sync = !strcmp(norm, "sync");
  o.measure_noise = true;
  lks_assert_ok_all(comm, subject_create(&all, comm, text, &o));
  lks_assert_ok_all(comm, subject_create(&alone, NULL, text, &o));
  lks_assert_ok_all(comm, train(&all, &result));
  lks_assert_ok_all(comm, train(&alone, &result));
  for (size_t u = 0; u < lks_network_norms(all.network); u++) {
    lks_noise a = lks_network_noise(all.network, u), b = lks_network_noise(alone.network, u);
    ok = ok && a.steps == STEPS && a.variance_of_mean == b.variance_of_mean &&
         a.variance_of_variance == b.variance_of_variance && a.theory == b.theory;
    if (sync)
      ok = ok && fabs(a.variance_of_mean) < 1e-12 && fabs(a.variance_of_variance) < 1e-12 && a.theory == 0;
    else
      ok = ok && a.variance_of_variance > 0 && a.variance_of_mean > 0 && a.variance_of_mean < 2 * a.theory;
    /* behind the first one a group's values are standardized already, which leaves their means little room */
    if (!sync && dense && u == 0)
      ok = ok && a.variance_of_mean > 0.7 * a.theory && a.variance_of_mean < 1.4 * a.theory;
  }
  subject_destroy(&all);
  subject_destroy(&alone);
  return ok;
}

/* A rank with a largest shard need not be one with the most blocks of the gradients' tree. */
static void test_footprint(lks_comm *comm)
{
  static const lks_reduce reductions[] = {LKS_REDUCE_TREE, LKS_REDUCE_MPI};
  static const char *const texts[] = {residual_text, own_groups_text};
  subject s;
  lks_network_memory foretold, others;
  for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) {
    lks_network_options o = options("5", 2);
    o.reduce = reductions[i];
    lks_assert_ok_all(comm, subject_create(&s, comm, texts[i], &o));
    lks_assert_ok_all(comm, lks_network_footprint(&foretold, s.model, &o, lks_comm_size(comm)));
    lks_assert_ok_all(comm, lks_network_footprint(&others, s.model, &o, lks_comm_size(comm) + 20));
    double held = (double)lks_network_bytes(s.network), sum = (double)lks_network_memory_sum(&foretold),
           spread[3];
    lks_assert_ok_all(comm, lks_comm_spread_all(comm, spread, &held, 1));
    lks_assert_all(comm, spread[2] <= sum && spread[2] > 0.95 * sum);
    lks_assert_all(comm, others.parameters == foretold.parameters && others.values <= foretold.values);
    lks_assert_all(comm, lks_network_memory_sum(&others) != lks_network_memory_sum(&foretold));
    subject_destroy(&s);
  }
}

static void test_noise(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5", "rank:3"};
  static const char dense_text[] = "dense 60\nbatchnorm\nrelu\ndense 40\nbatchnorm\nrelu\ndense classes\n";
  for (size_t n = 0; n < 3; n++) {
    lks_assert_all(comm, noise_is_right(comm, before_text, norms[n], false));
    lks_assert_all(comm, noise_is_right(comm, dense_text, norms[n], true));
  }
}

static void test_import_and_export(lks_comm *comm)
{
  subject s;
  lks_network_options o = options("sync", 1);
  lks_assert_ok_all(comm, subject_create(&s, comm, "maxpool 2x2\nbatchnorm\ndense classes\n", &o));
  const lks_tensor *tensor = lks_network_find(s.network, "dense1.weight");
  float file[CLASSES * 60], back[CLASSES * 60];
  bool ok = tensor && tensor->elements == CLASSES * 60;
  for (int i = 0; i < CLASSES * 60; i++) file[i] = (float)i;
  if (ok) {
    lks_network_import(s.network, tensor, file);
    lks_network_export(back, s.network, tensor);
    const float *w = lks_network_parameters(s.network) + tensor->offset;
    /* input (pixel 1, channel 2) of H,W,C is input 2*20 + 1 of C,H,W; (in,out) here, (out,in) there */
    ok = !memcmp(file, back, sizeof file) && w[(1 * 3 + 2) * CLASSES + 3] == 3 * 60 + 41;
  }
  subject_destroy(&s);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_same_bits),
      LKS_MPI_TEST(test_other_normalization_batches_differ),
      LKS_MPI_TEST(test_rank_is_the_shards_of_this_run),
      LKS_MPI_TEST(test_plain_reduction_is_close),
      LKS_MPI_TEST(test_a_pool_inside_a_batch_norm_is_one_behind_it),
      LKS_MPI_TEST(test_reductions_of_a_step),
      LKS_MPI_TEST(test_gradient_by_finite_differences),
      LKS_MPI_TEST(test_evaluation),
      LKS_MPI_TEST(test_one_example_alone),
      LKS_MPI_TEST(test_divergence_is_agreed),
      LKS_MPI_TEST(test_a_gradient_out_of_range_is_agreed),
      LKS_MPI_TEST(test_requests_to_stop_are_counted),
      LKS_MPI_TEST(test_one_value_a_channel_is_refused),
      LKS_MPI_TEST(test_a_lone_last_sample_joins_a_group),
      LKS_MPI_TEST(test_crop_out_of_sight_is_refused),
      LKS_MPI_TEST(test_no_allocation_inside_a_step),
      LKS_MPI_TEST(test_footprint),
      LKS_MPI_TEST(test_noise),
      LKS_MPI_TEST(test_import_and_export),
  };
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
