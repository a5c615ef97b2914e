#include "support/mpi_test.h"
#include "support/small_network.h"

/* Batch norms whose layers name a normalization batch, against runs that have it; their values are in test_network_values.c. */

/* A normalization batch that every layer names is one that the run has, to the bit; with norms_alike, the run's is what counts. */
static void test_groups_of_layers_are_those_of_a_run(lks_comm *comm)
{
  static const char
      plain[] =
          "conv 6 3\nbatchnorm\nrelu\nresidual\n conv 6 3\n batchnorm\nend\ndense 9\nbatchnorm\ndense classes\n",
      five[] = "conv 6 3\nbatchnorm group=5\nrelu\nresidual\n conv 6 3\n batchnorm group=5\nend\ndense 9\n"
               "batchnorm group=5\ndense classes\n";
  static const struct {
    const char *text, *norm;
    bool alike;
  } many[] = {{plain, "5", false},
              {five, "sync", false},
              {five, "13", false},
              {five, "13", true},
              {plain, "13", false}};
  subject s[5];
  lks_pass_result result;
  for (size_t i = 0; i < 5; i++) {
    lks_network_options o = options(many[i].norm, 1 + (int)(i % 2));
    o.norms_alike = many[i].alike;
    lks_assert_ok_all(comm, subject_create(&s[i], comm, many[i].text, &o));
    lks_assert_ok_all(comm, train(&s[i], &result));
  }
  const bool same = same_bits(&s[0], &s[1]) && same_bits(&s[0], &s[2]) && same_bits(&s[3], &s[4]);
  const bool differs = !same_bits(&s[2], &s[3]);
  for (size_t i = 0; i < 5; i++) subject_destroy(&s[i]);
  lks_assert_all(comm, same && differs);
}

/* The noise of a layer's own normalization batch is that of a run with it, also after a state was saved; and not that of the run. */
static void test_noise_of_own_groups(lks_comm *comm)
{
  static const char *const texts[] = {
      "dense 60\nbatchnorm\nrelu\ndense 40\nbatchnorm\nrelu\ndense classes\n",
      "dense 60\nbatchnorm group=5\nrelu\ndense 40\nbatchnorm\nrelu\ndense classes\n"};
  static double state[LKS_NOISE_STATE_MAX];
  subject s[3];
  lks_pass_result result;
  lks_noise noise[3], second[3];
  size_t saved = 0;
  for (size_t i = 0; i < 3; i++) {
    lks_network_options o = options(i == 0 ? "5" : "13", 1);
    o.measure_noise = true;
    lks_assert_ok_all(comm, subject_create(&s[i], comm, texts[i > 0], &o));
    if (i < 2) lks_assert_ok_all(comm, pass(&s[i], &result, LKS_PASS_TRAIN, 0, BATCH, 0));
    if (i == 1) saved = lks_network_noise_save(s[1].network, state);
    if (i == 2) lks_network_noise_restore(s[2].network, state, saved);
    noise[i] = lks_network_noise(s[i].network, 0);
    second[i] = lks_network_noise(s[i].network, 1);
  }
  bool ok = saved > 0 && noise[0].steps == 1 && second[0].theory != second[1].theory;
  for (size_t i = 1; i < 3; i++)
    ok = ok && noise[i].steps == 1 && noise[i].theory == noise[0].theory &&
         noise[i].variance_of_mean == noise[0].variance_of_mean &&
         noise[i].effective_samples == noise[0].effective_samples && second[i].theory == second[1].theory;
  for (size_t i = 0; i < 3; i++) subject_destroy(&s[i]);
  lks_assert_all(comm, ok);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {
      LKS_MPI_TEST(test_groups_of_layers_are_those_of_a_run),
      LKS_MPI_TEST(test_noise_of_own_groups),
  };
  make_data();
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
