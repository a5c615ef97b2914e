#include "compare/ranks_per_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/life.h"
#include "base/log.h"
#include "bench/bench_runner.h"
#include "bench/process_memory.h"
#include "comm/split.h"
#include "compare/shared_folder.h"
#include "compare/teams.h"
#include "lockstep/profile.h"

enum { FEW_STEPS = 100, SPEEDS = 34 };

static const double share_to_measure = 0.02, /* of the time of all runs */
    briefly = 0.01, enough = 0.1,            /* seconds that a measurement lasts, unless a step is longer */
    share_of_memory = 0.8;                   /* of what a host has left */

lks_status lks_ranks_per_run_parse(size_t *ranks, const char *text, int size)
{
  static const char wanted[] = "give a number of ranks, or auto for what a short measurement finds fastest";
  char *end;
  *ranks = 0;
  if (strcmp(text, "auto") == 0) return LKS_OK;
  *ranks = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
  if (*ranks == 0 || *end != '\0') return lks_fail(LKS_ERR_USAGE, "--ranks-per-run %.100s: %s", text, wanted);
  if (*ranks > (size_t)size)
    return lks_fail(LKS_ERR_USAGE, "--ranks-per-run %.100s: this job has %d rank%s", text, size,
                    size > 1 ? "s" : "");
  return LKS_OK;
}

double lks_makespan(const double *cost, size_t count, int teams)
{
  double last = 0, *busy = lks_new((size_t)teams, sizeof *busy); /* until when each team is */
  if (!busy) return INFINITY;
  for (size_t i = 0; i < count; i++) {
    int first = 0;
    for (int t = 1; t < teams; t++)
      if (busy[t] < busy[first]) first = t;
    busy[first] += cost[i];
    last = fmax(last, busy[first]);
  }
  lks_free(busy);
  return last;
}

static double makespan_at(const double *work, size_t count, const lks_split_speed *speed)
{
  return count ? speed->seconds * lks_makespan(work, count, speed->teams) : 0;
}

/* The last runs, which leave teams of the first phase idle, may be made by larger ones. */
lks_run_phases lks_run_phases_plan(const double *work, size_t count, const lks_split_speed *speed,
                                   size_t speeds)
{
  lks_run_phases best = {.phases = 1, .phase = {{speed[0].teams, count}}};
  double least = makespan_at(work, count, &speed[0]);
  for (size_t a = 0; a < speeds; a++) {
    const size_t rounds = count / (size_t)speed[a].teams * (size_t)speed[a].teams;
    const double whole = makespan_at(work, count, &speed[a]), begun = makespan_at(work, rounds, &speed[a]);
    if (whole < least) {
      best = (lks_run_phases){.phases = 1, .phase = {{speed[a].teams, count}}};
      least = whole;
    }
    for (size_t b = 0; b < speeds && rounds > 0 && rounds < count; b++) {
      const double both = begun + makespan_at(work + rounds, count - rounds, &speed[b]);
      if (speed[b].teams >= speed[a].teams || both >= least) continue;
      best = (lks_run_phases){2, {{speed[a].teams, rounds}, {speed[b].teams, count - rounds}}};
      least = both;
    }
  }
  return best;
}

/* What is trained to find out. */
typedef struct trial {
  lks_comm *comm;
  const lks_arm_data *data;
  const lks_comparison *comparison;
  size_t bytes; /* of one rank, where all make one run */
} trial;

/* Seconds of a step of an arm when `count` teams train at the same time: of the slowest of them. lasting: seconds. */
static lks_status measure_all(double *seconds, trial *t, size_t arm, int count, double lasting)
{
  const lks_config *config = &t->comparison->arm[arm].config;
  lks_bench_source source = {.dataset = NULL};
  lks_bench_runner *runner;
  lks_teams teams;
  double spread[3], mine = 0, rate;
  lks_status status = lks_model_text_all(&source.text, t->comm, config->model);
  if (!status) status = lks_teams_create_all(&teams, t->comm, count);
  if (status) {
    lks_free(source.text);
    return status;
  }
  const lks_dataset *dataset = lks_arm_data_of(t->data, arm);
  source.dataset = (lks_dataset *)dataset; /* only read */
  source.shape = lks_dataset_shape(dataset);
  source.classes = lks_dataset_classes(dataset);
  source.features = lks_dataset_has_features(dataset);
  status = lks_bench_runner_create_all(&runner, teams.own, &source, config);
  if (!status) status = lks_bench_runner_time_all(&mine, &rate, runner, lasting, 1);
  if (!status && count == 1) t->bytes = lks_bench_runner_bytes(runner);
  lks_bench_runner_destroy_all(&runner);
  lks_teams_destroy_all(&teams);
  lks_free(source.text);
  status = lks_comm_agree_all(t->comm, status);
  if (!status) status = lks_comm_spread_all(t->comm, spread, &mine, 1);
  if (!status) *seconds = spread[2];
  return status;
}

