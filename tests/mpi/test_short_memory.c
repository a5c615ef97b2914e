/* One rank gets no memory, at one place after another of an evaluation and of a training run: all ranks end with the
 * same error, none waits for ever, nothing is left, and the same work succeeds afterwards. The linker leads the
 * calls of lks_new and of arenas here (--wrap, see tests/CMakeLists.txt). With --all, every place of every rank;
 * without, some, which are others for each rank and each work; a second argument names the one test that is run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above */
#include <cmocka.h>

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "compare/comparison_runs.h"
#include "compare/results.h"
#include "compare/tuning.h"
#include "dataset/generate.h"
#include "lockstep/trainer.h"
#include "support/mpi_test.h"

enum { TEST_SAMPLES = 13, SECONDS = 30, TRIES = 12, ARMS = 2 };

static const char model_text[] =
    "conv 3 2x2 name=z\nbatchnorm name=a\nrelu\nmaxpool 2x2\nglobalavgpool\ndense 5\nbatchnorm\nrelu\n"
    "dense classes\n";

static bool all_places;

/** Of this thread: which call fails, from 0; -1: none, and none is counted. */
static _Thread_local int fail_at = -1, calls;

static bool fails(void)
{
  return fail_at >= 0 && calls++ == fail_at;
}

static lks_status refuse(void)
{
  return lks_fail(LKS_ERR_RANK, "no memory on purpose");
}

void *real_lks_new(size_t count, size_t size) __asm__("__real_lks_new");
void *wrap_lks_new(size_t count, size_t size) __asm__("__wrap_lks_new");
void *wrap_lks_new(size_t count, size_t size)
{
  if (!fails()) return real_lks_new(count, size);
  refuse();
  return NULL;
}

lks_status real_lks_arena_create(lks_arena **arena) __asm__("__real_lks_arena_create");
lks_status wrap_lks_arena_create(lks_arena **arena) __asm__("__wrap_lks_arena_create");
lks_status wrap_lks_arena_create(lks_arena **arena)
{
  if (!fails()) return real_lks_arena_create(arena);
  *arena = NULL;
  return refuse();
}

lks_status real_lks_arena_commit(lks_arena *arena) __asm__("__real_lks_arena_commit");
lks_status wrap_lks_arena_commit(lks_arena *arena) __asm__("__wrap_lks_arena_commit");
lks_status wrap_lks_arena_commit(lks_arena *arena)
{
  void *nowhere;
  if (!fails()) return real_lks_arena_commit(arena);
  lks_arena_reserve(arena, &nowhere, SIZE_MAX, 2);
  return real_lks_arena_commit(arena) ? refuse() : LKS_OK;
}

/** What a crash of the machine would leave is of no interest, and the disk slow. */
int wrap_fsync(int file) __asm__("__wrap_fsync");
int wrap_fsync(int file)
{
  (void)file;
  return 0;
}

/** What is under way, for the report of a hang. */
static char where[160];

static void tell_hang(int number)
{
  (void)number;
  const ssize_t written = write(STDERR_FILENO, where, strlen(where));
  _exit(written > 0 ? 1 : 2);
}

/** What a work came to; equal whatever went wrong before. */
typedef struct outcome {
  char fingerprint[ARMS][33];
  double loss, accuracy, lr[ARMS];
  int32_t predictions[TEST_SAMPLES];
} outcome;

typedef struct scene {
  lks_comm *comm; /* of the work alone: asserting works even when it left its ranks out of step */
  char folder[64], data[96], checkpoint[LKS_TEXT_MAX + 16];
  lks_config config;
  lks_evaluator *evaluator; /* that outlives its failures, or NULL */
  lks_dataset *dataset;     /* for that one */
  size_t evaluations;
  int tries; /* of each rank, when not all places are tried */
} scene;

static lks_status generate(const scene *s)
{
  const lks_generate_options o = {
      .shape = {4, 4, 1}, .classes = 3, .train = 43, .test = TEST_SAMPLES, .seed = 1};
  const lks_status status = lks_generate(s->data, &o, false);
  return status ? status : lks_file_write(s->config.model, model_text, strlen(model_text));
}

