#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "kernels/onednn.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* One rank's oneDNN fails within a pass: every rank hears of it at the end of that pass, by one message that
 * names the rank and the cause, and the next pass works as if nothing had been. The linker leads the calls of
 * these functions (--wrap, see tests/CMakeLists.txt) through here. */

#define REAL(function) __asm__("__real_" #function)
#define WRAPPED(function) __asm__("__wrap_" #function)

enum { PACK, FORWARD, POOL_FORWARD, BACKWARD_DATA, POOL_BACKWARD, BACKWARD_WEIGHTS, UNPACK, SITES };
static const char *const site_name[] = {"pack",          "forward",          "pool_forward", "backward_data",
                                        "pool_backward", "backward_weights", "unpack"};

static int armed = -1; /* site that fails in this process; -1: none */
static atomic_int calls_left;
static int packs; /* of weights so far */

/* Whether this call of the site is the one that fails. It fails as it would, without any output. */
static lks_status failure_at(int site)
{
  if (site != armed || atomic_fetch_sub(&calls_left, 1) != 0) return LKS_OK;
  return lks_fail(LKS_ERR_RANK, "oneDNN cannot %s", site_name[site]);
}

lks_status real_pack(void *packed, const float *w, lks_linear *linear) REAL(lks_linear_pack);
lks_status wrapped_pack(void *packed, const float *w, lks_linear *linear) WRAPPED(lks_linear_pack);
lks_status wrapped_pack(void *packed, const float *w, lks_linear *linear)
{
  lks_status status = failure_at(PACK);
  packs++;
  return status ? status : real_pack(packed, w, linear);
}

lks_status real_unpack(float *dw, float *db, const float *gradient, lks_linear *linear)
    REAL(lks_linear_unpack_gradient);
lks_status wrapped_unpack(float *dw, float *db, const float *gradient, lks_linear *linear)
    WRAPPED(lks_linear_unpack_gradient);
lks_status wrapped_unpack(float *dw, float *db, const float *gradient, lks_linear *linear)
{
  lks_status status = failure_at(UNPACK);
  return status ? status : real_unpack(dw, db, gradient, linear);
}

lks_status real_forward(void *y, const void *x, const void *packed, const float *b, lks_linear *linear,
                        int thread, void *scratch) REAL(lks_linear_forward);
lks_status wrapped_forward(void *y, const void *x, const void *packed, const float *b, lks_linear *linear,
                           int thread, void *scratch) WRAPPED(lks_linear_forward);
lks_status wrapped_forward(void *y, const void *x, const void *packed, const float *b, lks_linear *linear,
                           int thread, void *scratch)
{
  lks_status status = failure_at(FORWARD);
  return status ? status : real_forward(y, x, packed, b, linear, thread, scratch);
}

lks_status real_backward_data(void *dx, const void *dy, const void *packed, lks_linear *linear, int thread,
                              void *scratch) REAL(lks_linear_backward_data);
lks_status wrapped_backward_data(void *dx, const void *dy, const void *packed, lks_linear *linear, int thread,
                                 void *scratch) WRAPPED(lks_linear_backward_data);
lks_status wrapped_backward_data(void *dx, const void *dy, const void *packed, lks_linear *linear, int thread,
                                 void *scratch)
{
  lks_status status = failure_at(BACKWARD_DATA);
  return status ? status : real_backward_data(dx, dy, packed, linear, thread, scratch);
}

lks_status real_backward_weights(float *gradient, const void *x, const void *dy, lks_linear *linear,
                                 int thread, void *scratch) REAL(lks_linear_backward_weights);
lks_status wrapped_backward_weights(float *gradient, const void *x, const void *dy, lks_linear *linear,
                                    int thread, void *scratch) WRAPPED(lks_linear_backward_weights);
lks_status wrapped_backward_weights(float *gradient, const void *x, const void *dy, lks_linear *linear,
                                    int thread, void *scratch)
{
  lks_status status = failure_at(BACKWARD_WEIGHTS);
  return status ? status : real_backward_weights(gradient, x, dy, linear, thread, scratch);
}

lks_status real_pool_forward(void *y, void *workspace, const void *x, lks_pool *pool, int thread,
                             void *scratch) REAL(lks_pool_forward);
lks_status wrapped_pool_forward(void *y, void *workspace, const void *x, lks_pool *pool, int thread,
                                void *scratch) WRAPPED(lks_pool_forward);
