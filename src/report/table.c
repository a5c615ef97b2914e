#include "report/table.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "report/table_parts.h"

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
  if (run->diverged) return (lks_run_figures){NAN, NAN, NAN, NAN, NAN};
  const double train = last_five(run, offsetof(lks_metrics_row, train_accuracy)),
               test = last_five(run, offsetof(lks_metrics_row, test_accuracy));
  return (lks_run_figures){.train_loss = last_five(run, offsetof(lks_metrics_row, train_loss)),
                           .train_accuracy = percent * train,
                           .test_loss = last_five(run, offsetof(lks_metrics_row, test_loss)),
                           .test_accuracy = percent * test,
                           .gap = percent * (train - test)};
}

lks_learning lks_run_learning(const lks_run *run, const lks_chance *chance)
{
  enum { LAST = 5 };
  double accuracy[LAST];
  const size_t count = run->epochs < LAST ? run->epochs : LAST;
  if (run->diverged) return LKS_LEARNING_DIVERGED;
  for (size_t i = 0; i < count; i++) accuracy[i] = run->row[run->epochs - count + i].test_accuracy;
  const double loss = last_five(run, offsetof(lks_metrics_row, train_loss));
  return lks_chance_explains(chance, accuracy, count, loss) ? LKS_LEARNING_CHANCE : LKS_LEARNING_DONE;
}

bool lks_run_learned(const lks_run *run, const lks_chance *chance)
{
  return run->done && lks_run_learning(run, chance) == LKS_LEARNING_DONE;
}

/* What is averaged over the finished seeds of an arm. */
typedef struct seed_figures {
  lks_run_figures run;
  double precise_loss, precise_accuracy;
} seed_figures;

/* Of the runs that have figures, or of those that learned. */
static size_t gather_seeds(seed_figures *seed_figure, const lks_results *results, size_t arm, bool learned)
{
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    if (!run->done || run->diverged || (learned && !lks_run_learned(run, &results->chance))) continue;
    seed_figure[count++] = (seed_figures){.run = lks_run_figures_make(run),
                                          .precise_loss = run->result.precise_loss,
                                          .precise_accuracy = percent * run->result.precise_accuracy};
  }
  return count;
}

static void column(double *values, const seed_figures *seed_figure, size_t count, size_t offset)
{
  for (size_t i = 0; i < count; i++)
    memcpy(&values[i], (const char *)&seed_figure[i] + offset, sizeof values[i]);
}

static lks_arm_figures average_seeds(double *values, const seed_figures *seed_figure, size_t count)
{
  lks_arm_figures mean = {.seeds = count};
  const struct {
    double *mean;
    size_t offset;
  } figure[] = {
      {&mean.train_loss, offsetof(seed_figures, run.train_loss)},
      {&mean.train_accuracy, offsetof(seed_figures, run.train_accuracy)},
      {&mean.test_loss, offsetof(seed_figures, run.test_loss)},
      {&mean.test_accuracy, offsetof(seed_figures, run.test_accuracy)},
      {&mean.gap, offsetof(seed_figures, run.gap)},
      {&mean.precise_loss, offsetof(seed_figures, precise_loss)},
      {&mean.precise_accuracy, offsetof(seed_figures, precise_accuracy)},
  };
  for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
    column(values, seed_figure, count, figure[i].offset);
    *figure[i].mean = lks_mean(values, count);
  }
  column(values, seed_figure, count, offsetof(seed_figures, run.test_accuracy));
  mean.test_accuracy_deviation = lks_standard_deviation(values, count);
  return mean;
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

/* Times of the runs that came to their end. */
static void average_times(lks_table_row *row, const lks_results *results, size_t arm, const scratch *room)
{
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    row->seeds += run->done;
    row->failed += run->done && !lks_run_learned(run, &results->chance);
    if (!run->done || run->diverged) continue;
    room->arm[count] = run->result.images_per_second;
    room->reference[count++] = run->result.bn_share;
  }
  row->images_per_second = lks_mean(room->arm, count);
  row->bn_share = lks_mean(room->reference, count);
}

static void describe_arm(lks_table_row *row, const lks_results *results, size_t arm, const scratch *room)
{
  const lks_comparison *comparison = &results->comparison;
  row->arm = &comparison->arm[arm];
  row->ranks = row->arm->group > 0 ? (double)row->arm->config.batch_size / (double)row->arm->group : 0;
  row->lr = rate_of(results, arm);
  average_times(row, results, arm, room);
  row->all = average_seeds(room->arm, room->seed, gather_seeds(room->seed, results, arm, false));
  row->learned = average_seeds(room->arm, room->seed, gather_seeds(room->seed, results, arm, true));
}

