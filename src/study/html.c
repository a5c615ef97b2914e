#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/printed.h"
#include "report/html_comparison.h"
#include "report/table_parts.h"
#include "study/pages.h"

/* report.html of a study: the lecture's sentence, the verdict, the pictures, and all that a reader needs to judge
 * them. */

enum { CELL_MAX = 112 };

static void print_paragraph(FILE *out, const char *text)
{
  fputs("<p>", out);
  lks_html_escape(out, text);
  fputs("</p>\n", out);
}

static void print_verdict(FILE *out, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  char word[32];
  snprintf(word, sizeof word, "%s", lks_claim_word((lks_claim)outcome->claim));
  word[0] = (char)(word[0] - 'a' + 'A');
  fprintf(out, "<p class=\"note\"><strong>%s.</strong> ", word);
  lks_html_escape(out, outcome->verdict);
  fputs("</p>\n", out);
  print_paragraph(out, study->question);
  fprintf(out, "<p>%zu seed%s, %zu runs, paired by seed; data: ", outcome->seeds,
          outcome->seeds == 1 ? "" : "s", outcome->runs);
  lks_html_escape(out, outcome->plan->options.data[0] != '\0' ? outcome->plan->options.data : study->data);
  fputs(".</p>\n", out);
  if (outcome->failed > 0 && !study->failures_count) {
    fprintf(
        out,
        "<p class=\"note\">%zu of %zu runs failed to learn, for they diverged or stayed where guesses are: ",
        outcome->failed, outcome->runs);
    lks_html_escape(out, outcome->failures);
    fputs(".</p>\n", out);
  }
  if (outcome->finished < outcome->runs)
    fprintf(out, "<p class=\"note\">%zu of %zu runs are finished; what follows stands on these.</p>\n",
            outcome->finished, outcome->runs);
}

/* Three bytes become four letters. */
static void print_base64(FILE *out, const unsigned char *data, size_t bytes)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes; i += 3) {
    const size_t left = bytes - i;
    const uint32_t word =
        (uint32_t)data[i] << 16 | (uint32_t)(left > 1 ? data[i + 1] : 0) << 8 | (left > 2 ? data[i + 2] : 0);
    fputc(letters[word >> 18], out);
    fputc(letters[word >> 12 & 63], out);
    fputc(left > 1 ? letters[word >> 6 & 63] : '=', out);
    fputc(left > 2 ? letters[word & 63] : '=', out);
  }
}

/* A picture that is no drawing, inside of the page as well. */
static lks_status print_image(FILE *out, const char *folder, const lks_study_figure *figure)
{
  char path[LKS_TEXT_MAX + 64], *data = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/%s.png", folder, figure->name);
  if (!lks_file_exists(path)) return LKS_OK;
  const lks_status status = lks_file_read(&data, &bytes, path);
  if (status) return status;
  fprintf(out, "<figure id=\"%s\">\n<img alt=\"", figure->name);
  lks_html_escape(out, figure->title);
  fputs("\" src=\"data:image/png;base64,", out);
  print_base64(out, (const unsigned char *)data, bytes);
  fputs("\">\n<figcaption><strong>", out);
  lks_html_escape(out, figure->title);
  fputs("</strong> ", out);
  lks_html_escape(out, figure->reading);
  fputs("</figcaption>\n</figure>\n", out);
  lks_free(data);
  return LKS_OK;
}

static lks_status print_figures(FILE *out, const lks_study_outcome *outcome, bool drawn)
{
  const lks_study *study = outcome->plan->study;
  char folder[LKS_TEXT_MAX];
  size_t shown = 0;
  lks_status status = LKS_OK;
  if (!drawn)
    fputs(
        "<p class=\"note\">The pictures are not drawn, for there was no gnuplot. "
        "Install it (Debian: <code>apt-get install gnuplot-nox</code>) and run <code>lockstep report</code> on this folder.</p>\n",
        out);
  snprintf(folder, sizeof folder, "%s/plots", outcome->plan->folder);
  lks_html_figures_begin(out);
  for (size_t i = 0; i < study->figures && !status; i++) {
    const lks_study_figure *figure = &study->figure[i];
    if (figure->print == NULL)
      status = print_image(out, folder, figure);
    else if (drawn)
      status = lks_html_figure(out, &shown, folder, figure->name, figure->title, figure->reading);
  }
  lks_html_figures_end(out);
  return status;
}

