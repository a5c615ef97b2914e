#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/printed.h"
#include "report/html_comparison.h"
#include "report/plot.h"
#include "report/report.h"
#include "report/words.h"

static size_t finished(const lks_results *results)
{
  const size_t runs = results->comparison.arms * results->comparison.seeds;
  size_t done = 0;
  for (size_t i = 0; i < runs; i++) done += results->run[i].done;
  return done;
}

static void print_text(FILE *out, const char *tag, const char *class, const char *text)
{
  fprintf(out, class != NULL ? "<%s class=\"%s\">" : "<%s>", tag, class);
  lks_html_escape(out, text);
  fprintf(out, "</%s>\n", tag);
}

static void print_head(FILE *out, const lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  char text[LKS_WORDS_MAX];
  lks_words_title(text, comparison);
  lks_html_begin(out, text);
  lks_words_summary(text, comparison);
  print_text(out, "p", NULL, text);
  if (finished(results) < comparison->arms * comparison->seeds)
    fprintf(out, "<p class=\"note\">%zu of %zu runs are finished; what follows stands on these.</p>\n",
            finished(results), comparison->arms * comparison->seeds);
  lks_words_failures(text, table, results);
  if (text[0] != '\0') print_text(out, "p", "note", text);
}

static void print_verdict(FILE *out, const lks_table_row *row, const lks_comparison *comparison)
{
  fputs("<li><strong>", out);
  lks_html_escape(out, row->arm->name);
  fputs("</strong>", out);
  if (!lks_comparison_is_short(comparison) && row->arm->settings[0] != '\0') {
    fputs(" <small>(", out);
    lks_html_escape(out, row->arm->settings);
    fputs(")</small>", out);
  }
  fputs("<br>Test accuracy: ", out);
  lks_html_escape(out, row->accuracy.sentence);
  if (row->paired > 0) {
    fputs(".<br>Test loss: ", out);
    lks_html_escape(out, row->loss.sentence);
    fprintf(out, ".<br><em>%s</em>", lks_row_answer(row));
  }
  fputs("</li>\n", out);
}

static void print_verdicts(FILE *out, const lks_table *table, const lks_comparison *comparison)
{
  fputs("<h2>What the seeds say</h2>\n<p>Each arm against ", out);
  lks_html_escape(out, comparison->arm[comparison->reference].name);
  fputs(", paired by seed:</p>\n<ul>\n", out);
  for (size_t i = 0; i < table->rows; i++)
    if (i != comparison->reference) print_verdict(out, &table->row[i], comparison);
  fputs("</ul>\n", out);
}

static void print_explanation(FILE *out, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  char chance[LKS_WORDS_MAX];
  lks_words_chance(chance, &results->chance);
  fprintf(
      out,
      "<details><summary>How the numbers are made</summary>\n"
      "<p>A figure of a run is the median of its last five epochs; a figure of an arm is the mean over its seeds. "
      "Accuracies and losses are those with running statistics, the exponentially weighted averages used at test time; precise ones are of the final network, its statistics recomputed over training data. "
      "Differences are paired by seed, with the 95%% interval of Student's t. "
      "The p of the t test is corrected for the number of arms (Holm), those of accuracy and those of loss each by themselves, and this corrected p decides. "
      "The p of sign flips assumes no normal distribution; of n pairs it is never below 2<sup>1-n</sup>, which is %.2g for %zu. "
      "“No difference” needs more than a large p: two one-sided tests against a margin of %g points. "
      "The gap is training minus test accuracy. "
      "Images/s and the share of batch-norm communication depend on the machine; all else does not.</p>\n",
      exp2(1 - (double)comparison->seeds), comparison->seeds, comparison->margin);
  print_text(out, "p", NULL, chance);
  fputs("</details>\n", out);
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
  const bool rows = !lks_comparison_of_norms(&results->comparison);
  for (size_t i = 0; i < count && !status; i++)
    status = lks_html_figure(out, &figures, folder, plot[i].name, plot[i].title,
                             rows && plot[i].reading_rows != NULL ? plot[i].reading_rows : plot[i].reading);
  lks_html_figures_end(out);
  if (figures == 0) fputs("<p class=\"note\">gnuplot drew nothing.</p>\n", out);
  fputs("<p>Data, scripts, SVG and PNG of the plots are in <code>plots/</code>.</p>\n", out);
  return status;
}

static void print_differences(FILE *out, const lks_table *table, const lks_results *results, bool loss)
{
  fputs("<h2>Differences to ", out);
  lks_html_escape(out, results->comparison.arm[results->comparison.reference].name);
  fprintf(out, " in test %s</h2>\n", loss ? "loss" : "accuracy");
  lks_html_differences(out, table, results, loss);
}

static lks_status print_page(FILE *out, const lks_table *table, const lks_results *results, bool plots)
{
  const lks_comparison *comparison = &results->comparison;
  print_head(out, table, results);
  if (table->rows > 1) print_verdicts(out, table, comparison);
  if (!lks_comparison_is_short(comparison)) lks_html_arms(out, comparison);
  fputs("<h2>Table</h2>\n", out);
  lks_html_table(out, table, results);
  if (table->rows > 1) print_differences(out, table, results, false);
  if (table->rows > 1) print_differences(out, table, results, true);
  print_explanation(out, results);
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