lks_status wrapped_pool_forward(void *y, void *workspace, const void *x, lks_pool *pool, int thread,
                                void *scratch)
{
  lks_status status = failure_at(POOL_FORWARD);
  return status ? status : real_pool_forward(y, workspace, x, pool, thread, scratch);
}

lks_status real_pool_backward(void *dx, const void *dy, const void *workspace, lks_pool *pool, int thread,
                              void *scratch) REAL(lks_pool_backward);
lks_status wrapped_pool_backward(void *dx, const void *dy, const void *workspace, lks_pool *pool, int thread,
                                 void *scratch) WRAPPED(lks_pool_backward);
lks_status wrapped_pool_backward(void *dx, const void *dy, const void *workspace, lks_pool *pool, int thread,
                                 void *scratch)
{
  lks_status status = failure_at(POOL_BACKWARD);
  return status ? status : real_pool_backward(dx, dy, workspace, pool, thread, scratch);
}

typedef struct trial {
  int site, call;   /* that fails: of this site, after so many others */
  int rank, second; /* where; second: another one, or none (negative) */
  lks_pass kind;
} trial;

/* The pass of `s` that fails, as every rank has to see it. */
static bool fails_all(lks_comm *comm, subject *s, const trial *t)
{
  lks_pass_result result = {.samples = -1};
  const int rank = lks_comm_rank(comm);
  char who[32] = "", cause[64];
  armed = rank == t->rank || rank == t->second ? t->site : -1;
  atomic_store(&calls_left, t->call);
  const lks_status status = pass(s, &result, t->kind, 0, BATCH, 0);
  const bool failed = armed < 0 || atomic_load(&calls_left) < 0;
  armed = -1;
  snprintf(cause, sizeof cause, "oneDNN cannot %s", site_name[t->site]);
  if (lks_comm_size(comm) > 1) snprintf(who, sizeof who, "rank %d on ", t->rank);
  const char *told = strstr(lks_message(), cause);
  const bool once = told && !strstr(told + 1, cause);
  return failed && status == LKS_ERR_RANK && once && !strncmp(lks_message(), who, strlen(who)) &&
         result.samples == -1;
}

/* A failed pass and then a good one, against the good one alone. */
static void run_trial(lks_comm *comm, const char *norm, int threads, trial t)
{
  subject s, untouched;
  lks_pass_result result = {0}, expected = {0};
  const lks_network_options o = options(norm, threads);
  lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
  lks_assert_ok_all(comm, subject_create(&untouched, comm, residual_text, &o));
  const bool ok = fails_all(comm, &s, &t);
  lks_assert_all(comm, ok);
  lks_status status = pass(&s, &result, LKS_PASS_TRAIN, BATCH, BATCH, 1);
  if (!status) status = pass(&untouched, &expected, LKS_PASS_TRAIN, BATCH, BATCH, 1);
  const bool same = same_bits(&s, &untouched) && result.loss == expected.loss &&
                    result.samples == expected.samples && lks_network_batches_tracked(s.network) == 1;
  subject_destroy(&s);
  subject_destroy(&untouched);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, same);
}

static void test_each_site_on_each_end(lks_comm *comm)
{
  const int last = lks_comm_size(comm) - 1;
  for (int site = 0; site < SITES; site++) {
    run_trial(comm, "sync", 1, (trial){site, 0, last, -1, LKS_PASS_TRAIN});
    run_trial(comm, "5", 2, (trial){site, 1, 0, -1, LKS_PASS_TRAIN});
  }
}

static void test_outside_of_training(lks_comm *comm)
{
  static const lks_pass passes[] = {LKS_PASS_RUNNING, LKS_PASS_BATCH, LKS_PASS_PRECISE};
  const int last = lks_comm_size(comm) - 1;
  for (int k = 0; k < 3; k++) {
    run_trial(comm, "5", 1, (trial){FORWARD, 3, last, -1, passes[k]});
    run_trial(comm, "sync", 1, (trial){PACK, 2, last, -1, passes[k]});
  }
}

/* Of two ranks the lower one is named. */
static void test_two_ranks(lks_comm *comm)
{
  const int size = lks_comm_size(comm);
  if (size < 3) return; /* two of two would be all, and all is nobody to name */
  run_trial(comm, "sync", 1, (trial){FORWARD, 0, 1, size - 1, LKS_PASS_TRAIN});
  run_trial(comm, "5", 2, (trial){BACKWARD_WEIGHTS, 2, 0, 1, LKS_PASS_TRAIN});
}

