#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/isa.h"
#include "kernels/onednn.h"
#include "model/isa_agree.h"
#include "support/mpi_test.h"
#include "support/small_network.h"

/* The ranks agree on an instruction set. The environment makes of one rank a lesser processor. The order of
 * the tests matters: the first network fixes the instruction set of the process. */

static lks_isa here; /* of every rank, before the environment is changed */

static lks_isa_choice choice_of(lks_isa isa)
{
  lks_isa_choice choice = LKS_ISA_CHOICE_SSE41;
  while (strcmp(lks_isa_choice_name(choice), lks_isa_name(isa)) != 0) choice++;
  return choice;
}

static bool is_last(const lks_comm *comm)
{
  return lks_comm_rank(comm) == lks_comm_size(comm) - 1;
}

static void test_what_a_rank_lacks_is_refused(lks_comm *comm)
{
  if (here == LKS_ISA_BASELINE)
    return (void)printf("skipped: there is nothing below %s\n", lks_isa_name(here));
  char *kept = getenv("ONEDNN_MAX_CPU_ISA") ? strdup(getenv("ONEDNN_MAX_CPU_ISA")) : NULL;
  if (is_last(comm)) setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1);
  char who[64];
  bool settable;
  lks_status status = lks_isa_agree_all(comm, choice_of(here));
  snprintf(who, sizeof who, "rank %d on ", lks_comm_size(comm) - 1);
  bool told = strstr(lks_message(), "leaves sse41 at best; choose --isa sse41, which all ranks have") &&
              (lks_comm_size(comm) == 1 || strstr(lks_message(), who));
  lks_status asked = lks_isa_settable_all(&settable, comm, lks_isa_name(here));
  if (kept)
    setenv("ONEDNN_MAX_CPU_ISA", kept, 1);
  else
    unsetenv("ONEDNN_MAX_CPU_ISA");
  free(kept);
  lks_assert_ok_all(comm, asked);
  lks_assert_all(comm, status == LKS_ERR_USAGE && told && !settable);
}

static void test_what_the_architecture_lacks_is_refused(lks_comm *comm)
{
  bool settable;
#if defined(__x86_64__)
  const lks_isa_choice other = LKS_ISA_CHOICE_NEON;
#else
  const lks_isa_choice other = LKS_ISA_CHOICE_AVX2;
#endif
  lks_assert_all(comm, lks_isa_agree_all(comm, other) == LKS_ERR_USAGE);
  lks_assert_ok_all(comm, lks_isa_settable_all(&settable, comm, lks_isa_choice_name(other)));
  lks_assert_all(comm, !settable);
  lks_assert_ok_all(comm, lks_isa_settable_all(&settable, comm, "avx3"));
  lks_assert_all(comm, !settable);
  lks_assert_ok_all(comm, lks_isa_settable_all(&settable, comm, lks_isa_name(here)));
  lks_assert_all(comm, settable);
}

/* The lesser rank decides for all, kernels and oneDNN alike. */
static void test_auto_is_the_least_of_the_best(lks_comm *comm)
{
  if (is_last(comm) && here > LKS_ISA_AVX2) setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const lks_isa want = here < LKS_ISA_AVX2 ? here : LKS_ISA_AVX2;
  lks_status status = lks_isa_agree_all(comm, LKS_ISA_CHOICE_AUTO);
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, lks_isa_used() == want && lks_isa_offered() == want);
#if defined(__x86_64__)
  lks_assert_all(comm, strcmp(lks_onednn_isa(), want == LKS_ISA_AVX2 ? "AVX2" : "SSE4.1") == 0);
#endif
}

static void test_bf16_names_the_setting(lks_comm *comm)
{
  subject s;
  lks_network_options o = options("sync", 1);
  o.precision = LKS_BF16;
  lks_status status = subject_create(&s, comm, pooled_text, &o);
  bool told =
      strstr(lks_message(), "needs --isa avx512_bf16") && strstr(lks_message(), "choose --precision fp32");
  subject_destroy(&s);
  lks_assert_all(comm, status == LKS_ERR_USAGE && told);
}

/* Also over fewer ranks, none of which may be a lesser one. */
static void test_later_networks_keep_it(lks_comm *comm)
{
  subject all, alone;
  lks_pass_result result = {0}, reference = {0};
  lks_network_options o = options("sync", 1);
  o.isa = LKS_ISA_CHOICE_AUTO;
  lks_assert_ok_all(comm, subject_create(&all, comm, pooled_text, &o));
  lks_assert_ok_all(comm, subject_create(&alone, NULL, pooled_text, &o));
  lks_assert_ok_all(comm, train(&all, &result));
  lks_assert_ok_all(comm, train(&alone, &reference));
  bool same = same_bits(&all, &alone) && result.loss == reference.loss;
  subject_destroy(&all);
  subject_destroy(&alone);
  o.isa = choice_of(lks_isa_used());
  lks_status again = subject_create(&all, comm, pooled_text, &o);
  subject_destroy(&all);
  lks_assert_ok_all(comm, again);
  lks_assert_all(comm, same);
}

static void test_another_one_is_refused(lks_comm *comm)
{
  if (here == LKS_ISA_BASELINE)
    return (void)printf("skipped: there is nothing below %s\n", lks_isa_name(here));
  subject s;
  bool settable;
  lks_network_options o = options("sync", 1);
  o.isa = choice_of(LKS_ISA_BASELINE);
  lks_status status = subject_create(&s, comm, pooled_text, &o);
  bool told = strstr(lks_message(), "takes one a process");
  subject_destroy(&s);
  lks_assert_all(comm, status == LKS_ERR_USAGE && told);
  lks_assert_ok_all(comm, lks_isa_settable_all(&settable, comm, lks_isa_choice_name(o.isa)));
  lks_assert_all(comm, !settable);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_what_a_rank_lacks_is_refused),
                                       LKS_MPI_TEST(test_what_the_architecture_lacks_is_refused),
                                       LKS_MPI_TEST(test_auto_is_the_least_of_the_best),
                                       LKS_MPI_TEST(test_bf16_names_the_setting),
                                       LKS_MPI_TEST(test_later_networks_keep_it),
                                       LKS_MPI_TEST(test_another_one_is_refused)};
  make_data();
  here = lks_isa_best();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