/* Whether a step of two arms takes as long, as far as their settings tell. */
static bool alike(const lks_config *a, const lks_config *b)
{
  return strcmp(a->model, b->model) == 0 && strcmp(a->data, b->data) == 0 && a->batch_size == b->batch_size &&
         a->microbatch == b->microbatch && a->precision == b->precision;
}

/* Seconds of a step of each arm that tasks want, by all ranks. */
static lks_status measure_arms_all(double seconds[LKS_ARMS_MAX], trial *t, const lks_run_task *tasks,
                                   size_t count)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    const size_t arm = tasks[i].arm;
    for (size_t j = 0; j < i && !seconds[arm]; j++)
      if (alike(&t->comparison->arm[arm].config, &t->comparison->arm[tasks[j].arm].config))
        seconds[arm] = seconds[tasks[j].arm];
    if (!seconds[arm]) status = measure_all(&seconds[arm], t, arm, 1, briefly);
  }
  return status;
}

static bool fits(const trial *t, int teams)
{
  const double available = (double)lks_host_memory_available(), ranks = lks_comm_node_ranks(t->comm);
  return !available || (double)t->bytes * teams * ranks <= share_of_memory * available;
}

/* For how long a split is to be measured; 0: not at all. Rank 0 decides, for others may have other clocks and less memory. */
static lks_status time_to_try_all(double *lasting, const trial *t, int teams, double until, double expected)
{
  const double left = until - lks_seconds() - expected;
  *lasting = fits(t, teams) && left > 0 ? fmax(briefly, fmin(enough, left / 2)) : 0;
  return lks_comm_broadcast_all(t->comm, lasting, sizeof *lasting, 0);
}

/* One run by each rank, and teams of two ranks, four and so on. */
static lks_status measure_splits_all(lks_split_speed *speed, size_t *speeds, trial *t, size_t arm,
                                     double until)
{
  lks_status status = LKS_OK;
  const double alone = speed[0].seconds;
  for (int ranks = 1, size = lks_comm_size(t->comm); 2 * ranks <= size && !status; ranks *= 2) {
    const int teams = size / ranks;
    double lasting;
    status = time_to_try_all(&lasting, t, teams, until, 3 * alone * teams);
    if (status || !lasting) continue;
    speed[*speeds].teams = teams;
    status = measure_all(&speed[*speeds].seconds, t, arm, teams, lasting);
    if (!status) (*speeds)++;
  }
  return status;
}

static void say(const lks_run_phases *phases, const lks_comm *comm, const lks_split_speed *speed,
                size_t speeds)
{
  const int ranks = lks_comm_size(comm), teams = phases->phase[0].teams;
  char gain[128] = "";
  for (size_t s = 1; s < speeds; s++)
    if (speed[s].teams == teams)
      snprintf(gain, sizeof gain, ", by a measurement %.2f times as fast as one after the other",
               teams * speed[0].seconds / speed[s].seconds);
  const int most = (ranks + teams - 1) / teams;
  if (teams == 1) return;
  lks_say("ranks    %d runs at a time, each on %d rank%s%s", teams, most, most > 1 ? "s" : "", gain);
  if (phases->phases > 1)
    lks_say("         the last %zu: %d at a time", phases->phase[1].count, phases->phase[1].teams);
}

/* What a split would change, or hinder. */
static bool needs_all_ranks(const lks_comparison *c)
{
  for (size_t arm = 0; arm < c->arms; arm++)
    if (c->arm[arm].config.reduce == LKS_REDUCE_MPI) return true;
  return c->base.window > 0;
}