static void create(scene *s, lks_comm *comm)
{
  *s = (scene){.tries = TRIES};
  lks_log_enable(false); /* warnings of runs that begin anew */
  lks_test_folder_all(comm, s->folder);
  snprintf(s->data, sizeof s->data, "%s/data.h5", s->folder);
  lks_config_default(&s->config);
  snprintf(s->config.model, sizeof s->config.model, "%s/small.model", s->folder);
  lks_assert_ok_all(comm, lks_comm_agree_all(comm, lks_comm_rank(comm) == 0 ? generate(s) : LKS_OK));
  lks_assert_ok_all(comm, lks_comm_create_all(&s->comm, MPI_COMM_WORLD));
  s->config.threads = 1;
  s->config.batch_size = 16;
  s->config.microbatch = 4;
  s->config.epochs = 1;
  s->config.holdout = 8;
  s->config.log_every = 2;
  s->config.log_test = true;
  s->config.checkpoint_every = 2;
  s->config.noise = true;
  s->config.probes = LKS_PROBE_ACTIVATIONS | LKS_PROBE_DRIFT | LKS_PROBE_GRADIENTS | LKS_PROBE_LANDSCAPE;
  s->config.probe_samples = 9;
  s->config.probe_every = 2;
  s->config.progress = LKS_DISPLAY_NONE;
  s->config.resume = true;
  snprintf(s->config.data, sizeof s->config.data, "%s", s->data);
  snprintf(s->config.cache, sizeof s->config.cache, "%s/cache", s->folder);
}

static void destroy(scene *s, lks_comm *comm)
{
  lks_comm_destroy_all(&s->comm);
  lks_test_folder_remove_all(comm, s->folder);
  lks_log_enable(lks_comm_rank(comm) == 0);
}

/** Begins or goes on with the run of that number. */
static lks_status train(outcome *out, scene *s, int run)
{
  const lks_train_hooks hooks = {.quiet = true, .precise = true};
  lks_train_summary summary = {.steps = 0};
  snprintf(s->config.output, sizeof s->config.output, "%s/run%d", s->folder, run);
  const lks_status status = lks_train_hooked_all(&summary, s->comm, &s->config, &hooks);
  memcpy(out->fingerprint[0], summary.fingerprint, sizeof out->fingerprint[0]);
  out->loss = summary.precise_loss;
  out->accuracy = summary.precise_accuracy;
  return status;
}

static lks_status evaluate(outcome *out, scene *s, int run)
{
  (void)run;
  lks_evaluation result = {.samples = 0};
  const lks_evaluate_options options = {.statistics = LKS_STATISTICS_PRECISE,
                                        .statistics_from = s->data,
                                        .input_from = s->data,
                                        .batch_size = 5,
                                        .order = LKS_ORDER_CLASS,
                                        .cache = s->config.cache,
                                        .predictions = out->predictions};
  const lks_status status = lks_evaluate_all(&result, s->comm, s->checkpoint, s->data, &options);
  out->loss = result.loss;
  out->accuracy = result.accuracy;
  return status;
}

/** With one evaluator for all: what failed must not have left its ranks with different plans of mini-batches. */
static lks_status reevaluate(outcome *out, scene *s, int run)
{
  (void)run;
  lks_evaluation result = {.samples = 0};
  lks_evaluate_options options = {.batch_size = 1 + s->evaluations++ % TEST_SAMPLES,
                                  .predictions = out->predictions};
  lks_status status = lks_evaluator_run_all(&result, s->evaluator, s->dataset, &options);
  options.batch_size = 5;
  if (!status) status = lks_evaluator_run_all(&result, s->evaluator, s->dataset, &options);
  out->loss = result.loss;
  out->accuracy = result.accuracy;
  return status;
}

static lks_status prepare_comparison(lks_comparison *c, const scene *s, int run)
{
  *c = (lks_comparison){
      .base = s->config, .first_seed = 1, .seeds = 1, .margin = LKS_MARGIN, .tune_holdout = 8};
  c->ranks_per_run = run % 2 ? 1 : 0; /* side by side, and as all ranks choose */
  snprintf(c->directory, sizeof c->directory, "%s/comparison%d", s->folder, run);
  c->base.resume = false;
  c->base.holdout = c->base.log_every = c->base.checkpoint_every = 0;
  c->base.log_test = false;
  c->base.probes = 0;
  lks_status status = lks_config_check(&c->base);
  if (!status) status = lks_comparison_arms(c, "sync,none", lks_comm_size(s->comm));
  return status ? status : lks_comparison_rates(c, "0.1,0.02");
}

