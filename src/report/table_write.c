#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/printed.h"
#include "report/table_parts.h"

/* The files for programs: every number with all its digits, and times in the last columns. */

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

static void print_real(FILE *stream, double value)
{
  char number[LKS_NUMBER_MAX];
  lks_number_print(number, value, "");
  fprintf(stream, ",%s", number);
}

static void print_reals(FILE *stream, const double *values, size_t count)
{
  for (size_t i = 0; i < count; i++) print_real(stream, values[i]);
}
#define PRINT_REALS(stream, ...)                                                                             \
  print_reals(stream, (const double[]){__VA_ARGS__}, sizeof(const double[]){__VA_ARGS__} / sizeof(double))

static void print_text(FILE *stream, const char *text)
{
  fputc(',', stream);
  lks_csv_print_quoted(stream, text);
}

/* Differences of all pairs, and of those that learned. */
static void print_also(FILE *stream, const lks_table_row *row, const char *failed)
{
  const lks_difference *learned = &row->accuracy.learned, *loss = &row->loss.all,
                       *loss_learned = &row->loss.learned;
  fprintf(stream, ",%zu", row->failed);
  print_text(stream, failed);
  fprintf(stream, ",%zu,%zu", row->learned.seeds, learned->pair.count);
  PRINT_REALS(stream, row->learned.train_loss, row->learned.test_loss, row->learned.test_accuracy,
              learned->pair.mean, learned->pair.low, learned->pair.high, learned->pair.p, learned->holm);
  PRINT_REALS(stream, loss->pair.mean, loss->pair.low, loss->pair.high, loss->pair.p, loss->holm,
              loss->sign_flip);
  PRINT_REALS(stream, loss_learned->pair.mean, loss_learned->pair.low, loss_learned->pair.high,
              loss_learned->pair.p, loss_learned->holm);
  print_text(stream, row->loss.sentence);
  print_text(stream, row->arm->settings);
}

static const char arms_heading[] =
    "arm,normalization_batch,stands_for_ranks,seeds,paired_seeds,lr,train_loss,train_accuracy_percent,test_loss,test_accuracy_percent,test_accuracy_deviation_points,gap_points,precise_loss,precise_accuracy_percent,difference_points,difference_deviation_points,low_points,high_points,t,p,p_holm,p_sign_flip,p_equivalence,equivalent,sentence,failed_seeds,failed,learned_seeds,learned_pairs,learned_train_loss,learned_test_loss,learned_test_accuracy_percent,learned_difference_points,learned_low_points,learned_high_points,learned_p,learned_p_holm,loss_difference,loss_low,loss_high,loss_p,loss_p_holm,loss_p_sign_flip,learned_loss_difference,learned_loss_low,learned_loss_high,learned_loss_p,learned_loss_p_holm,loss_sentence,settings,images_per_second,bn_share\n";

static void print_arms(FILE *stream, const lks_table *table, const lks_results *results)
{
  fputs(arms_heading, stream);
  for (size_t i = 0; i < table->rows; i++) {
    const lks_table_row *row = &table->row[i];
    const lks_arm_figures *all = &row->all;
    const lks_difference *difference = &row->accuracy.all;
    const lks_paired *pair = &difference->pair;
    char failed[LKS_TEXT_MAX];
    fprintf(stream, "%s,%zu", row->arm->name, row->arm->group);
    print_real(stream, row->ranks);
    fprintf(stream, ",%zu,%zu", row->seeds, row->paired);
    PRINT_REALS(stream, row->lr, all->train_loss, all->train_accuracy, all->test_loss, all->test_accuracy,
                all->test_accuracy_deviation, all->gap, all->precise_loss, all->precise_accuracy);
    PRINT_REALS(stream, pair->mean, pair->standard_deviation, pair->low, pair->high, pair->t, pair->p,
                difference->holm, difference->sign_flip, difference->equivalence.p);
    fprintf(stream, ",%s",
            isnan(difference->equivalence.p)     ? ""
            : difference->equivalence.equivalent ? "yes"
                                                 : "no");
    fputc(',', stream);
    lks_csv_print_quoted(stream, row->accuracy.sentence);
    lks_failures_write(failed, sizeof failed, results, i, SIZE_MAX);
    print_also(stream, row, failed);
    PRINT_REALS(stream, row->images_per_second, row->bn_share);
    fputc('\n', stream);
  }
}

