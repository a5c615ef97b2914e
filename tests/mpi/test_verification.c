/* One bit that one rank holds otherwise is found, and its rank and tensor are named. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above and setjmp.h */
#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/verification.h"
#include "lockstep/checkpoint.h"
#include "support/mpi_test.h"

static const char model_text[] =
    "conv 4 3x3\nbatchnorm\nrelu\nmaxpool 2x2\ndense 6\nbatchnorm\nrelu\ndense classes\n";

typedef struct subject {
  lks_config config;
  lks_dataset *dataset;
  lks_model *model;
  lks_network *network;
  lks_optimizer *optimizer;
} subject;

static void create(subject *s, lks_comm *comm)
{
  lks_config_default(&s->config);
  lks_config_set(&s->config, "data", LKS_TEST_SOURCE_DIR "/data/digits.h5");
  lks_config_set(&s->config, "optimizer", "adam");
  lks_assert_ok_all(comm, lks_config_check(&s->config));
  lks_assert_ok_all(comm, lks_dataset_open_all(&s->dataset, comm, s->config.data, NULL));
  lks_assert_ok_all(comm, lks_model_parse(&s->model, model_text, "test", lks_dataset_shape(s->dataset),
                                          lks_dataset_classes(s->dataset), false));
  const lks_network_options options = {
      .batch_size = 32, .microbatch = 4, .epsilon = 1e-5, .momentum = 0.1, .seed = 3, .threads = 1};
  lks_assert_ok_all(comm, lks_network_create_all(&s->network, s->model, comm, &options));
  lks_assert_ok_all(comm, lks_optimizer_create(&s->optimizer, &s->config, s->network));
  lks_optimizer_step(s->optimizer, 0.01);
}

static void destroy(subject *s)
{
  lks_optimizer_destroy(&s->optimizer);
  lks_network_destroy_all(&s->network);
  lks_model_destroy(&s->model);
  lks_dataset_close_all(&s->dataset);
}

typedef struct place {
  const char *tensor, *moment; /* moment NULL: the tensor itself */
  const char *name;            /* as a message has it */
} place;

static const place places[] = {{"conv1.weight", NULL, ": conv1.weight;"},
                               {"dense2.bias", NULL, ": dense2.bias;"},
                               {"bn2.running_var", NULL, ": bn2.running_var;"},
                               {"dense1.weight", "exp_avg", ": exp_avg of dense1.weight;"},
                               {"bn1.weight", "exp_avg_sq", ": exp_avg_sq of bn1.weight;"}};
enum { PLACES = sizeof places / sizeof *places };

/* The lowest bit of a tensor's last element. */
static void flip(subject *s, const place *p)
{
  const lks_tensor *tensor = lks_network_find(s->network, p->tensor);
  float *values =
      tensor->kind <= LKS_TENSOR_BETA ? lks_network_parameters(s->network) : lks_network_running(s->network);
  for (size_t m = 0; p->moment && m < lks_optimizer_moments(s->optimizer); m++)
    if (!strcmp(lks_optimizer_moment_name(s->optimizer, m), p->moment))
      values = lks_optimizer_moment(s->optimizer, m);
  *((unsigned char *)(values + tensor->offset + tensor->elements - 1)) ^= 1;
}

static bool says(const char *text)
{
  return strstr(lks_message(), text) != NULL;
}

/* What the message must say of one wrong rank among `ranks`. */
static bool blames(int rank, int ranks)
{
  char who[32], rest[64];
  if (ranks == 2) return says("ranks 0 (") && says(", 1 (") && says("no majority");
  snprintf(who, sizeof who, "rank %d (", rank);
  snprintf(rest, sizeof rest, "holds other bits than the %d ranks that agree", ranks - 1);
  return says(who) && says(rest) && strstr(lks_message(), who) == lks_message();
}

