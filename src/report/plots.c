#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/printed.h"
#include "report/gnuplot.h"
#include "report/plot.h"
#include "report/report.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

static const lks_plot plots[] = {
    {"error", "Test error against normalization batch",
     "Lower is better. A dot is the mean over the seeds, its bar the 95% interval, a small dot one seed. "
     "To the right more samples share one mean and variance; the axis above tells how many ranks with per-rank batch norm that stands for. "
     "The arm without batch norm has no place on this axis: it is the dashed line, with its interval in grey.",
     lks_plot_error},
    {"differences", "Paired differences to the reference",
     "To the right of 0 an arm is better than the reference. "
     "A small dot is one seed: both runs had the same initial weights and mini-batches. "
     "A dot with its bar is the mean and its 95% interval: a bar that leaves out 0 speaks for a difference. "
     "Within the grey band a difference is held to be too small to matter.",
     lks_plot_differences},
    {"gap", "Generalization gap",
     "Training minus test accuracy: a larger gap means that more of what was learned holds for the training set alone. "
     "A small dot is one seed, a large one with its bar the mean and its 95% interval.",
     lks_plot_gap},
    {"curves", "Training loss and test accuracy",
     "Lines are means over the seeds, shades reach from the lowest to the highest seed. "
     "The axis of the accuracy begins a little below the accuracies of the second half of the epochs.",
     lks_plot_curves},
    {"noise", "Noise of the normalization batch",
     "How far the means of the normalization batches scatter around the mini-batch's own mean: the variance of that distance, divided by the variance of the values. "
     "Both axes are logarithmic. "
     "The line, 1/K - 1/B, is for K of B independent values; a convolution has many values in a sample and lies below it. "
     "An arm that normalizes over the whole mini-batch has no noise.",
     lks_plot_noise},
};

const lks_plot *lks_plot_list(size_t *count)
{
  *count = sizeof plots / sizeof plots[0];
  return plots;
}

/* Okabe and Ito's colours without the yellow, which white paper swallows. Three cycles of different lengths:
 * no two arms look the same, with colours or without. */
static void print_styles(FILE *script, size_t arms)
{
  static const char *const colour[] = {"0072b2", "d55e00", "009e73", "cc79a7", "000000", "e69f00", "56b4e9"};
  static const char *const dashes[] = {"solid", "(12,5)", "(3,4)", "(14,4,3,4)", "(24,6)"};
  static const int point[] = {7, 4, 8, 13, 5, 6, 10, 12, 9};
  for (size_t i = 0; i < arms; i++)
    fprintf(script, "set style line %zu lc rgb '#%s' dt %s lw 2 pt %d ps 0.8\n", i + 1, colour[i % 7],
            dashes[i % 5], point[i % 9]);
}

/* As many, up to three, as gnuplot will put side by side below the box. */
static size_t key_columns(const lks_canvas *canvas)
{
  const double width = 0.965 * LKS_PLOT_WIDTH - (double)canvas->left;
  const double columns = floor(width / (80 + 7.6 * (double)canvas->key_letters));
  return columns < 1 ? 1 : columns > 3 ? 3 : (size_t)columns;
}

static size_t key_rows(const lks_canvas *canvas)
{
  return (canvas->keys + key_columns(canvas) - 1) / key_columns(canvas);
}

size_t lks_plot_height(const lks_canvas *canvas)
{
  return canvas->top + canvas->height + 68 + 24 * key_rows(canvas);
}

static void print_formats(FILE *script, const char *name, size_t height)
{
  fprintf(
      script,
      "# Draws %s.svg and %s.png from %s.dat; run it in this folder: gnuplot %s.gp\n"
      "# `lockstep report` writes it anew: restyle a copy.\n"
      "reset\n"
      "svg = \"svg noenhanced size %d,%zu dynamic font 'sans-serif,16' background '#ffffff'\"\n"
      "png = strstrt(GPVAL_TERMINALS, ' pngcairo ') ? 'pngcairo pointscale 2' : 'png'\n"
      "png = png . \" noenhanced size %d,%zu font 'sans,16' fontscale 1.5 linewidth 2 background '#ffffff'\"\n"
      "data = '%s.dat'\n"
      "set datafile missing 'NaN'\n",
      name, name, name, name, LKS_PLOT_WIDTH, height, 2 * LKS_PLOT_WIDTH, 2 * height, name);
}

