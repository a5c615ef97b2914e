#include <math.h>

#include "report/html_comparison.h"
#include "report/table_parts.h"

void lks_html_arms(FILE *out, const lks_comparison *comparison)
{
  static const char *const headings[] = {"arm", "set otherwise", "what a pair with the reference shares"};
  fputs("<h2>Arms</h2>\n", out);
  lks_html_table_begin(out, "Arms", headings, sizeof headings / sizeof headings[0]);
  for (size_t i = 0; i < comparison->arms; i++) {
    const lks_arm *arm = &comparison->arm[i];
    char pairing[LKS_TEXT_MAX] = "It is the reference.";
    if (i != comparison->reference) lks_comparison_pairing(pairing, comparison, i);
    lks_html_table_row(out, arm->name);
    lks_html_table_text(out, arm->settings[0] != '\0' ? arm->settings : "-");
    lks_html_table_text(out, pairing);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
}

void lks_html_table(FILE *out, const lks_table *table, const lks_results *results)
{
  const char *headings[LKS_CELLS];
  size_t shown[LKS_CELLS];
  const size_t count = lks_table_shown(shown, &results->comparison, 0, LKS_CELLS);
  for (size_t c = 0; c < count; c++) headings[c] = lks_table_columns[shown[c]].heading;
  lks_html_table_begin(out, "Figures of the arms", headings, count);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], results->comparison.seeds);
    lks_html_table_row(out, cell[LKS_CELL_ARM]);
    for (size_t c = 1; c < count; c++) lks_html_table_cell(out, cell[shown[c]]);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
}

static void print_difference(FILE *out, const char *name, const lks_difference *d, int digits)
{
  const lks_paired *pair = &d->pair;
  const double p[] = {pair->p, d->holm, d->sign_flip, d->equivalence.p};
  lks_cell cell, low, high;
  char interval[2 * LKS_CELL_MAX + 8] = "-";
  lks_cell_print_signed(low, pair->low, digits);
  lks_cell_print_signed(high, pair->high, digits);
  if (isfinite(pair->low)) snprintf(interval, sizeof interval, "%s to %s", low, high);
  lks_html_table_row(out, name);
  lks_cell_print_signed(cell, pair->mean, digits);
  lks_html_table_cell(out, cell);
  lks_html_table_cell(out, interval);
  for (int i = 0; i < (digits > 2 ? 3 : 4); i++) { /* there is no margin of the loss */
    lks_cell_print_p(cell, p[i]);
    lks_html_table_cell(out, cell);
  }
  fprintf(out, "<td>%zu</td>", pair->count);
  lks_html_table_row_end(out);
}

void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results, bool loss)
{
  static const char *const accuracy_headings[] = {
      "arm",           "difference (points)", "95% interval", "p, t test", "p, corrected (Holm)",
      "p, sign flips", "p, equivalence",      "pairs"};
  static const char *const loss_headings[] = {"arm",       "difference (nats)",   "95% interval",
                                              "p, t test", "p, corrected (Holm)", "p, sign flips",
                                              "pairs"};
  if (loss)
    lks_html_table_begin(out, "Differences in test loss", loss_headings,
                         sizeof loss_headings / sizeof loss_headings[0]);
  else
    lks_html_table_begin(out, "Differences in test accuracy", accuracy_headings,
                         sizeof accuracy_headings / sizeof accuracy_headings[0]);
  for (size_t i = 0; i < table->rows; i++) {
    const lks_table_row *row = &table->row[i];
    const lks_comparing *c = loss ? &row->loss : &row->accuracy;
    char name[LKS_ARM_NAME + 32];
    if (i == results->comparison.reference) continue;
    print_difference(out, row->arm->name, &c->learned, loss ? 4 : 2);
    if (c->all.pair.count == c->learned.pair.count) continue;
    snprintf(name, sizeof name, "%s, with failed runs", row->arm->name);
    print_difference(out, name, &c->all, loss ? 4 : 2);
  }
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
                                         "scatter of the means",
                                         "theory for independent samples",
                                         "scatter of the variances",
                                         "effective samples"};
  bool begun = false;
  lks_noise_row noise;
  for (size_t arm = 0; arm < results->comparison.arms; arm++) {
    for (size_t layer = 0; mean_noise(&noise, results, arm, layer); layer++) {
      if (!begun) {
        fputs("<details><summary>Scatter of the groups in each arm and layer, in numbers</summary>\n", out);
        lks_html_table_begin(out, "Scatter of the groups in each arm and layer", headings,
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