const lks_arm_figures *lks_row_figures(const lks_table_row *row)
{
  return row->learned.seeds > 0 ? &row->learned : &row->all;
}

/* A seed that an arm and the reference have both finished, and with which they can be compared. */
static bool is_pair(const lks_results *results, const lks_run *run, const lks_run *other, bool learned)
{
  if (!run->done || !other->done || run->diverged || other->diverged) return false;
  return !learned || (lks_run_learned(run, &results->chance) && lks_run_learned(other, &results->chance));
}

/** A figure of the seeds that both arms have finished, and whether these were the same computation. */
static size_t gather_pairs(bool *same, const lks_results *results, size_t arm, size_t figure, bool learned,
                           const scratch *room)
{
  size_t count = 0;
  *same = true;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed),
                  *other = lks_results_run(results, results->comparison.reference, seed);
    if (!is_pair(results, run, other, learned)) continue;
    const lks_run_figures a = lks_run_figures_make(run), b = lks_run_figures_make(other);
    *same = *same && strcmp(run->result.fingerprint, other->result.fingerprint) == 0;
    memcpy(&room->arm[count], (const char *)&a + figure, sizeof(double));
    memcpy(&room->reference[count++], (const char *)&b + figure, sizeof(double));
  }
  *same = *same && count > 0;
  return count;
}

static lks_difference compare_figure(const lks_results *results, size_t arm, size_t figure, bool learned,
                                     double margin, const scratch *room)
{
  const lks_random_key key = lks_random_key_make(1, LKS_RANDOM_GENERATE, 0, 0, 0);
  lks_difference d;
  size_t pairs = gather_pairs(&d.same, results, arm, figure, learned, room);
  if (arm == results->comparison.reference) pairs = 0;
  d.pair = lks_paired_compare(room->arm, room->reference, pairs);
  d.sign_flip = lks_sign_flip_p(room->arm, room->reference, pairs, &key);
  d.equivalence = margin > 0 ? lks_equivalence_test(&d.pair, margin)
                             : (lks_equivalence){.p = NAN, .low = NAN, .high = NAN};
  d.holm = NAN;
  return d;
}

static size_t count_pairs(const lks_results *results, size_t arm)
{
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++)
    count += lks_results_run(results, arm, seed)->done &&
             lks_results_run(results, results->comparison.reference, seed)->done;
  return count;
}

static void compare_arm(lks_table_row *row, const lks_results *results, size_t arm, const scratch *room)
{
  const size_t accuracy = offsetof(lks_run_figures, test_accuracy),
               loss = offsetof(lks_run_figures, test_loss);
  const double margin = results->comparison.margin;
  row->paired = count_pairs(results, arm);
  row->accuracy.all = compare_figure(results, arm, accuracy, false, margin, room);
  row->accuracy.learned = compare_figure(results, arm, accuracy, true, margin, room);
  row->loss.all = compare_figure(results, arm, loss, false, 0, room);
  row->loss.learned = compare_figure(results, arm, loss, true, 0, room);
}

/* Four families of as many tests as there are arms: accuracy and loss, of all pairs and of those that learned. */
static void adjust(lks_table *table, size_t difference)
{
  double p[LKS_ARMS_MAX], adjusted[LKS_ARMS_MAX];
  for (size_t i = 0; i < table->rows; i++)
    p[i] = ((lks_difference *)((char *)&table->row[i] + difference))->pair.p; /* NaN is no test */
  lks_holm_adjust(adjusted, p, table->rows);
  for (size_t i = 0; i < table->rows; i++)
    ((lks_difference *)((char *)&table->row[i] + difference))->holm = adjusted[i];
}

lks_status lks_table_make(lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
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
      compare_arm(&table->row[arm], results, arm, &room);
      table->failed += table->row[arm].failed;
    }
    adjust(table, offsetof(lks_table_row, accuracy.all));
    adjust(table, offsetof(lks_table_row, accuracy.learned));
    adjust(table, offsetof(lks_table_row, loss.all));
    adjust(table, offsetof(lks_table_row, loss.learned));
    lks_table_say(table, results);
  }
  lks_arena_destroy(&arena);
  return status;
}
