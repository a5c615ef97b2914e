#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/printed.h"
#include "config/config_value.h"
#include "report/html_parts.h"
#include "report/trained_runs.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64, CELL = 64 };

static const char no_gnuplot[] =
    "there is no gnuplot, which draws the pictures; install it (Debian: apt-get install gnuplot-nox)";

static void print_number(FILE *out, double value, const char *format)
{
  char text[CELL] = "";
  if (isfinite(value)) snprintf(text, sizeof text, format, value);
  lks_html_table_cell(out, text);
}

static void print_row(FILE *out, const char *heading, const lks_metrics_row *row)
{
  char text[CELL];
  lks_html_table_row(out, heading);
  snprintf(text, sizeof text, "%zu", row->epoch);
  lks_html_table_cell(out, text);
  print_number(out, row->lr, "%.3g");
  print_number(out, row->train_loss, "%.4f");
  print_number(out, 100 * row->train_accuracy, "%.2f");
  print_number(out, row->test_loss, "%.4f");
  print_number(out, 100 * row->test_accuracy, "%.2f");
  print_number(out, row->images_per_second, "%.0f");
  print_number(out, row->seconds, "%.4g");
  lks_html_table_row_end(out);
}

static void begin_table(FILE *out, const char *name, const char *first)
{
  const char *const headings[] = {first,
                                  "epoch",
                                  "lr",
                                  "training loss",
                                  "training accuracy (%)",
                                  "test loss",
                                  "test accuracy (%)",
                                  "images/s",
                                  "seconds so far"};
  lks_html_table_begin(out, name, headings, sizeof headings / sizeof *headings);
}

static void print_ends(FILE *out, const lks_trained_runs *runs)
{
  begin_table(out, "last and best epochs", "run");
  for (size_t i = 0; i < runs->count; i++) {
    char heading[LKS_RUN_LABEL + CELL];
    const lks_trained_run *run = &runs->run[i];
    snprintf(heading, sizeof heading, "%s: last epoch", run->label);
    print_row(out, heading, &run->row[run->epochs - 1]);
    snprintf(heading, sizeof heading, "%s: best test accuracy", run->label);
    print_row(out, heading, lks_trained_run_best(run));
  }
  lks_html_table_end(out);
  fputs(
      "<p>The best of many epochs, chosen by its test accuracy, flatters that accuracy; the last epoch is chosen by nothing. Differences between single runs are not yet findings: these take several seeds, and <code>lockstep compare</code>.</p>\n",
      out);
}

static void print_epochs(FILE *out, const lks_trained_run *run)
{
  fputs("<details><summary>All epochs</summary>\n", out);
  begin_table(out, "all epochs", "");
  for (size_t e = 0; e < run->epochs; e++) print_row(out, "", &run->row[e]);
  lks_html_table_end(out);
  fputs("</details>\n", out);
}

/* Those that are not as they are when nothing is said. */
static void print_settings(FILE *out, const lks_trained_run *run)
{
  size_t count;
  char standard[LKS_VALUE_MAX], value[LKS_VALUE_MAX];
  const char *const headings[] = {"setting", "value", "default"};
  lks_config plain;
  const lks_option *option = lks_config_options(&count);
  lks_config_default(&plain);
  fputs("<h2>Settings that are not the defaults</h2>\n", out);
  lks_html_table_begin(out, "settings", headings, 3);
  for (size_t o = 0; o < count; o++) {
    if (!lks_config_value_differs(standard, value, &plain, &run->config, &option[o], 1, NULL)) continue;
    lks_html_table_row(out, option[o].name);
    lks_html_table_text(out, value);
    lks_html_table_text(out, standard);
    lks_html_table_row_end(out);
  }
  lks_html_table_end(out);
  fputs("<p>All of them are in <code>config.ini</code>, which repeats the run.</p>\n", out);
}

static lks_status print_figures(FILE *out, const char *folder)
{
  size_t shown = 0;
  lks_html_figures_begin(out);
  lks_status status = lks_html_figure(
      out, &shown, folder, "curves", "Loss and accuracy",
      "Training figures are means over the mini-batches of an epoch, while the network learns, with augmentation and the statistics of each mini-batch; test figures are of the network at its end, with running statistics. So the test loss may be the lower one.");
  if (!status)
    status = lks_html_figure(
        out, &shown, folder, "rate", "Learning rate and speed",
        "Images/s are those of training alone; they depend on the machine, all else does not.");
  lks_html_figures_end(out);
  if (!status && shown == 0) fprintf(out, "<p class=\"note\">Not drawn: %s.</p>\n", no_gnuplot);
  return status;
}

