/* Images/s of training steps over all ranks, for the models and mini-batches that are measured elsewhere too,
 * with synchronized and per-rank batch norm in turn in one run, and what share of a step the communication
 * takes.
 *
 *   mpirun -np 2 build/bench/bench_train [repeats [threads]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/profile.h"
#include "base/random.h"
#include "train/optimizer.h"
#include "train/setup.h"

enum { MAX_REPEATS = 99, ARMS = 3 };

typedef struct task {
  const char *model;
  lks_shape shape;
  size_t batch;
  int steps; /* of one measurement */
} task;

static const task tasks[] = {
    {"mlp", {28, 28, 1}, 256, 60}, {"cnn", {28, 28, 1}, 256, 4}, {"resnet20", {32, 32, 3}, 128, 2}};

typedef struct arm {
  const char *name, *bn, *reduce;
  lks_setup *setup;
  lks_optimizer *optimizer;
  lks_profile profile;
  double rate[MAX_REPEATS];
} arm;

static lks_status create_arm_all(arm *a, lks_comm *comm, const task *t, size_t threads)
{
  char *text = NULL;
  double mean[3] = {0.5, 0.5, 0.5}, std[3] = {0.25, 0.25, 0.25};
  lks_config config;
  lks_config_default(&config);
  snprintf(config.bn, sizeof config.bn, "%s", a->bn);
  snprintf(config.reduce, sizeof config.reduce, "%s", a->reduce);
  snprintf(config.data, sizeof config.data, "made here");
  config.batch_size = t->batch;
  config.threads = threads;
  lks_status status = lks_config_check(&config);
  if (!status) status = lks_model_text(&text, t->model);
  lks_setup_input input = {text, t->model, t->shape, 10, false, mean, std};
  if (!status) status = lks_setup_create_all(&a->setup, comm, &config, &input);
  if (!status) status = lks_optimizer_create(&a->optimizer, &config, a->setup->network);
  lks_free(text);
  return status;
}

