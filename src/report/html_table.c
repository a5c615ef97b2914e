#include <math.h>

#include "report/html_parts.h"
#include "report/table_parts.h"

/* A wide table scrolls inside of its box, also with the keys. */
static void begin_table(FILE *out, const char *name)
{
  fprintf(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>\n<thead><tr>",
          name);
}

static void begin_rows(FILE *out)
{
  fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_table(FILE *out)
{
  fputs("</tbody></table></div>\n", out);
}

static void print_heading(FILE *out, const char *text)
{
  fprintf(out, "<th scope=\"col\">%s</th>", text);
}

static void begin_row(FILE *out, const char *name)
{
  fputs("<tr><th scope=\"row\">", out);
  lks_html_escape(out, name);
  fputs("</th>", out);
}

static void print_cell(FILE *out, const char *text)
{
  fputs("<td>", out);
  lks_html_escape(out, text);
  fputs("</td>", out);
}

void lks_html_table(FILE *out, const lks_table *table, const lks_results *results)
{
  begin_table(out, "Figures of the arms");
  for (size_t c = 0; c < LKS_CELLS; c++) print_heading(out, lks_table_columns[c].heading);
  begin_rows(out);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], results->comparison.seeds);
    begin_row(out, cell[LKS_CELL_ARM]);
    for (size_t c = LKS_CELL_ARM + 1; c < LKS_CELLS; c++) print_cell(out, cell[c]);
    fputs("</tr>\n", out);
  }
  end_table(out);
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
  begin_row(out, row->arm->name);
  lks_cell_print_signed(cell, pair->mean, 2);
  print_cell(out, cell);
  print_cell(out, interval);
  for (int i = 0; i < 4; i++) {
    lks_cell_print_p(cell, p[i]);
    print_cell(out, cell);
  }
  fprintf(out, "<td>%zu</td></tr>\n", pair->count);
}

void lks_html_differences(FILE *out, const lks_table *table, const lks_results *results)
{
  static const char *const headings[] = {
      "arm",           "difference (points)", "95% interval", "p, t test", "p, corrected (Holm)",
      "p, sign flips", "p, equivalence",      "pairs"};
  begin_table(out, "Differences in test accuracy");
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) print_heading(out, headings[i]);
  begin_rows(out);
  for (size_t i = 0; i < table->rows; i++)
    if (i != results->comparison.reference) print_difference(out, &table->row[i]);
  end_table(out);
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
  begin_row(out, arm);
  print_cell(out, noise->layer);
  fprintf(out, "<td>%zu</td>", noise->values);
  for (int i = 0; i < 4; i++)
    if (isfinite(values[i]) && noise->variance_of_mean > 0)
      fprintf(out, "<td>%.3g</td>", values[i]);
    else
      print_cell(out, i < 3 ? "0" : "-"); /* the whole mini-batch: all scatter is none */
  fputs("</tr>\n", out);
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
        begin_table(out, "Noise of each arm and layer");
        for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++) print_heading(out, headings[i]);
        begin_rows(out);
      }
      begun = true;
      print_noise(out, &noise, results->comparison.arm[arm].name);
    }
  }
  if (!begun) return;
  end_table(out);
  fputs("</details>\n", out);
}