static void print_finding_table(FILE *out, const lks_study_plan *plan, const lks_finding *finding,
                                const char *name)
{
  static const char *const headings[] = {"Effect", "Difference, 95% interval", "p (Holm)", "Seeds"};
  fputs("<div class=\"words\">\n", out);
  lks_html_table_begin(out, name, headings, 4);
  for (size_t i = 0; i < lks_study_effects(plan); i++) {
    lks_cell p;
    char seeds[CELL_MAX];
    lks_cell_print_p(p, finding[i].p);
    snprintf(seeds, sizeof seeds, "%zu", finding[i].pair.count);
    lks_html_table_row(out, plan->study->effect[i].name);
    lks_html_table_cell(out, finding[i].sentence);
    lks_html_table_cell(out, p);
    lks_html_table_cell(out, seeds);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
  fputs("</div>\n", out);
}

static void print_findings(FILE *out, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  fputs("<h2>What the seeds say</h2>\n", out);
  print_finding_table(out, outcome->plan, outcome->finding, "effects");
  if (outcome->failed > 0 && !study->failures_count) {
    fputs("<p>The same with the runs that failed to learn:</p>\n", out);
    print_finding_table(out, outcome->plan, outcome->with_all, "effects with all runs");
  }
  fputs(
      "<details><summary>How the numbers are made</summary>\n<p>"
      "A reading of a run is a number with an arm and a seed; all of them are in <code>readings.csv</code>. "
      "Losses and accuracies are medians of the last five epochs, with the running statistics. "
      "Effects are paired by seed: mean and 95% interval of Student's t, p corrected for the number of effects on this page (Holm). "
      "Ratios are compared by their logarithms. "
      "“No difference” needs two one-sided tests against a margin, not a large p.</p></details>\n",
      out);
}

static void print_spread(char *text, size_t size, const lks_study_outcome *outcome, const char *arm,
                         const lks_study_column *column)
{
  const double scale = column->scale != 0 ? column->scale : 1;
  const lks_spread s = lks_readings_spread(&outcome->readings, arm, column->quantity,
                                           outcome->plan->options.first_seed, outcome->seeds);
  char mean[32], low[32], high[32];
  const double width = s.high > s.low ? scale * (s.high - s.low) : 0;
  snprintf(text, size, "-");
  if (s.count == 0) return;
  lks_effect_number(mean, sizeof mean, scale * s.mean, width);
  lks_effect_number(low, sizeof low, scale * s.low, width);
  lks_effect_number(high, sizeof high, scale * s.high, width);
  if (width > 0)
    snprintf(text, size, "%s [%s, %s]", mean, low, high);
  else
    snprintf(text, size, "%s", mean);
}

static void print_arms(FILE *out, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  const char *headings[LKS_CSV_COLUMNS_MAX] = {"Arm"};
  if (study->columns == 0) return;
  for (size_t i = 0; i < study->columns; i++) headings[i + 1] = study->column[i].heading;
  fputs("<h2>The arms</h2>\n<p>Means over the seeds, with 95% intervals.</p>\n", out);
  lks_html_table_begin(out, "arms", headings, study->columns + 1);
  for (size_t part = 0; part < outcome->plan->parts; part++) {
    const lks_comparison *comparison = outcome->plan->part[part];
    for (size_t arm = 0; arm < comparison->arms; arm++) {
      lks_html_table_row(out, comparison->arm[arm].name);
      for (size_t i = 0; i < study->columns; i++) {
        char text[CELL_MAX];
        print_spread(text, sizeof text, outcome, comparison->arm[arm].name, &study->column[i]);
        lks_html_table_cell(out, text);
      }
      lks_html_table_row_end(out);
    }
  }
  lks_html_table_end(out);
}

static void print_published(FILE *out, const lks_study_outcome *outcome)
{
  static const char *const headings[] = {"What", "Published", "Here", "Source"};
  const lks_study *study = outcome->plan->study;
  if (study->publisheds == 0) return;
  fputs("<h2>Published, and here</h2>\n", out);
  fputs("<div class=\"words\">\n", out);
  lks_html_table_begin(out, "published", headings, 4);
  for (size_t i = 0; i < study->publisheds; i++) {
    const lks_study_published *row = &study->published[i];
    const lks_study_column column = {row->quantity, NULL, row->scale};
    char text[CELL_MAX + 16], number[CELL_MAX];
    lks_html_table_row(out, row->what);
    lks_html_table_cell(out, row->published);
    if (row->effect >= 0) {
      lks_html_table_cell(out, outcome->finding[row->effect].sentence);
    } else {
      print_spread(number, sizeof number, outcome, row->arm, &column);
      snprintf(text, sizeof text, "%s%s%s", number, row->unit != NULL ? " " : "",
               row->unit != NULL ? row->unit : "");
      lks_html_table_cell(out, text);
    }
    lks_html_table_cell(out, row->source);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
  fputs("</div>\n", out);
}

static void print_changes(FILE *out, const lks_study *study)
{
  if (study->changes == 0) return;
  fputs("<h2>For teachers: change this, expect that</h2>\n", out);
  for (size_t i = 0; i < study->changes; i++) {
    fputs("<p><strong>", out);
    lks_html_escape(out, study->change[i].change);
    fputs("</strong> ", out);
    lks_html_escape(out, study->change[i].expect);
    fputs("</p>\n<pre class=\"wrap\">", out);
    lks_html_escape(out, study->change[i].command);
    fputs("</pre>\n", out);
  }
}

/* A sentence a line becomes a list. */
static lks_status print_limits(FILE *out, const lks_study_outcome *outcome)
{
  lks_printed lines;
  char *text = NULL;
  if (outcome->plan->study->limits == NULL) return LKS_OK;
  lks_status status = lks_printed_begin(&lines);
  if (status) return status;
  outcome->plan->study->limits(lines.stream, outcome);
  status = lks_printed_text(&text, &lines);
  if (status) return status;
  fputs("<h2>What batch norm did not do, and what this does not show</h2>\n<ul>\n", out);
  for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    fputs("<li>", out);
    lks_html_escape(out, line);
    fputs("</li>\n", out);
  }
  fputs("</ul>\n", out);
  lks_free(text);
  return LKS_OK;
}

static lks_status print_part(FILE *out, const lks_comparison *comparison)
{
  lks_results *results = NULL;
  lks_status status = lks_results_read(&results, comparison->directory);
  if (status) return status;
  status = lks_html_setup(out, results);
  lks_results_destroy(&results);
  return status;
}

static lks_status print_making(FILE *out, const lks_study_outcome *outcome)
{
  char *command;
  lks_status status = lks_study_command(&command, outcome);
  if (status) return status;
  fputs(
      "<h2>How it was made</h2>\n<p>The same numbers come, at any number of ranks, from:</p>\n<pre class=\"wrap\">",
      out);
  lks_html_escape(out, command);
  fputs(
      "</pre>\n<p>Beside this page: <code>readings.csv</code> (every number), <code>verdict.json</code>, <code>plots/</code> (data, scripts, SVG and PNG of the pictures), <code>runs/</code> (every run).</p>\n",
      out);
  lks_free(command);
  for (size_t i = 0; i < outcome->plan->parts && !status; i++) {
    fputs("<details><summary>The comparison that was trained</summary>\n", out);
    status = print_part(out, outcome->plan->part[i]);
    fputs("</details>\n", out);
  }
  return status;
}

static lks_status print_page(FILE *out, const lks_study_outcome *outcome, bool drawn)
{
  const lks_study *study = outcome->plan->study;
  char title[512];
  snprintf(title, sizeof title, "“%s”", study->claim);
  lks_html_begin(out, title);
  print_verdict(out, outcome);
  lks_status status = print_figures(out, outcome, drawn);
  print_findings(out, outcome);
  print_published(out, outcome);
  if (!status) status = print_limits(out, outcome);
  print_changes(out, study);
  print_arms(out, outcome);
  if (!status) status = print_making(out, outcome);
  lks_html_end(out);
  return status;
}

lks_status lks_study_html_write(const lks_study_outcome *outcome, bool drawn)
{
  char path[LKS_TEXT_MAX], *text = NULL;
  lks_printed page;
  lks_status status = lks_printed_begin(&page);
  if (status) return status;
  const lks_status printed = print_page(page.stream, outcome, drawn);
  status = lks_printed_text(&text, &page);
  snprintf(path, sizeof path, "%s/report.html", outcome->plan->folder);
  if (!status) status = printed;
  if (!status) status = lks_file_write(path, text, strlen(text));
  lks_free(text);
  return status;
}
