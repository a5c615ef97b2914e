#include "report/table.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "statistics/verdict.h"

/* Accuracies are read as shares and shown and compared in percent, so that differences are points. */
static const double percent = 100;

/** The median of one column of metrics.csv. */
static double last_five(const lks_run *run, size_t offset)
{
  enum { LAST = 5 };
  double last[LAST];
  const size_t count = run->epochs < LAST ? run->epochs : LAST;
  for (size_t i = 0; i < count; i++)
    memcpy(&last[i], (const char *)&run->row[run->epochs - count + i] + offset, sizeof last[i]);
  return lks_median_of_last_five(last, count);
}

lks_run_figures lks_run_figures_make(const lks_run *run)
{
  const double train = last_five(run, offsetof(lks_metrics_row, train_accuracy)),
               test = last_five(run, offsetof(lks_metrics_row, test_accuracy));
  return (lks_run_figures){.train_loss = last_five(run, offsetof(lks_metrics_row, train_loss)),
                           .train_accuracy = percent * train,
                           .test_loss = last_five(run, offsetof(lks_metrics_row, test_loss)),
                           .test_accuracy = percent * test,
                           .gap = percent * (train - test)};
}

/* What is averaged over the finished seeds of an arm. */
typedef struct seed_figures {
  lks_run_figures run;
  double precise_loss, precise_accuracy, images_per_second, bn_share;
} seed_figures;

static size_t gather_seeds(seed_figures *seed_figure, const lks_results *results, size_t arm)
{
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    if (!run->done) continue;
    seed_figure[count++] = (seed_figures){.run = lks_run_figures_make(run),
                                          .precise_loss = run->result.precise_loss,
                                          .precise_accuracy = percent * run->result.precise_accuracy,
                                          .images_per_second = run->result.images_per_second,
                                          .bn_share = run->result.bn_share};
  }
  return count;
}

static void column(double *values, const seed_figures *seed_figure, size_t count, size_t offset)
{
  for (size_t i = 0; i < count; i++)
    memcpy(&values[i], (const char *)&seed_figure[i] + offset, sizeof values[i]);
}

static void average_seeds(lks_table_row *row, double *values, const seed_figures *seed_figure)
{
  const struct {
    double *mean;
    size_t offset;
  } figure[] = {
      {&row->train_loss, offsetof(seed_figures, run.train_loss)},
      {&row->train_accuracy, offsetof(seed_figures, run.train_accuracy)},
      {&row->test_loss, offsetof(seed_figures, run.test_loss)},
      {&row->test_accuracy, offsetof(seed_figures, run.test_accuracy)},
      {&row->gap, offsetof(seed_figures, run.gap)},
      {&row->precise_loss, offsetof(seed_figures, precise_loss)},
      {&row->precise_accuracy, offsetof(seed_figures, precise_accuracy)},
      {&row->images_per_second, offsetof(seed_figures, images_per_second)},
      {&row->bn_share, offsetof(seed_figures, bn_share)},
  };
  for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
    column(values, seed_figure, row->seeds, figure[i].offset);
    *figure[i].mean = lks_mean(values, row->seeds);
  }
  column(values, seed_figure, row->seeds, offsetof(seed_figures, run.test_accuracy));
  row->test_accuracy_deviation = lks_standard_deviation(values, row->seeds);
}

static double rate_of(const lks_results *results, size_t arm)
{
  for (size_t seed = 0; seed < results->comparison.seeds; seed++)
    if (lks_results_run(results, arm, seed)->done) return lks_results_run(results, arm, seed)->result.lr;
  return NAN;
}

/* Room for a value of every seed. */
typedef struct scratch {
  seed_figures *seed;
  double *arm, *reference;
} scratch;

static void describe_arm(lks_table_row *row, const lks_results *results, size_t arm, const scratch *room)
{
  const lks_comparison *comparison = &results->comparison;
  row->arm = &comparison->arm[arm];
  row->ranks = row->arm->group > 0 ? (double)comparison->base.batch_size / (double)row->arm->group : 0;
  row->lr = rate_of(results, arm);
  row->seeds = gather_seeds(room->seed, results, arm);
  average_seeds(row, room->arm, room->seed);
}

/** Accuracies of the seeds that both arms have finished, and whether these were the same computation. */
static size_t gather_pairs(bool *same, const lks_results *results, size_t arm, const scratch *room)
{
  size_t count = 0;
  *same = true;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed),
                  *other = lks_results_run(results, results->comparison.reference, seed);
    if (!run->done || !other->done) continue;
    *same = *same && strcmp(run->result.fingerprint, other->result.fingerprint) == 0;
    room->arm[count] = lks_run_figures_make(run).test_accuracy;
    room->reference[count++] = lks_run_figures_make(other).test_accuracy;
  }
  *same = *same && count > 0;
  return count;
}

static void compare_arm(lks_table_row *row, bool *same, const lks_results *results, size_t arm,
                        const scratch *room)
{
  const lks_random_key key = lks_random_key_make(1, LKS_RANDOM_GENERATE, 0, 0, 0);
  const bool reference = arm == results->comparison.reference;
  row->paired = gather_pairs(same, results, arm, room);
  const size_t pairs = reference ? 0 : row->paired;
  row->paired_test = lks_paired_compare(room->arm, room->reference, pairs);
  row->sign_flip = lks_sign_flip_p(room->arm, room->reference, pairs, &key);
  row->equivalence = lks_equivalence_test(&row->paired_test, results->comparison.margin);
}

static void adjust(lks_table *table)
{
  double p[LKS_ARMS_MAX], adjusted[LKS_ARMS_MAX];
  for (size_t i = 0; i < table->rows; i++)
    p[i] = table->row[i].paired_test.p; /* NaN of the reference is no test */
  lks_holm_adjust(adjusted, p, table->rows);
  for (size_t i = 0; i < table->rows; i++) table->row[i].holm = adjusted[i];
}

static void say(lks_table_row *row, bool same, const lks_comparison *comparison)
{
  const lks_arm *reference = &comparison->arm[comparison->reference];
  if (row->arm == reference)
    snprintf(row->sentence, sizeof row->sentence, "the reference of the others");
  else if (row->seeds == 0)
    snprintf(row->sentence, sizeof row->sentence, "no run is finished");
  else if (row->paired == 0)
    snprintf(row->sentence, sizeof row->sentence, "no seed is finished here and for %s", reference->name);
  else
    lks_verdict_write(row->sentence, sizeof row->sentence, &row->paired_test, row->holm, comparison->margin,
                      same);
}

lks_status lks_table_make(lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  bool same[LKS_ARMS_MAX] = {false};
  scratch room = {NULL, NULL, NULL};
  lks_arena *arena;
  memset(table, 0, sizeof *table);
  lks_status status = lks_arena_create(&arena);
  if (status) return status;
  lks_arena_reserve(arena, &room.seed, comparison->seeds, sizeof *room.seed);
  lks_arena_reserve(arena, &room.arm, comparison->seeds, sizeof *room.arm);
  lks_arena_reserve(arena, &room.reference, comparison->seeds, sizeof *room.reference);
  status = lks_arena_commit(arena);
  if (!status) {
    table->rows = comparison->arms;
    for (size_t arm = 0; arm < table->rows; arm++) {
      describe_arm(&table->row[arm], results, arm, &room);
      compare_arm(&table->row[arm], &same[arm], results, arm, &room);
    }
    adjust(table);
    for (size_t arm = 0; arm < table->rows; arm++) say(&table->row[arm], same[arm], comparison);
  }
  lks_arena_destroy(&arena);
  return status;
}
