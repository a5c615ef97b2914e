#include "forecast/fastest.h"

#include <math.h>
#include <sched.h>
#include <string.h>

#include "base/integers.h"
#include "base/terminal.h"
#include "base/wrapped.h"
#include "comm/split.h"
#include "config/config_value.h"
#include "forecast/link_probe.h"
#include "kernels/isa.h"
#include "statistics/statistics.h"

enum { REPEATS = 3, SMALLEST_MICROBATCH = 4, LIKELY = 3, COMMAND = 2 * LKS_TEXT_MAX + 256 };

typedef struct search {
  lks_fastest *found;
  lks_comm *comm;
  lks_bench_source source;
  double seconds; /* of a measurement */
} search;

static lks_status configure(lks_config *config, const search *s, const lks_trial *t)
{
  *config = s->found->config;
  config->microbatch = t->microbatch;
  config->threads = t->threads;
  config->precision = t->precision;
  return lks_bench_config_check(config);
}

/* By the first t->ranks ranks; the others sleep. */
static lks_status measure_all(lks_trial *t, search *s)
{
  lks_comm *part;
  lks_config config;
  lks_bench_runner *runner = NULL;
  double seconds;
  lks_status status = lks_comm_agree_all(s->comm, configure(&config, s, t));
  if (!status) status = lks_comm_split_all(&part, s->comm, lks_comm_rank(s->comm) < t->ranks ? 0 : -1);
  if (status) return status;
  if (part) {
    status = lks_bench_runner_create_all(&runner, part, &s->source, &config);
    if (!status) status = lks_bench_runner_time_all(&seconds, &t->rate, runner, s->seconds, REPEATS);
    lks_bench_runner_destroy_all(&runner);
  }
  lks_comm_destroy_all(&part);
  status = lks_status_worse(status, lks_sleep_until_all(s->comm));
  status = lks_comm_agree_all(s->comm, status);
  return status ? status : lks_comm_broadcast_all(s->comm, &t->rate, sizeof t->rate, 0);
}

static bool is_known(const lks_fastest *f, const lks_trial *t)
{
  for (size_t i = 0; i < f->trials; i++) {
    const lks_trial *k = &f->trial[i];
    if (k->ranks == t->ranks && k->threads == t->threads && k->microbatch == t->microbatch &&
        k->precision == t->precision)
      return true;
  }
  return false;
}

static lks_status try_all(search *s, lks_trial t)
{
  lks_fastest *f = s->found;
  if (is_known(f, &t) || f->trials == LKS_TRIALS_MAX) return LKS_OK;
  const lks_status status = measure_all(&t, s);
  if (status) return status;
  f->trial[f->trials] = t;
  if (t.rate > f->trial[f->best].rate) f->best = f->trials;
  f->trials++;
  return LKS_OK;
}

/* Powers of two, up to what gives each thread one. */
static lks_status try_microbatches_all(search *s, lks_trial t)
{
  const size_t workers = (size_t)t.ranks * t.threads,
               most = lks_divide_up(s->found->config.batch_size, workers);
  lks_status status = try_all(s, t);
  for (size_t m = SMALLEST_MICROBATCH; m <= most && !status; m *= 2) {
    t.microbatch = m;
    status = try_all(s, t);
  }
  return status;
}

/* bfloat16 where its arithmetic is the processor's. */
static lks_status try_precisions_all(search *s)
{
  const lks_trial given = s->found->trial[0];
  lks_status status = try_microbatches_all(s, given);
  const bool has = lks_isa_used() >= LKS_ISA_AVX512_BF16;
  if (status || !has || given.precision == LKS_BF16) return status;
  lks_trial other = given;
  other.precision = LKS_BF16;
  return try_microbatches_all(s, other);
}

static lks_status try_fewer_ranks_all(search *s)
{
  const lks_trial best = s->found->trial[s->found->best];
  const size_t workers = (size_t)best.ranks * best.threads;
  lks_status status = LKS_OK;
  for (int ranks = best.ranks / 2; ranks >= 1 && !status; ranks /= 2) {
    lks_trial t = best;
    t.ranks = ranks;
    t.threads = workers / (size_t)ranks;
    if (t.threads <= (size_t)s->found->cores && lks_comm_node_count(s->comm) == 1) status = try_all(s, t);
  }
  return status;
}

static size_t next_best(const lks_fastest *f, const bool *taken)
{
  size_t best = LKS_TRIALS_MAX;
  for (size_t i = 0; i < f->trials; i++)
    if (!taken[i] && (best == LKS_TRIALS_MAX || f->trial[i].rate > f->trial[best].rate)) best = i;
  return best;
}

/* The most likely ones and the given one once more, in turns: a moment in which the machine was busy or idle decides nothing. */
static lks_status confirm_all(search *s)
{
  lks_fastest *f = s->found;
  bool taken[LKS_TRIALS_MAX] = {true};
  size_t likely[LIKELY + 1] = {0}, count = 1;
  double rate[LIKELY + 1][REPEATS];
  lks_status status = LKS_OK;
  for (; count <= LIKELY && count < f->trials; count++) {
    likely[count] = next_best(f, taken);
    taken[likely[count]] = true;
  }
  for (int r = 0; r < REPEATS; r++)
    for (size_t i = 0; i < count && !status; i++) {
      status = measure_all(&f->trial[likely[i]], s);
      rate[i][r] = f->trial[likely[i]].rate;
    }
  for (size_t i = 0; i < count && !status; i++)
    f->trial[likely[i]].rate = lks_quantile(rate[i], REPEATS, 0.5);
  f->best = 0;
  for (size_t i = 1; i < count; i++)
    if (f->trial[likely[i]].rate > f->trial[f->best].rate) f->best = likely[i];
  return status;
}