/* What a pass that failed had gathered is not part of the precise statistics. */
static void test_precise_statistics_without_the_failed_pass(lks_comm *comm)
{
  subject s, untouched;
  lks_pass_result result;
  const lks_network_options o = options("sync", 1);
  const trial t = {FORWARD, 5, lks_comm_size(comm) - 1, -1, LKS_PASS_PRECISE};
  lks_assert_ok_all(comm, subject_create(&s, comm, residual_text, &o));
  lks_assert_ok_all(comm, subject_create(&untouched, comm, residual_text, &o));
  const bool failed = fails_all(comm, &s, &t);
  lks_assert_all(comm, failed);
  lks_status status = pass(&s, &result, LKS_PASS_PRECISE, 30, BATCH, 0);
  if (!status) status = pass(&untouched, &result, LKS_PASS_PRECISE, 30, BATCH, 0);
  if (!status) status = lks_network_precise_set_all(s.network);
  if (!status) status = lks_network_precise_set_all(untouched.network);
  const bool same = same_bits(&s, &untouched);
  subject_destroy(&s);
  subject_destroy(&untouched);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, same);
}

/* A pass whose values are not finite leaves none of them behind: the next, smaller mini-batch has rows past
 * its end in the same memory, and a gradient of 0 does not make up for them. */
static void test_nothing_is_left_of_a_diverged_pass(lks_comm *comm)
{
  static const char *const texts[] = {residual_text, before_text, pooled_text};
  for (size_t t = 0; t < 6; t++) {
    subject s, untouched;
    lks_pass_result result = {0}, expected = {0};
    const lks_network_options o = options(t < 3 ? "sync" : "5", 1);
    lks_assert_ok_all(comm, subject_create(&s, comm, texts[t % 3], &o));
    lks_assert_ok_all(comm, subject_create(&untouched, comm, texts[t % 3], &o));
    float *w = lks_network_parameters(s.network);
    const float before = w[3];
    w[3] = NAN;
    lks_network_parameters_changed(s.network);
    const lks_status diverged = pass(&s, &result, LKS_PASS_TRAIN, 0, BATCH, 0);
    w[3] = before;
    lks_network_parameters_changed(s.network);
    lks_status status = pass(&s, &result, LKS_PASS_TRAIN, BATCH, 22, 1);
    if (!status) status = pass(&untouched, &expected, LKS_PASS_TRAIN, BATCH, 22, 1);
    const bool same = same_bits(&s, &untouched) && result.loss == expected.loss;
    subject_destroy(&s);
    subject_destroy(&untouched);
    lks_assert_all(comm, diverged == LKS_ERR_DIVERGED);
    lks_assert_ok_all(comm, status);
    lks_assert_all(comm, same);
  }
}

/* Weights are packed once, and again when they were changed. */
static void test_weights_are_packed_once(lks_comm *comm)
{
  subject s;
  lks_pass_result result;
  const lks_network_options o = options("sync", 1);
  int before[4], weights = 0;
  lks_assert_ok_all(comm, subject_create(&s, comm, before_text, &o));
  lks_status status = LKS_OK;
  for (int k = 0; k < 4; k++) {
    before[k] = packs;
    if (k == 2) lks_network_parameters_changed(s.network);
    status = lks_status_worse(status, pass(&s, &result, k < 3 ? LKS_PASS_RUNNING : LKS_PASS_TRAIN, 0, 9, 0));
  }
  const int last = packs - before[3];
  for (size_t t = 0; t < lks_network_tensors(s.network); t++)
    weights += lks_network_tensor(s.network, t)->kind == LKS_TENSOR_WEIGHT;
  subject_destroy(&s);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, before[1] - before[0] == weights && before[2] == before[1] &&
                           before[3] - before[2] == weights);
  lks_assert_all(comm, last == 0);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_each_site_on_each_end),
      LKS_MPI_TEST(test_outside_of_training),
      LKS_MPI_TEST(test_two_ranks),
      LKS_MPI_TEST(test_precise_statistics_without_the_failed_pass),
      LKS_MPI_TEST(test_weights_are_packed_once),
      LKS_MPI_TEST(test_nothing_is_left_of_a_diverged_pass),
  };
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