static void print_run(FILE *stream, const lks_run *run, const lks_chance *chance)
{
  static const char *const failed[] = {"", "chance", "diverged"};
  const lks_run_figures figures = lks_run_figures_make(run);
  const lks_run_result *result = &run->result;
  PRINT_REALS(stream, result->lr, figures.train_loss, figures.train_accuracy, figures.test_loss,
              figures.test_accuracy, figures.gap, result->precise_loss, 100 * result->precise_accuracy);
  fprintf(stream, ",%s,%s", result->fingerprint, failed[lks_run_learning(run, chance)]);
  PRINT_REALS(stream, result->images_per_second, result->bn_share);
  fprintf(stream, ",%d,%d,%d", result->ranks, result->threads, result->hosts);
  print_real(stream, run->epochs > 0 ? run->row[run->epochs - 1].seconds : NAN);
  fputc('\n', stream);
}

static void print_runs(FILE *stream, const lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  (void)table;
  fputs(
      "arm,seed,lr,train_loss,train_accuracy_percent,test_loss,test_accuracy_percent,gap_points,precise_loss,precise_accuracy_percent,fingerprint,failed,images_per_second,bn_share,ranks,threads,hosts,seconds\n",
      stream);
  for (size_t arm = 0; arm < comparison->arms; arm++) {
    for (size_t seed = 0; seed < comparison->seeds; seed++) {
      const lks_run *run = lks_results_run(results, arm, seed);
      if (!run->done) continue;
      fprintf(stream, "%s,%" PRIu64, comparison->arm[arm].name, comparison->first_seed + seed);
      print_run(stream, run, &results->chance);
    }
  }
}

/** Of one layer, over the finished seeds of an arm that measured it. */
static size_t average_noise(lks_noise_row *mean, const lks_results *results, size_t arm, const char *layer)
{
  size_t count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    for (size_t i = 0; i < run->noises; i++) {
      const lks_noise_row *noise = &run->noise[i];
      if (strcmp(noise->layer, layer) != 0) continue;
      count++;
      mean->variance_of_mean += (noise->variance_of_mean - mean->variance_of_mean) / (double)count;
      mean->variance_of_variance +=
          (noise->variance_of_variance - mean->variance_of_variance) / (double)count;
      mean->theory += (noise->theory - mean->theory) / (double)count;
      mean->effective_samples += (noise->effective_samples - mean->effective_samples) / (double)count;
    }
  }
  return count;
}

/** The layers are those of the first run that measured its noise. */
static const lks_run *measured_run(const lks_results *results, size_t arm)
{
  for (size_t seed = 0; seed < results->comparison.seeds; seed++)
    if (lks_results_run(results, arm, seed)->noises > 0) return lks_results_run(results, arm, seed);
  return NULL;
}

static void print_noise(FILE *stream, const lks_table *table, const lks_results *results)
{
  fputs(
      "arm,normalization_batch,layer,channels,values,seeds,noise_of_mean,theory,noise_of_variance,effective_samples\n",
      stream);
  for (size_t arm = 0; arm < table->rows; arm++) {
    const lks_run *run = measured_run(results, arm);
    for (size_t i = 0; run != NULL && i < run->noises; i++) {
      lks_noise_row mean = {.channels = run->noise[i].channels, .values = run->noise[i].values};
      const size_t seeds = average_noise(&mean, results, arm, run->noise[i].layer);
      fprintf(stream, "%s,%zu,%s,%zu,%zu,%zu", table->row[arm].arm->name, table->row[arm].arm->group,
              run->noise[i].layer, mean.channels, mean.values, seeds);
      PRINT_REALS(stream, mean.variance_of_mean, mean.theory, mean.variance_of_variance,
                  mean.effective_samples);
      fputc('\n', stream);
    }
  }
}

lks_status lks_table_write(const lks_table *table, const lks_results *results)
{
  static const struct {
    const char *name;
    void (*print)(FILE *stream, const lks_table *table, const lks_results *results);
  } file[] = {{"table.csv", print_arms}, {"runs.csv", print_runs}, {"noise.csv", print_noise}};
  lks_status status = LKS_OK;
  for (size_t i = 0; i < sizeof file / sizeof *file && !status; i++) {
    char path[PATH_SIZE];
    lks_printed printed;
    status = lks_printed_begin(&printed);
    if (status) break;
    file[i].print(printed.stream, table, results);
    snprintf(path, sizeof path, "%s/%s", results->comparison.directory, file[i].name);
    status = lks_printed_file(path, &printed);
  }
  return status ? status : lks_table_markdown(table, results);
}