void lks_plot_begin(FILE *script, const char *name, size_t styles, const lks_canvas *canvas)
{
  const double height = (double)lks_plot_height(canvas);
  print_formats(script, name, lks_plot_height(canvas));
  fprintf(script,
          "set lmargin at screen %.4f\nset rmargin at screen 0.965\n"
          "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
          "set key at screen 0.5, screen %.4f bottom center horizontal Left reverse maxcols %zu samplen 3\n"
          "svg_key_width = %.1f # gnuplot takes the letters of an SVG for wider than they are\n"
          "set tics nomirror\nset grid lc rgb '#d0d0d0' lw 1 dt solid\nset clip two\n",
          (double)canvas->left / LKS_PLOT_WIDTH, 1 - (double)canvas->top / height,
          1 - (double)(canvas->top + canvas->height) / height, 6 / height, key_columns(canvas),
          1 - 0.33 * (double)canvas->key_letters);
  if (canvas->up != NULL)
    fprintf(script, "set label 1 '%s' at screen 0.02, screen %.4f left\n", canvas->up, 1 - 14 / height);
  if (canvas->across != NULL)
    fprintf(script, "set label 3 '%s' at screen %.4f, screen %.4f center\n", canvas->across,
            ((double)canvas->left / LKS_PLOT_WIDTH + 0.965) / 2,
            1 - (double)(canvas->top + canvas->height + 48) / height);
  print_styles(script, styles);
}

void lks_plot_group_axis(FILE *script, const lks_canvas *canvas, lks_range x, size_t batch)
{
  const int first = (int)ceil(log2(x.low)), last = (int)floor(log2(x.high));
  const int step = (last - first) / 8 + 1;
  lks_range_print(script, "x", x);
  lks_range_print(script, "x2", x);
  fprintf(script,
          "set logscale x 2\nset logscale x2 2\n"
          "set label 2 'ranks that it stands for' at screen 0.965, screen %.4f right\nset xtics (",
          1 - 14 / (double)lks_plot_height(canvas));
  for (int i = first; i <= last; i += step) fprintf(script, "%s%.0f", i == first ? "" : ", ", exp2(i));
  fprintf(script, ")\nset x2tics (");
  for (int i = first; i <= last && exp2(i) <= (double)batch; i += step)
    fprintf(script, "%s'%.3g' %.0f", i == first ? "" : ", ", (double)batch / exp2(i), exp2(i));
  fprintf(script, ")\n");
}

void lks_plot_draw(FILE *script, const char *name)
{
  fprintf(script,
          "do for [format in 'svg png'] {\n"
          "eval('set terminal ' . value(format))\n"
          "set output '%s.' . format\n"
          "set key width (format eq 'svg' ? svg_key_width : 0.5 * svg_key_width)\n",
          name);
}

void lks_plot_end(FILE *script)
{
  fprintf(script, "set output\n}\n");
}

static void path_of(char path[PATH_SIZE], const lks_results *results, const char *name, const char *ending)
{
  snprintf(path, PATH_SIZE, "%s/plots/%s.%s", results->comparison.directory, name, ending);
}

/* Pictures of an earlier report are no pictures of this one. */
static void remove_old(const lks_plot *plot, const lks_results *results)
{
  static const char *const endings[] = {"dat", "gp", "svg", "png"};
  char path[PATH_SIZE];
  for (int i = 0; i < 4; i++) {
    path_of(path, results, plot->name, endings[i]);
    unlink(path);
  }
}

static lks_status write_text(const lks_plot *plot, const lks_results *results, const char *ending,
                             const char *text)
{
  char path[PATH_SIZE];
  path_of(path, results, plot->name, ending);
  return lks_file_write(path, text, strlen(text));
}

static lks_status write_plot(bool *shown, const lks_plot *plot, const lks_table *table,
                             const lks_results *results)
{
  lks_printed data, script;
  char *data_text = NULL, *script_text = NULL;
  lks_status status = lks_printed_begin(&data);
  if (status) return status;
  status = lks_printed_begin(&script);
  if (!status) {
    *shown = plot->print(data.stream, script.stream, table, results);
    status = lks_printed_text(&script_text, &script);
  }
  status = lks_status_worse(status, lks_printed_text(&data_text, &data));
  if (!status && *shown) status = write_text(plot, results, "dat", data_text);
  if (!status && *shown) status = write_text(plot, results, "gp", script_text);
  lks_free(data_text);
  lks_free(script_text);
  return status;
}

/* A picture that fails is no reason to keep the others, or the tables, from the user. */
static void draw(bool *found, const lks_plot *plot, const lks_results *results)
{
  char folder[PATH_SIZE], script[32];
  snprintf(folder, sizeof folder, "%s/plots", results->comparison.directory);
  snprintf(script, sizeof script, "%s.gp", plot->name);
  if (lks_gnuplot_run(found, folder, script) != LKS_OK) lks_warn("%s", lks_message());
}

lks_status lks_plots_write(bool *drawn, const lks_table *table, const lks_results *results)
{
  char folder[PATH_SIZE];
  size_t count;
  const lks_plot *plot = lks_plot_list(&count);
  snprintf(folder, sizeof folder, "%s/plots", results->comparison.directory);
  lks_status status = lks_folder_make(folder);
  *drawn = true;
  for (size_t i = 0; i < count && !status; i++) {
    bool shown = false;
    remove_old(&plot[i], results);
    status = write_plot(&shown, &plot[i], table, results);
    if (!status && shown && *drawn) draw(drawn, &plot[i], results);
  }
  if (!status && !*drawn)
    lks_warn(
        "there is no gnuplot: the report has no plots; install it (Debian: apt-get install gnuplot-nox) and run `lockstep report %s` again",
        results->comparison.directory);
  return status;
}
