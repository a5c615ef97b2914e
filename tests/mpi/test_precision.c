#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "kernels/isa.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* Networks whose activations are bf16: the same bits over all ranks as in one process, and close to fp32. */

static lks_network_options bf16(const char *norm, int threads)
{
  lks_network_options o = options(norm, threads);
  o.precision = LKS_BF16;
  return o;
}

static void test_same_bits(lks_comm *comm)
{
  static const char *const norms[] = {"sync", "5", "rank:3", "none"};
  static const char *const texts[] = {residual_text, before_text, pooled_text};
  for (size_t i = 0; i < 12; i++) {
    subject all, alone;
    lks_pass_result result = {0}, reference = {0};
    lks_network_options many = bf16(norms[i % 4], 1 + (int)(i % 2)), one = bf16(norms[i % 4], 1);
    lks_assert_ok_all(comm, subject_create(&all, comm, texts[i / 4], &many));
    lks_assert_ok_all(comm, subject_create(&alone, NULL, texts[i / 4], &one));
    lks_assert_ok_all(comm, train(&all, &result));
    lks_assert_ok_all(comm, train(&alone, &reference));
    bool same = same_bits(&all, &alone) && result.loss == reference.loss;
    subject_destroy(&all);
    subject_destroy(&alone);
    lks_assert_all(comm, same);
  }
}

/* bf16 has 8 bits: a value is off by 2^-8 of itself at most. That is a hundredth of the loss after some ten
 * layers, and more of the gradient, where a relu or a maximum is on its other side. */
static void test_close_to_fp32(lks_comm *comm)
{
  static const char *const texts[] = {residual_text, before_text};
  static const double bound[] = {0.3, 0.02};
  for (size_t t = 0; t < 2; t++) {
    subject wide, narrow, other;
    lks_pass_result result = {0}, reference = {0}, unused;
    lks_network_options o = options("sync", 1), p = bf16("sync", 1), q = bf16("8", 1);
    lks_assert_ok_all(comm, subject_create(&wide, comm, texts[t], &o));
    lks_assert_ok_all(comm, subject_create(&narrow, comm, texts[t], &p));
    lks_assert_ok_all(comm, subject_create(&other, comm, texts[t], &q));
    lks_assert_ok_all(comm, pass(&wide, &reference, LKS_PASS_TRAIN, 0, BATCH, 0));
    lks_assert_ok_all(comm, pass(&narrow, &result, LKS_PASS_TRAIN, 0, BATCH, 0));
    lks_assert_ok_all(comm, pass(&other, &unused, LKS_PASS_TRAIN, 0, BATCH, 0));
    double distance = gradient_distance(&wide, &narrow), apart = gradient_distance(&wide, &other);
    double loss = fabs(result.loss - reference.loss) / reference.loss;
    /* A small shard saves less than the room that AMX wants for each thread, however few samples there are. */
    bool smaller =
        lks_comm_size(comm) > 1 || lks_network_bytes(narrow.network) < lks_network_bytes(wide.network);
    subject_destroy(&wide);
    subject_destroy(&narrow);
    subject_destroy(&other);
    if (lks_comm_rank(comm) == 0)
      printf("gradients: bf16 %.4f, another normalization batch %.4f; loss %.4f\n", distance, apart, loss);
    lks_assert_all(comm,
                   distance > 0 && distance < bound[t] && apart > 2 * distance && loss < 0.05 && smaller);
  }
}

static void test_one_example_alone(lks_comm *comm)
{
  bool same = false;
  lks_network_options o = bf16("sync", 1);
  lks_status status = samples_alone(&same, &o);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, same);
}

/* Logits that come from no dense layer are bf16, and read as fp32. */
static void test_other_last_layers(lks_comm *comm)
{
  static const char *const texts[] = {"conv classes 3x3\nglobalavgpool\n", "dense classes\nbatchnorm\n",
                                      "conv 5 3x3\nrelu\ndense classes\n"};
  for (size_t t = 0; t < 3; t++) {
    subject all, alone;
    lks_pass_result result = {0}, reference = {0};
    lks_network_options o = bf16("sync", 1);
    lks_assert_ok_all(comm, subject_create(&all, comm, texts[t], &o));
    lks_assert_ok_all(comm, subject_create(&alone, NULL, texts[t], &o));
    lks_assert_ok_all(comm, train(&all, &result));
    lks_assert_ok_all(comm, train(&alone, &reference));
    bool same = same_bits(&all, &alone) && result.loss == reference.loss && result.loss > 0;
    subject_destroy(&all);
    subject_destroy(&alone);
    lks_assert_all(comm, same);
  }
}

static void test_no_allocation_inside_a_step(lks_comm *comm)
{
  long made = -1;
  lks_network_options o = bf16("5", 2);
  lks_status status = allocations_in_steps(&made, comm, &o);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, made == 0);
}

static void test_bf16_is_refused(lks_comm *comm)
{
  subject s;
  lks_network_options o = bf16("sync", 1);
  lks_status status = subject_create(&s, comm, residual_text, &o);
  bool told = strstr(lks_message(), "choose --precision fp32");
  subject_destroy(&s);
  lks_assert_all(comm, status == LKS_ERR_USAGE && told);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test refusal[] = {LKS_MPI_TEST(test_bf16_is_refused)};
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_same_bits),
      LKS_MPI_TEST(test_close_to_fp32),
      LKS_MPI_TEST(test_one_example_alone),
      LKS_MPI_TEST(test_other_last_layers),
      LKS_MPI_TEST(test_no_allocation_inside_a_step),
  };
  make_data();
  if (lks_isa_best() < LKS_ISA_AVX512_BF16) {
    int failed = LKS_MPI_TEST_MAIN(argc, argv, refusal);
    printf("skipped: bf16 but for its refusal, this processor has none\n");
    return failed ? failed : 77;
  }
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