/** Rank 0. */
static lks_status read_comparison(outcome *out, const lks_comparison *c)
{
  for (size_t arm = 0; arm < ARMS; arm++) {
    char folder[LKS_TEXT_MAX];
    lks_run_result result;
    bool done = false;
    lks_comparison_run_folder(folder, c, arm, 0);
    const lks_status status = lks_run_result_read(&result, &done, folder);
    if (status) return status;
    if (!done) return lks_fail(LKS_ERR_DATA, "%s came to no end", folder);
    memcpy(out->fingerprint[arm], result.fingerprint, sizeof out->fingerprint[arm]);
    lks_tuning tuning;
    if (lks_tuning_read(&tuning, &done, c, arm) != LKS_OK || !done)
      return lks_fail(LKS_ERR_DATA, "no rate was chosen in %s", c->directory);
    out->lr[arm] = tuning.rate[tuning.chosen];
  }
  return LKS_OK;
}

/** Learning rates are tried as well. */
static lks_status compare(outcome *out, scene *s, int run)
{
  static lks_comparison c;
  const lks_comparison_part part = {.all = true};
  const int place = fail_at;
  fail_at = -1;
  lks_status status = prepare_comparison(&c, s, run);
  fail_at = place;
  if (!status) status = lks_comparison_train_all(s->comm, &c, &part);
  fail_at = -1;
  if (status) return status;
  status = lks_comm_agree_all(s->comm, lks_comm_rank(s->comm) == 0 ? read_comparison(out, &c) : LKS_OK);
  return status ? status : lks_comm_broadcast_all(s->comm, out, sizeof *out, 0);
}

/** All runs are there, and which rate is best is to be found out again. */
static lks_status choose(outcome *out, scene *s, int run)
{
  char path[LKS_TEXT_MAX];
  (void)run;
  for (int arm = 0; arm < ARMS && lks_comm_rank(s->comm) == 0; arm++) {
    snprintf(path, sizeof path, "%s/comparison0/tune/%s.ini", s->folder, arm ? "none" : "sync");
    unlink(path);
  }
  return compare(out, s, 0);
}

typedef lks_status work(outcome *out, scene *s, int run);

/** LKS_ERR_RANK with the cause, in the words of who needed the memory, the same on all ranks; or the work was done
 * without that memory. */
static bool ended_alike_all(lks_comm *comm, lks_status status)
{
  char message[512] = "";
  lks_status first = status;
  snprintf(message, sizeof message, "%s", lks_message());
  lks_comm_broadcast_all(comm, message, sizeof message, 0);
  lks_comm_broadcast_all(comm, &first, sizeof first, 0);
  if (status != first || !status) return status == first;
  return status == LKS_ERR_RANK && strcmp(message, lks_message()) == 0 && strstr(message, "memory") &&
         !strstr(message, "another rank");
}

/** The work with the memory of one place missing, and again without; *failed: the first ended with an error. */
static bool try_all(bool *failed, lks_comm *comm, scene *s, work *what, const outcome *right, int run)
{
  outcome first, again;
  memset(&first, 0, sizeof first); /* what lies between members is compared as well */
  memset(&again, 0, sizeof again);
  const long before = lks_allocations_open();
  alarm((unsigned)lks_test_patience(SECONDS));
  calls = 0;
  const lks_status status = what(&first, s, run);
  fail_at = -1;
  *failed = status != LKS_OK;
  bool ok = ended_alike_all(comm, status) && (s->evaluator || lks_allocations_open() == before);
  if (!status) ok = ok && memcmp(&first, right, sizeof first) == 0;
  if (!ok)
    fprintf(stderr, "%sended with status %d, %ld allocations left: %s\n", where, (int)status,
            lks_allocations_open() - before, lks_message());
  const lks_status later = what(&again, s, run);
  const bool recovered = !later && memcmp(&again, right, sizeof again) == 0;
  if (!recovered)
    fprintf(stderr, "%safter it: status %d, %s, fingerprint %s: %s\n", where, (int)later,
            later ? "an error" : "another result", again.fingerprint[0], lks_message());
  alarm(0);
  return ok && recovered;
}

/** The places of one rank, of `count`. */
static bool try_rank_all(int *run, lks_comm *comm, scene *s, work *what, const outcome *right, int rank,
                         int count)
{
  const int some = all_places || count < s->tries ? count : s->tries;
  const int tries = s->evaluator ? 3 * count : some; /* its failures add up */
  int failures = 0;
  bool ok = true;
  for (int i = 0; i < tries; i++) {
    const int place = s->evaluator ? i % count : (int)(((long)i * count + *run % count) / tries) % count;
    bool failed;
    snprintf(where, sizeof where, "the call %d of %d for memory on rank %d, in run %d: rank %d: ", place,
             count, rank, *run, lks_comm_rank(comm));
    fail_at = lks_comm_rank(comm) == rank ? place : -1;
    ok = try_all(&failed, comm, s, what, right, (*run)++) && ok;
    failures += failed;
  }
  if (lks_comm_rank(comm) == 0)
    printf("figures: rank %d of %d asks for memory %d times, refused %d times, %d of these ended the work\n",
           rank, lks_comm_size(comm), count, tries, failures);
  lks_assert_all(comm, ok);
  return 2 * failures > tries;
}

