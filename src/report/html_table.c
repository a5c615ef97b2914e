#include <math.h>

#include "report/html_comparison.h"
#include "report/table_parts.h"

void lks_html_table(FILE *out, const lks_table *table, const lks_results *results)
{
  const char *headings[LKS_CELLS];
  for (size_t c = 0; c < LKS_CELLS; c++) headings[c] = lks_table_columns[c].heading;
  lks_html_table_begin(out, "Figures of the arms", headings, LKS_CELLS);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], results->comparison.seeds);
    lks_html_table_row(out, cell[LKS_CELL_ARM]);
    for (size_t c = LKS_CELL_ARM + 1; c < LKS_CELLS; c++) lks_html_table_cell(out, cell[c]);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
}

static void print_difference(FILE *out, const lks_table_row *row)
{
  const lks_paired *pair = &row->paired_test;
  const double p[] = {pair->p, row->holm, row->sign_flip, row->equivalence.p};
  lks_cell cell, low, high;
  char interval[2 * LKS_CELL_MAX + 8] = "-";
  lks_cell_print_signed(low, pair->low, 2);
  lks_cell_print_signed(high, pair->high, 2);
  if (isfinite(pair->low)) snprintf(interval, sizeof interval, "%s to %s", low, high);
  lks_html_table_row(out, row->arm->name);
  lks_cell_print_signed(cell, pair->mean, 2);
  lks_html_table_cell(out, cell);
  lks_html_table_cell(out, interval);
  for (int i = 0; i < 4; i++) {
    lks_cell_print_p(cell, p[i]);
    lks_html_table_cell(out, cell);
  }
  fprintf(out, "<td>%zu</td></tr>\n", pair->count);
}

void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results)
{
  static const char *const headings[] = {
      "arm",           "difference (points)", "95% interval", "p, t test", "p, corrected (Holm)",
      "p, sign flips", "p, equivalence",      "pairs"};
  lks_html_table_begin(out, "Differences in test accuracy", headings, sizeof headings / sizeof headings[0]);
  for (size_t i = 0; i < table->rows; i++)
    if (i != results->comparison.reference) print_difference(out, &table->row[i]);
  lks_html_table_end(out);
}

/* Means over the finished seeds of an arm. */
static bool mean_noise(lks_noise_row *mean, const lks_results *results, size_t arm, size_t layer)
{
  double count = 0;
  *mean = (lks_noise_row){0};
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    if (!run->done || layer >= run->noises) continue;
    const lks_noise_row sum = *mean;
    *mean = run->noise[layer];
    count++;
    mean->variance_of_mean = sum.variance_of_mean + (mean->variance_of_mean - sum.variance_of_mean) / count;
    mean->variance_of_variance =
        sum.variance_of_variance + (mean->variance_of_variance - sum.variance_of_variance) / count;
    mean->theory = sum.theory + (mean->theory - sum.theory) / count;
    mean->effective_samples =
        sum.effective_samples + (mean->effective_samples - sum.effective_samples) / count;
  }
  return count > 0;
}

static void print_noise(FILE *out, const lks_noise_row *noise, const char *arm)
{
  const double values[] = {noise->variance_of_mean, noise->theory, noise->variance_of_variance,
                           noise->effective_samples};
  lks_html_table_row(out, arm);
  lks_html_table_cell(out, noise->layer);
  fprintf(out, "<td>%zu</td>", noise->values);
  for (int i = 0; i < 4; i++)
    if (isfinite(values[i]) && noise->variance_of_mean > 0)
      fprintf(out, "<td>%.3g</td>", values[i]);
    else
      lks_html_table_cell(out, i < 3 ? "0" : "-"); /* the whole mini-batch: all scatter is none */
  lks_html_table_row_end(out);
}

void lks_html_noise(FILE *out, const lks_results *results)
{
  static const char *const headings[] = {"arm",
                                         "layer",
                                         "values a sample",
                                         "noise of the mean",
                                         "theory for independent samples",
                                         "noise of the variance",
                                         "effective samples"};
  bool begun = false;
  lks_noise_row noise;
  for (size_t arm = 0; arm < results->comparison.arms; arm++) {
    for (size_t layer = 0; mean_noise(&noise, results, arm, layer); layer++) {
      if (!begun) {
        fputs("<details><summary>Noise of each arm and layer in numbers</summary>\n", out);
        lks_html_table_begin(out, "Noise of each arm and layer", headings,
                             sizeof headings / sizeof headings[0]);
      }
      begun = true;
      print_noise(out, &noise, results->comparison.arm[arm].name);
    }
  }
  if (!begun) return;
  lks_html_table_end(out);
  fputs("</details>\n", out);
}
