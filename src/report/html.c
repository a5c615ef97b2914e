#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/printed.h"
#include "report/html_comparison.h"
#include "report/plot.h"
#include "report/report.h"

static size_t finished(const lks_results *results)
{
  const size_t runs = results->comparison.arms * results->comparison.seeds;
  size_t done = 0;
  for (size_t i = 0; i < runs; i++) done += results->run[i].done;
  return done;
}

static void print_title(FILE *out, const lks_comparison *comparison)
{
  const char *slash = strrchr(comparison->base.data, '/');
  char title[2 * LKS_TEXT_MAX + 64];
  snprintf(title, sizeof title, "Normalization batches compared: %.*s on %.*s", LKS_TEXT_MAX,
           comparison->base.model, LKS_TEXT_MAX, slash != NULL ? slash + 1 : comparison->base.data);
  lks_html_begin(out, title);
}

static void print_summary(FILE *out, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  fprintf(
      out,
      "<p>%zu arm%s, %zu seed%s, %zu epoch%s, mini-batches of %zu samples. "
      "The arms differ in the normalization batch alone, the samples that share one mean and variance; runs with the same seed had the same initial weights, mini-batches and augmentation%s.</p>\n",
      comparison->arms, comparison->arms == 1 ? "" : "s", comparison->seeds,
      comparison->seeds == 1 ? "" : "s", comparison->base.epochs, comparison->base.epochs == 1 ? "" : "s",
      comparison->base.batch_size,
      comparison->rates > 0 ? "; the learning rate was tuned for each arm on held-out training samples" : "");
  if (finished(results) < comparison->arms * comparison->seeds)
    fprintf(out, "<p class=\"note\">%zu of %zu runs are finished; what follows stands on these.</p>\n",
            finished(results), comparison->arms * comparison->seeds);
}

static void print_verdicts(FILE *out, const lks_table *table, const lks_comparison *comparison)
{
  fputs("<h2>What the seeds say</h2>\n<p>Test accuracy of each arm against ", out);
  lks_html_escape(out, comparison->arm[comparison->reference].name);
  fputs(", paired by seed:</p>\n<ul>\n", out);
  for (size_t i = 0; i < table->rows; i++) {
    if (i == comparison->reference) continue;
    fputs("<li><strong>", out);
    lks_html_escape(out, table->row[i].arm->name);
    fputs("</strong>: ", out);
    lks_html_escape(out, table->row[i].sentence);
    fputs("</li>\n", out);
  }
  fputs("</ul>\n", out);
}

static void print_explanation(FILE *out, double margin)
{
  fprintf(
      out,
      "<details><summary>How the numbers are made</summary>\n"
      "<p>A figure of a run is the median of its last five epochs; a figure of an arm is the mean over its seeds. "
      "Accuracies and losses are those with running statistics, the exponentially weighted averages used at test time; precise ones are of the final network, its statistics recomputed over training data. "
      "Differences are paired by seed, with the 95%% interval of Student's t. "
      "The p of the t test is corrected for the number of arms (Holm); the p of sign flips assumes no normal distribution. "
      "“No difference” needs more than a large p: two one-sided tests against a margin of %g points. "
      "The gap is training minus test accuracy. "
      "Images/s and the share of batch-norm communication depend on the machine; all else does not.</p></details>\n",
      margin);
}

static lks_status print_figures(FILE *out, const lks_results *results, bool plots)
{
  char folder[LKS_TEXT_MAX + 64];
  size_t count, figures = 0;
  const lks_plot *plot = lks_plot_list(&count);
  lks_status status = LKS_OK;
  fputs("<h2>Plots</h2>\n", out);
  if (!plots) {
    fputs(
        "<p class=\"note\">Not drawn, for there was no gnuplot. "
        "Install it (Debian: <code>apt-get install gnuplot-nox</code>) and run <code>lockstep report</code> again. "
        "The data and scripts are in <code>plots/</code>.</p>\n",
        out);
    return LKS_OK;
  }
  snprintf(folder, sizeof folder, "%s/plots", results->comparison.directory);
  lks_html_figures_begin(out);
  for (size_t i = 0; i < count && !status; i++)
    status = lks_html_figure(out, &figures, folder, plot[i].name, plot[i].title, plot[i].reading);
  lks_html_figures_end(out);
  if (figures == 0) fputs("<p class=\"note\">gnuplot drew nothing.</p>\n", out);
  fputs("<p>Data, scripts, SVG and PNG of the plots are in <code>plots/</code>.</p>\n", out);
  return status;
}

static lks_status print_page(FILE *out, const lks_table *table, const lks_results *results, bool plots)
{
  const lks_comparison *comparison = &results->comparison;
  print_title(out, comparison);
  print_summary(out, results);
  if (table->rows > 1) print_verdicts(out, table, comparison);
  fputs("<h2>Table</h2>\n", out);
  lks_html_table(out, table, results);
  if (table->rows > 1) {
    fputs("<h2>Differences to ", out);
    lks_html_escape(out, comparison->arm[comparison->reference].name);
    fputs(" in test accuracy</h2>\n", out);
    lks_html_differences(out, table, results);
  }
  print_explanation(out, comparison->margin);
  lks_status status = print_figures(out, results, plots);
  lks_html_noise(out, results);
  fputs("<h2>How it was made</h2>\n", out);
  if (!status) status = lks_html_setup(out, results);
  fputs(
      "<p>The same as text, in the folder of this page: <code>report.md</code>, <code>table.csv</code> (arms), <code>runs.csv</code> (runs), <code>noise.csv</code>.</p>\n",
      out);
  lks_html_end(out);
  return status;
}

lks_status lks_html_write(const lks_table *table, const lks_results *results, bool plots)
{
  char path[LKS_TEXT_MAX + 64], *text = NULL;
  lks_printed page;
  lks_status status = lks_printed_begin(&page);
  if (status) return status;
  const lks_status printed = print_page(page.stream, table, results, plots);
  status = lks_printed_text(&text, &page);
  snprintf(path, sizeof path, "%s/report.html", results->comparison.directory);
  if (!status) status = printed;
  if (!status) status = lks_file_write(path, text, strlen(text));
  lks_free(text);
  return status;
}