static void fail_all(scene *s, lks_comm *comm, work *what)
{
  outcome right, again;
  memset(&right, 0, sizeof right);
  memset(&again, 0, sizeof again);
  int run = 0;
  lks_assert_ok_all(comm, what(&right, s, run++));
  fail_at = INT_MAX;
  calls = 0;
  const lks_status status = what(&again, s, run++);
  fail_at = -1;
  lks_assert_ok_all(comm, status);
  lks_assert_all(comm, memcmp(&right, &again, sizeof right) == 0);
  const int last = lks_comm_size(comm) - 1, mine = calls;
  for (int rank = 0; rank <= last; rank += all_places || last == 0 ? 1 : last) {
    int count = mine;
    lks_comm_broadcast_all(comm, &count, sizeof count, rank);
    lks_assert_all(comm, count > 10);
    lks_assert_all(comm, try_rank_all(&run, comm, s, what, &right, rank, count));
  }
}

static void test_training(lks_comm *comm)
{
  scene s;
  create(&s, comm);
  fail_all(&s, comm, train);
  destroy(&s, comm);
}

static void create_trained(scene *s, lks_comm *comm)
{
  outcome out;
  create(s, comm);
  lks_assert_ok_all(comm, train(&out, s, 0));
  snprintf(s->checkpoint, sizeof s->checkpoint, "%.400s/last.h5", s->config.output);
}

static void test_evaluation(lks_comm *comm)
{
  scene s;
  create_trained(&s, comm);
  fail_all(&s, comm, evaluate);
  destroy(&s, comm);
}

static void evaluate_again_and_again(lks_comm *comm, size_t window)
{
  scene s;
  create_trained(&s, comm);
  lks_assert_ok_all(comm, lks_evaluator_create_all(&s.evaluator, s.comm, s.checkpoint, NULL));
  lks_assert_ok_all(
      comm, lks_dataset_open_all(&s.dataset, s.comm, s.data, &(lks_dataset_options){.window = window}));
  fail_all(&s, comm, reevaluate);
  lks_dataset_close_all(&s.dataset);
  lks_evaluator_destroy_all(&s.evaluator);
  destroy(&s, comm);
}

static void test_evaluator(lks_comm *comm)
{
  evaluate_again_and_again(comm, 0);
}

/* Ranks of which some joined the others for a window, and some did not, find each other again. */
static void test_evaluator_with_a_window(lks_comm *comm)
{
  evaluate_again_and_again(comm, 5);
}

static void test_training_with_a_window(lks_comm *comm)
{
  scene s;
  create(&s, comm);
  s.tries = TRIES / 3;
  s.config.cache[0] = '\0';
  s.config.probes = 0;
  s.config.window = 10;
  fail_all(&s, comm, train);
  destroy(&s, comm);
}

static void test_comparison(lks_comm *comm)
{
  scene s;
  create(&s, comm);
  s.tries = TRIES / 4;
  fail_all(&s, comm, compare);
  destroy(&s, comm);
}

static void test_choice_of_rates(lks_comm *comm)
{
  scene s;
  create(&s, comm);
  if (lks_comm_size(comm) == 1) s.tries = INT_MAX;
  fail_all(&s, comm, choose);
  destroy(&s, comm);
}

int main(int argc, char **argv)
{
  static const lks_mpi_test tests[] = {LKS_MPI_TEST(test_evaluation),
                                       LKS_MPI_TEST(test_evaluator),
                                       LKS_MPI_TEST(test_training),
                                       LKS_MPI_TEST(test_comparison),
                                       LKS_MPI_TEST(test_choice_of_rates),
                                       LKS_MPI_TEST(test_evaluator_with_a_window),
                                       LKS_MPI_TEST(test_training_with_a_window)};
  all_places = argc > 1 && strcmp(argv[1], "--all") == 0;
  if (argc > 2) cmocka_set_test_filter(argv[2]);
  signal(SIGALRM, tell_hang);
  return LKS_MPI_TEST_MAIN(argc, argv, tests);
}