static int by_cost(const void *a, const void *b)
{
  const lks_run_task *x = a, *y = b;
  if (x->cost != y->cost) return x->cost < y->cost ? 1 : -1;
  return x->number < y->number ? -1 : 1;
}

static int by_number(const void *a, const void *b)
{
  return ((const lks_run_task *)a)->number < ((const lks_run_task *)b)->number ? -1 : 1;
}

/* With the work of the longest run, in steps of its arm. */
static void plan(lks_run_phases *phases, const lks_run_task *tasks, size_t count, double step,
                 const lks_split_speed *speed, size_t speeds)
{
  double *work = lks_new(count, sizeof *work);
  for (size_t i = 0; i < count && work; i++) work[i] = tasks[i].cost / step;
  if (work) *phases = lks_run_phases_plan(work, count, speed, speeds);
  lks_free(work);
}

static lks_status choose_all(lks_run_phases *phases, trial *t, lks_run_task *tasks, size_t count)
{
  const double begun = lks_seconds();
  double seconds[LKS_ARMS_MAX] = {0}, whole = 0;
  lks_split_speed speed[SPEEDS] = {{.teams = 1}};
  size_t speeds = 1;
  lks_status status = measure_arms_all(seconds, t, tasks, count);
  for (size_t i = 0; i < count && !status; i++) {
    tasks[i].cost = (double)lks_run_task_steps(&tasks[i]) * seconds[tasks[i].arm];
    whole += tasks[i].cost;
  }
  qsort(tasks, count, sizeof *tasks, by_cost);
  const size_t longest = tasks[0].arm;
  speed[0].seconds = seconds[longest];
  if (!status) status = measure_splits_all(speed, &speeds, t, longest, begun + share_to_measure * whole);
  if (!status) plan(phases, tasks, count, seconds[longest], speed, speeds);
  if (status == LKS_ERR_DIVERGED) status = LKS_OK; /* a run will say so */
  if (!status)
    status = lks_comm_broadcast_all(t->comm, phases, sizeof *phases, 0); /* another may lack memory */
  if (!status && phases->phase[0].teams == 1) qsort(tasks, count, sizeof *tasks, by_number);
  if (!status) say(phases, t->comm, speed, speeds);
  return status;
}

/* As the user said. */
static lks_status take_all(lks_run_phases *phases, lks_comm *comm, lks_run_task *tasks, size_t count,
                           size_t wanted)
{
  const lks_comparison *c = tasks[0].comparison;
  const size_t ranks = (size_t)lks_comm_size(comm);
  lks_status status = LKS_OK;
  if (c->base.window > 0 && wanted < ranks)
    return lks_fail(
        LKS_ERR_USAGE,
        "--ranks-per-run %zu does not go with --window: all ranks of a host share what is read, and so make one run at a time",
        wanted);
  *phases = (lks_run_phases){.phases = 1, .phase = {{(int)(ranks / wanted), count}}};
  if (ranks / wanted > 1) status = lks_folder_is_shared_all(comm, c->directory);
  for (size_t i = 0; i < count; i++) tasks[i].cost = (double)lks_run_task_steps(&tasks[i]);
  if (ranks / wanted > 1) qsort(tasks, count, sizeof *tasks, by_cost);
  if (!status) say(phases, comm, NULL, 0);
  return status;
}

lks_status lks_run_phases_choose_all(lks_run_phases *phases, lks_comm *comm, lks_run_task *tasks,
                                     size_t count, const lks_arm_data *data, size_t wanted)
{
  size_t steps = 0;
  *phases = (lks_run_phases){.phases = 1, .phase = {{1, count}}};
  if (count == 0) return LKS_OK;
  const lks_comparison *c = tasks[0].comparison;
  if (wanted) return take_all(phases, comm, tasks, count, wanted);
  for (size_t i = 0; i < count; i++) steps += lks_run_task_steps(&tasks[i]);
  if (lks_comm_size(comm) == 1 || count == 1 || steps < FEW_STEPS || needs_all_ranks(c)) return LKS_OK;
  if (lks_folder_is_shared_all(comm, c->directory) != LKS_OK) return LKS_OK;
  trial t = {.comm = comm, .data = data, .comparison = c};
  const lks_phase before = lks_life_enter(LKS_PHASE_MEASURE);
  const lks_status status = choose_all(phases, &t, tasks, count);
  lks_life_enter(before);
  return status;
}
