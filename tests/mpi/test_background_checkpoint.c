#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "dataset/generate.h"
#include "lockstep/checkpoint.h"
#include "lockstep/trainer.h"
#include "support/mpi_test.h"

/* A checkpoint that is written while training goes on holds the run as it was when it was due: one of each step, against runs
 * that ended there. */

enum { STEPS = 6, SAMPLES = 16 * STEPS };

static const char model_text[] = "dense 40\nbatchnorm\nrelu\ndense classes\n";

typedef struct scene {
  char folder[64];
  lks_config config;
} scene;

static lks_status generate(const scene *s)
{
  const lks_generate_options o = {.shape = {4, 4, 1}, .classes = 3, .train = SAMPLES, .test = 13, .seed = 1};
  const lks_status status = lks_generate(s->config.data, &o, false);
  return status ? status : lks_file_write(s->config.model, model_text, strlen(model_text));
}

static void create(scene *s, lks_comm *comm)
{
  lks_test_folder_all(comm, s->folder);
  lks_config_default(&s->config);
  lks_config *c = &s->config;
  snprintf(c->data, sizeof c->data, "%s/data.h5", s->folder);
  snprintf(c->model, sizeof c->model, "%s/small.model", s->folder);
  c->threads = 1;
  c->batch_size = 16;
  c->microbatch = 4;
  c->log_every = 1;
  c->schedule = LKS_SCHEDULE_CONSTANT; /* so that a shorter run is the beginning of a longer one */
  c->warmup = 0;
  c->progress = LKS_DISPLAY_NONE;
  lks_assert_ok_all(comm, lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? generate(s) : LKS_OK));
}

static lks_status train_all(lks_train_summary *summary, lks_comm *comm, scene *s, const char *name,
                            size_t epochs, size_t every)
{
  const lks_train_hooks hooks = {.quiet = true};
  s->config.epochs = epochs;
  s->config.checkpoint_every = every;
  snprintf(s->config.output, sizeof s->config.output, "%s/%s", s->folder, name);
  return lks_train_hooked_all(summary, comm, &s->config, &hooks);
}

/* Of the checkpoint of a step. */
static lks_status fingerprint_all(char fingerprint[33], size_t *step, lks_comm *comm, const scene *s,
                                  const char *name, size_t number)
{
  char path[160];
  lks_checkpoint *checkpoint;
  snprintf(path, sizeof path, "%s/%s/checkpoint-%zu.h5", s->folder, name, number);
  const lks_status status = lks_checkpoint_open_all(&checkpoint, comm, path);
  if (status) return status;
  memcpy(fingerprint, lks_checkpoint_about(checkpoint)->fingerprint, 33);
  *step = lks_checkpoint_about(checkpoint)->state.step;
  lks_checkpoint_close(&checkpoint);
  return LKS_OK;
}

static void test_each_step(lks_comm *comm)
{
  scene s;
  lks_train_summary summary;
  char each[33], before[33] = "", end[33];
  size_t step = 0, at_end = 0;
  create(&s, comm);
  lks_assert_ok_all(comm, train_all(&summary, comm, &s, "each", 3, 1));
  for (size_t number = 1; number <= 3 * STEPS; number++) {
    lks_assert_ok_all(comm, fingerprint_all(each, &step, comm, &s, "each", number));
    lks_assert_all(comm, step == number && strcmp(each, before) != 0);
    memcpy(before, each, sizeof before);
  }
  lks_assert_all(comm, strcmp(each, summary.fingerprint) == 0);
  for (size_t epochs = 1; epochs <= 3; epochs++) {
    char name[16];
    snprintf(name, sizeof name, "short-%zu", epochs);
    lks_assert_ok_all(comm, train_all(&summary, comm, &s, name, epochs, 1000));
    lks_assert_ok_all(comm, fingerprint_all(each, &step, comm, &s, "each", epochs * STEPS));
    lks_assert_ok_all(comm, fingerprint_all(end, &at_end, comm, &s, name, epochs * STEPS));
    lks_assert_all(comm, step == at_end && strcmp(each, end) == 0 && strcmp(each, summary.fingerprint) == 0);
  }
  lks_test_folder_remove_all(comm, s.folder);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_each_step)};
  lks_log_quiet(true);
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