static lks_status count_cores_all(int *cores, lks_comm *comm)
{
  cpu_set_t bound;
  double mine = sched_getaffinity(0, sizeof bound, &bound) == 0 ? CPU_COUNT(&bound) : 1, spread[3];
  const lks_status status = lks_comm_spread_all(comm, spread, &mine, 1);
  *cores = status ? 1 : (int)spread[0];
  return status;
}

static lks_status search_all(search *s)
{
  lks_fastest *f = s->found;
  lks_config resolved;
  lks_trial *given = &f->trial[0];
  *given = (lks_trial){.ranks = lks_comm_size(s->comm),
                       .threads = (size_t)lks_setup_threads(s->comm, &f->config),
                       .microbatch = f->config.microbatch,
                       .precision = f->config.precision};
  lks_status status = lks_comm_agree_all(s->comm, configure(&resolved, s, given));
  if (status) return status;
  given->microbatch = resolved.microbatch; /* which 0 leaves open */
  status = count_cores_all(&f->cores, s->comm);
  if (!status) status = measure_all(given, s);
  f->trials = 1;
  if (!status) status = try_precisions_all(s);
  if (!status) status = try_fewer_ranks_all(s);
  return status ? status : confirm_all(s);
}

lks_status lks_fastest_find_all(lks_fastest *fastest, lks_comm *comm, const lks_config *config,
                                lks_shape shape, size_t classes, double seconds)
{
  search s = {.found = fastest, .comm = comm, .seconds = seconds};
  *fastest = (lks_fastest){.config = *config};
  lks_status status = lks_bench_source_open_all(&s.source, comm, config, shape, classes);
  if (!status) status = search_all(&s);
  lks_bench_source_close_all(&s.source);
  return status;
}

/* What a user starts to have the best of them; options only where they are no defaults of train. */
static void print_command(char text[COMMAND], const lks_fastest *f)
{
  const lks_trial *t = &f->trial[f->best];
  const lks_config *c = &f->config;
  char start[64] = "";
  if (t->ranks > 1) snprintf(start, sizeof start, "mpirun -np %d ", t->ranks);
  snprintf(text, COMMAND, "%slockstep train %s --model %s --batch-size %zu --microbatch %zu%s --threads %zu",
           start, c->data[0] != '\0' ? c->data : "DATA.h5", c->model, c->batch_size, t->microbatch,
           t->precision == LKS_BF16 ? " --precision bf16" : "", t->threads);
}

void lks_fastest_print(FILE *out, const lks_fastest *f)
{
  const lks_trial *best = &f->trial[f->best], *given = &f->trial[0];
  char command[COMMAND], text[COMMAND + 512];
  fprintf(out, "%5s %8s %11s %10s %10s %9s\n", "ranks", "threads", "microbatch", "precision", "images/s",
          "against 1");
  for (size_t i = 0; i < f->trials; i++) {
    const lks_trial *t = &f->trial[i];
    fprintf(out, "%5d %8zu %11zu %10s %10.0f %9.3f%s\n", t->ranks, t->threads, t->microbatch,
            lks_type_name(t->precision), t->rate, t->rate / given->rate, i == f->best ? "  fastest" : "");
  }
  print_command(command, f);
  int length = snprintf(text, sizeof text, "\n%s\n", command);
  if (best->microbatch != given->microbatch || best->precision != given->precision)
    length += snprintf(text + length, sizeof text - (size_t)length,
                       "\nAnother microbatch or precision gives other bits; ranks and threads do not.\n");
  if (given->ranks > 1 && (size_t)f->cores < 2 * given->threads)
    snprintf(
        text + length, sizeof text - (size_t)length,
        "\nEach rank is bound to %d core%s, so fewer ranks with more threads were not tried: mpirun --bind-to none lets them be.\n",
        f->cores, f->cores == 1 ? "" : "s");
  lks_fitted_print(out, text, lks_terminal_columns(fileno(out)));
}

void lks_fastest_print_json(lks_json *json, const lks_fastest *f)
{
  char command[COMMAND];
  print_command(command, f);
  lks_json_text(json, "model", f->config.model);
  lks_json_number(json, "batch_size", (double)f->config.batch_size);
  lks_json_open(json, "trials", '[');
  for (size_t i = 0; i < f->trials; i++) {
    const lks_trial *t = &f->trial[i];
    lks_json_open(json, NULL, '{');
    lks_json_number(json, "ranks", t->ranks);
    lks_json_number(json, "threads", (double)t->threads);
    lks_json_number(json, "microbatch", (double)t->microbatch);
    lks_json_text(json, "precision", lks_type_name(t->precision));
    lks_json_number(json, "images_per_second", t->rate);
    lks_json_close(json);
  }
  lks_json_close(json);
  lks_json_number(json, "fastest", (double)f->best);
  lks_json_text(json, "command", command);
}