static lks_status run_steps_all(arm *a, lks_comm *comm, const lks_batch *batch, int steps, int repeat)
{
  lks_pass_result result;
  double begin, seconds, spread[3];
  lks_status status = lks_comm_agree_all(comm, LKS_OK);
  lks_network_profile(a->setup->network, repeat < 0 ? NULL : &a->profile);
  if (repeat >= 0) lks_profile_enter(&a->profile, LKS_PART_OTHER);
  begin = lks_seconds();
  for (int step = 0; step < steps && !status; step++) {
    status = lks_network_pass_all(a->setup->network, &result, LKS_PASS_TRAIN, batch, &a->setup->form,
                                  (uint32_t)step, false);
    lks_optimizer_step(a->optimizer, 1e-3);
  }
  seconds = lks_seconds() - begin;
  if (repeat >= 0) lks_profile_leave(&a->profile);
  if (!status) status = lks_comm_spread_all(comm, spread, &seconds, 1);
  if (repeat >= 0 && !status) a->rate[repeat] = (double)batch->total * steps / spread[2];
  return status;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static lks_status print_arm_all(arm *a, lks_comm *comm, const task *t, int repeats)
{
  double spread[3 * LKS_PARTS], whole = 0;
  qsort(a->rate, (size_t)repeats, sizeof *a->rate, ascending);
  lks_status status = lks_comm_spread_all(comm, spread, a->profile.seconds, LKS_PARTS);
  for (int p = 0; p < LKS_PARTS; p++) whole += spread[3 * p + 1];
  lks_say("%-9s %-13s %9.0f %9.0f %9.0f   %5.1f%% %5.1f%% %5.1f%%", t->model, a->name, a->rate[0],
          a->rate[repeats / 2], a->rate[repeats - 1], 100 * spread[3 * LKS_PART_BN_COMM + 1] / whole,
          100 * spread[3 * LKS_PART_GRADIENT_COMM + 1] / whole,
          100 * spread[3 * LKS_PART_STEP_COMM + 1] / whole);
  return status;
}

static lks_status make_batch(lks_batch *batch, const lks_setup *setup, const task *t, uint8_t **pixels,
                             int32_t **label, uint32_t **sample)
{
  size_t first, count, pixels_each = t->shape.height * t->shape.width * t->shape.channels;
  lks_network_shard(setup->network, t->batch, &first, &count);
  *pixels = lks_new(count * pixels_each, 1);
  *label = lks_new(count, sizeof **label);
  *sample = lks_new(count, sizeof **sample);
  if (!*pixels || !*label || !*sample) return LKS_ERR_RANK;
  lks_random_key key = lks_random_key_make(1, LKS_RANDOM_GENERATE, 0, 0, 0);
  for (size_t i = 0; i < count * pixels_each; i++)
    (*pixels)[i] = (uint8_t)lks_random_below(&key, (uint32_t)i, 256);
  for (size_t i = 0; i < count; i++) (*label)[i] = (int32_t)((first + i) % 10);
  *batch =
      (lks_batch){.samples = count, .total = t->batch, .pixels = *pixels, .label = *label, .sample = *sample};
  return LKS_OK;
}

/* The arms take turns, so that a slow minute of the machine hits all of them. */
static lks_status measure_all(lks_comm *comm, const task *t, int repeats, size_t threads)
{
  arm arms[ARMS] = {{.name = "sync", .bn = "sync", .reduce = "tree"},
                    {.name = "rank", .bn = "rank", .reduce = "tree"},
                    {.name = "sync, mpi sum", .bn = "sync", .reduce = "mpi"}};
  lks_batch batch;
  uint8_t *pixels = NULL;
  int32_t *label = NULL;
  uint32_t *sample = NULL;
  lks_status status = LKS_OK;
  for (int a = 0; a < ARMS && !status; a++) status = create_arm_all(&arms[a], comm, t, threads);
  if (!status)
    status = lks_comm_agree_all(comm, make_batch(&batch, arms[0].setup, t, &pixels, &label, &sample));
  for (int a = 0; a < ARMS; a++) lks_profile_start(&arms[a].profile);
  for (int r = -1; r < repeats && !status; r++)
    for (int a = 0; a < ARMS && !status; a++) status = run_steps_all(&arms[a], comm, &batch, t->steps, r);
  for (int a = 0; a < ARMS; a++) {
    arms[a].profile.seconds[LKS_PART_OTHER] = 0; /* the time of the other arms */
    if (!status) status = print_arm_all(&arms[a], comm, t, repeats);
    lks_optimizer_destroy(&arms[a].optimizer);
    lks_setup_destroy_all(&arms[a].setup);
  }
  lks_free(pixels);
  lks_free(label);
  lks_free(sample);
  return status;
}

int main(int argc, char **argv)
{
  int provided, repeats = argc > 1 ? atoi(argv[1]) : 9, threads = argc > 2 ? atoi(argv[2]) : 1;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  lks_comm *comm;
  lks_status status = lks_comm_create_all(&comm, MPI_COMM_WORLD);
  if (!status && (repeats < 1 || repeats > MAX_REPEATS || threads < 1))
    status =
        lks_fail(LKS_ERR_USAGE, "usage: bench_train [repeats [threads]], with 1 to %d repeats", MAX_REPEATS);
  lks_log_enable(!status && lks_comm_rank(comm) == 0);
  lks_say("%d ranks x %d threads, fp32, %d repeats; images/s, and the shares of communication in a step",
          lks_comm_size(comm), threads, repeats);
  lks_say("%-9s %-13s %9s %9s %9s   %6s %6s %6s", "model", "arm", "min", "median", "max", "norm", "grad",
          "end");
  for (size_t t = 0; t < sizeof tasks / sizeof *tasks && !status; t++)
    status = measure_all(comm, &tasks[t], repeats, (size_t)threads);
  if (status && lks_comm_rank(comm) == 0) lks_error_print(lks_message());
  lks_comm_destroy_all(&comm);
  MPI_Finalize();
  return status;
}