static void test_one_bit_on_one_rank(lks_comm *comm)
{
  subject s;
  const int ranks = lks_comm_size(comm), me = lks_comm_rank(comm);
  create(&s, comm);
  for (int p = 0; p < PLACES; p++)
    for (int wrong = 0; wrong < ranks; wrong++) {
      lks_assert_ok_all(comm, lks_verification_check_all(comm, s.network, s.optimizer));
      if (me == wrong) flip(&s, &places[p]);
      const lks_status status = lks_verification_check_all(comm, s.network, s.optimizer);
      const bool found = status == LKS_ERR_RANK && says(places[p].name) && blames(wrong, ranks);
      lks_assert_all(comm, ranks == 1 ? status == LKS_OK : found);
      if (me == wrong) flip(&s, &places[p]);
    }
  destroy(&s);
}

/* All ranks alike, with other bits than before: that is what a step does. */
static void test_the_same_change_on_all_ranks(lks_comm *comm)
{
  subject s;
  create(&s, comm);
  for (int p = 0; p < PLACES; p++) flip(&s, &places[p]);
  lks_network_batches_tracked_set(s.network, 9);
  lks_assert_ok_all(comm, lks_verification_check_all(comm, s.network, s.optimizer));
  lks_assert_ok_all(comm, lks_verification_check_all(comm, s.network, NULL));
  destroy(&s);
}

static void test_moments_count_with_an_optimizer_alone(lks_comm *comm)
{
  subject s;
  create(&s, comm);
  if (lks_comm_rank(comm) == 0) flip(&s, &places[3]);
  lks_assert_ok_all(comm, lks_verification_check_all(comm, s.network, NULL));
  destroy(&s);
}

static void test_the_counts(lks_comm *comm)
{
  subject s;
  const int ranks = lks_comm_size(comm);
  create(&s, comm);
  if (lks_comm_rank(comm) == ranks - 1) lks_optimizer_steps_set(s.optimizer, 2);
  lks_status status = lks_verification_check_all(comm, s.network, s.optimizer);
  lks_assert_all(comm, ranks == 1 ? status == LKS_OK
                                  : status == LKS_ERR_RANK && says(": the number of steps done;"));
  destroy(&s);
}

/* Two wrong ranks, each in a way of its own, of at least five; of fewer there is no majority, or they are it. */
static void test_several_wrong_ranks(lks_comm *comm)
{
  subject s;
  const int ranks = lks_comm_size(comm), me = lks_comm_rank(comm);
  create(&s, comm);
  if (ranks >= 3 && me == 1) flip(&s, &places[0]);
  if (ranks >= 3 && me == 2) {
    flip(&s, &places[1]);
    flip(&s, &places[2]);
  }
  const lks_status status = lks_verification_check_all(comm, s.network, s.optimizer);
  bool found = status == LKS_OK;
  if (ranks == 3 || ranks == 4)
    found = says("no majority") && says("ranks 0 (") && says("conv1.weight and 2 more");
  if (ranks >= 5)
    found = says("ranks 1 (") && says(", 2 (") && says("hold other bits") && says("conv1.weight and 2 more");
  lks_assert_all(comm, found);
  destroy(&s);
}

static void test_nothing_is_written(lks_comm *comm)
{
  subject s;
  char folder[64], path[128];
  const lks_run_state state = {.epoch = 0};
  const int ranks = lks_comm_size(comm);
  lks_test_folder_all(comm, folder);
  snprintf(path, sizeof path, "%s/checkpoint-0.h5", folder);
  create(&s, comm);
  if (lks_comm_rank(comm) == ranks - 1) flip(&s, &places[2]);
  const lks_status status =
      lks_checkpoint_write_all(comm, path, &s.config, s.model, s.dataset, s.network, s.optimizer, &state);
  const bool refused = status == LKS_ERR_RANK && says(places[2].name) && blames(ranks - 1, ranks);
  lks_assert_all(comm, ranks == 1 ? status == LKS_OK : refused && !lks_file_exists(path));
  destroy(&s);
  lks_test_folder_remove_all(comm, folder);
}

static const lks_mpi_test tests[] = {
    LKS_MPI_TEST(test_one_bit_on_one_rank),
    LKS_MPI_TEST(test_the_same_change_on_all_ranks),
    LKS_MPI_TEST(test_moments_count_with_an_optimizer_alone),
    LKS_MPI_TEST(test_the_counts),
    LKS_MPI_TEST(test_several_wrong_ranks),
    LKS_MPI_TEST(test_nothing_is_written),
};

int main(int argc, char **argv)
{
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