static lks_status print_page(FILE *out, const lks_trained_runs *runs, const char *folder)
{
  char title[LKS_RUN_LABEL + CELL];
  const lks_trained_run *first = &runs->run[0];
  const bool one = runs->count == 1;
  if (one)
    snprintf(title, sizeof title, "Run %s", first->label);
  else
    snprintf(title, sizeof title, "%zu training runs", runs->count);
  lks_html_begin(out, title);
  if (one) fprintf(out, "<p>%zu of %zu epochs are done.</p>\n", first->epochs, first->config.epochs);
  const lks_status status = print_figures(out, folder);
  fputs("<h2>Where it ended</h2>\n", out);
  print_ends(out, runs);
  if (one) print_epochs(out, first);
  if (one) print_settings(out, first);
  lks_html_end(out);
  return status;
}

static lks_status write_page(const char *path, const lks_trained_runs *runs, const char *folder)
{
  lks_printed printed;
  char *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  const lks_status page = print_page(printed.stream, runs, folder);
  status = lks_printed_text(&text, &printed);
  if (!status) status = page;
  if (!status) status = lks_file_write(path, text, strlen(text));
  lks_free(text);
  return status;
}

static lks_status draw(bool *drawn, const char *folder, const lks_trained_runs *runs)
{
  bool rates = true;
  lks_status status = lks_figure_write(drawn, folder, "curves", lks_run_curves, runs);
  if (!status) status = lks_figure_write(&rates, folder, "rate", lks_run_rates, runs);
  return status;
}

static lks_status copy_picture(const char *path, const char *folder, const char *format)
{
  char picture[PATH_SIZE], *data = NULL;
  size_t bytes = 0;
  snprintf(picture, sizeof picture, "%.500s/curves.%s", folder, format);
  if (!lks_file_exists(picture)) return lks_fail(LKS_ERR_IO, "%s: gnuplot drew nothing", path);
  lks_status status = lks_file_read(&data, &bytes, picture);
  if (!status) status = lks_file_write(path, data, bytes);
  lks_free(data);
  return status;
}

static void remove_drawing(const char *folder)
{
  static const char *const names[] = {"curves", "rate"}, *const endings[] = {"dat", "gp", "svg", "png"};
  char path[PATH_SIZE];
  for (int n = 0; n < 2; n++)
    for (int e = 0; e < 4; e++) {
      snprintf(path, sizeof path, "%.500s/%s.%s", folder, names[n], endings[e]);
      unlink(path);
    }
  rmdir(folder);
}

static lks_status plot_in(const char *folder, const char *path, const char *format,
                          const lks_trained_runs *runs)
{
  bool drawn = false;
  lks_status status = draw(&drawn, folder, runs);
  if (!status && !drawn) status = lks_fail(LKS_ERR_IO, "%s: %s", path, no_gnuplot);
  if (status) return status;
  return strcmp(format, "html") == 0 ? write_page(path, runs, folder) : copy_picture(path, folder, format);
}

lks_status lks_runs_plot(const char *path, const lks_trained_runs *runs)
{
  char folder[PATH_SIZE];
  const char *end = strrchr(path, '.'), *temporary = getenv("TMPDIR");
  if (!end || (strcmp(end, ".png") != 0 && strcmp(end, ".svg") != 0 && strcmp(end, ".html") != 0))
    return lks_fail(LKS_ERR_USAGE, "%s: a picture's name ends in .png, .svg or .html", path);
  snprintf(folder, sizeof folder, "%.400s/lockstep-plot-XXXXXX",
           temporary && temporary[0] ? temporary : "/tmp");
  if (!mkdtemp(folder)) return lks_fail(LKS_ERR_IO, "cannot make the folder %s: %s", folder, strerror(errno));
  const lks_status status = plot_in(folder, path, end + 1, runs);
  remove_drawing(folder);
  return status;
}

lks_status lks_run_report(const char *folder)
{
  char plots[PATH_SIZE], path[PATH_SIZE];
  bool drawn = false;
  lks_trained_runs *runs = NULL;
  lks_status status = lks_trained_runs_read(&runs, (char *const[]){(char *)folder}, 1);
  if (status) return status;
  snprintf(plots, sizeof plots, "%s/plots", folder);
  snprintf(path, sizeof path, "%s/report.html", folder);
  status = draw(&drawn, plots, runs);
  if (!status && !drawn) lks_warn("the report has no plots: %s", no_gnuplot);
  if (!status) status = write_page(path, runs, plots);
  if (!status) lks_say("report: %s", path);
  lks_trained_runs_destroy(&runs);
  return status;
}
