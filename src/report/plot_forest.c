#include <math.h>
#include <string.h>

#include "report/plot.h"

/* Differences and gaps are drawn alike: an arm a row, from the top, and the figure along the axis. Names of
 * any length fit then, on a phone too. */
typedef struct lks_forest {
  const char *name;
  bool paired; /* the figure minus the reference's of the same seed, and a band of the margin */
  lks_measure *measure;
  size_t rows, arm[LKS_ARMS_MAX];
  lks_summary summary[LKS_ARMS_MAX];
} lks_forest;

static double seed_value(const lks_forest *forest, const lks_results *results, size_t arm, size_t seed)
{
  const double value = lks_seed_measure(results, arm, seed, forest->measure);
  if (!forest->paired) return value;
  return value - lks_seed_measure(results, results->comparison.reference, seed, forest->measure);
}

static void add_row(lks_forest *forest, size_t arm, lks_summary summary)
{
  if (summary.count == 0 || !isfinite(summary.mean)) return;
  if (!isfinite(summary.low) || !isfinite(summary.high)) summary.low = summary.high = summary.mean;
  forest->arm[forest->rows] = arm;
  forest->summary[forest->rows++] = summary;
}

static lks_range print_data(FILE *data, const lks_forest *forest, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  lks_range x = lks_range_none();
  fprintf(data, "# arm, row, seeds, mean (points), low and high end of its 95%% interval\n");
  for (size_t i = 0; i < forest->rows; i++) {
    const lks_summary *s = &forest->summary[i];
    fprintf(data, "%s %zu %zu %.8g %.8g %.8g\n", comparison->arm[forest->arm[i]].name, forest->rows - i,
            s->count, s->mean, s->low, s->high);
    lks_range_take(&x, s->low);
    lks_range_take(&x, s->high);
  }
  fprintf(data, "\n\n# arm, row, seed, value (points)\n");
  for (size_t i = 0; i < forest->rows; i++)
    for (size_t seed = 0; seed < comparison->seeds; seed++) {
      const double value = seed_value(forest, results, forest->arm[i], seed);
      if (!isfinite(value)) continue;
      const double row = (double)(forest->rows - i) - 0.2 - 0.07 * (double)(seed % 3); /* below the bar */
      fprintf(data, "%s %.2f %llu %.8g\n", comparison->arm[forest->arm[i]].name, row,
              (unsigned long long)comparison->first_seed + seed, value);
      lks_range_take(&x, value);
    }
  return x;
}

/* About ten pixels a letter. */
static size_t name_width(const lks_forest *forest, const lks_comparison *comparison)
{
  size_t longest = 4;
  for (size_t i = 0; i < forest->rows; i++) {
    const size_t length = strlen(comparison->arm[forest->arm[i]].name);
    if (length > longest) longest = length;
  }
  return 20 + 10 * longest;
}

static void print_rows(FILE *script, const lks_forest *forest, const lks_comparison *comparison,
                       const char *label)
{
  const lks_range y = {0.4, (double)forest->rows + 0.5};
  const lks_canvas canvas = {.across = label,
                             .height = 10 + (forest->rows < 10 ? 46 : 34) * forest->rows,
                             .left = name_width(forest, comparison),
                             .top = 14,
                             .keys = forest->paired ? 3 : 2,
                             .key_letters = 18};
  lks_plot_begin(script, forest->name, 0, &canvas);
  lks_range_print(script, "y", y);
  fprintf(script, "set ytics scale 0 (");
  for (size_t i = 0; i < forest->rows; i++)
    fprintf(script, "%s'%s' %zu", i == 0 ? "" : ", ", comparison->arm[forest->arm[i]].name, forest->rows - i);
  fprintf(script, ")\nset grid noytics\n"
                  "set arrow 1 from 0, graph 0 to 0, graph 1 nohead front lw 1.5 lc rgb '#000000'\n");
}

static void print_margin(FILE *data, FILE *script, double margin, size_t rows)
{
  fprintf(data, "\n\n# margin (points), from row, to row\n%.8g 0.4 %zu.5\n%.8g 0.4 %zu.5\n", -margin, rows,
          margin, rows);
  fprintf(script, "data index 2 using 1:2:3 with filledcurves fc rgb '#dcdcdc' title 'margin of %g', \\\n  ",
          margin);
}

static void print_plot(FILE *data, FILE *script, const lks_forest *forest, const lks_results *results,
                       const char *label)
{
  const lks_comparison *comparison = &results->comparison;
  lks_range x = print_data(data, forest, results);
  lks_range_take(&x, 0);
  if (forest->paired) {
    lks_range_take(&x, -comparison->margin);
    lks_range_take(&x, comparison->margin);
  }
  print_rows(script, forest, comparison, label);
  lks_range_print_round(script, "x", lks_range_pad(x));
  lks_plot_draw(script, forest->name);
  fprintf(script, "plot ");
  if (forest->paired) print_margin(data, script, comparison->margin, forest->rows);
  fprintf(
      script,
      "data index 1 using 4:2 with points pt 7 ps 0.4 lc rgb '#707070' title 'one seed', \\\n"
      "  data index 0 using 4:2:5:6 with xerrorbars pt 7 ps 0.9 lw 2.5 lc rgb '#0072b2' title 'mean, 95%% interval'\n");
  lks_plot_end(script);
}

bool lks_plot_differences(FILE *data, FILE *script, const void *context)
{
  const lks_table *table = ((const lks_pictured *)context)->table;
  const lks_results *results = ((const lks_pictured *)context)->results;
  const lks_comparison *comparison = &results->comparison;
  lks_forest forest = {.name = "differences", .paired = true, .measure = lks_measure_test_accuracy};
  for (size_t i = 0; i < table->rows; i++) {
    const lks_paired *pair = &table->row[i].paired_test;
    add_row(&forest, (size_t)(table->row[i].arm - comparison->arm),
            (lks_summary){pair->count, pair->mean, pair->low, pair->high});
  }
  if (forest.rows == 0) return false;
  char label[128];
  snprintf(label, sizeof label, "test accuracy minus that of %s (points)",
           comparison->arm[comparison->reference].name);
  print_plot(data, script, &forest, results, label);
  return true;
}

bool lks_plot_gap(FILE *data, FILE *script, const void *context)
{
  const lks_table *table = ((const lks_pictured *)context)->table;
  const lks_results *results = ((const lks_pictured *)context)->results;
  lks_forest forest = {.name = "gap", .measure = lks_measure_gap};
  for (size_t i = 0; i < table->rows; i++) {
    const size_t arm = (size_t)(table->row[i].arm - results->comparison.arm);
    add_row(&forest, arm, lks_summarize(results, arm, lks_measure_gap));
  }
  if (forest.rows == 0) return false;
  print_plot(data, script, &forest, results, "training minus test accuracy (points)");
  return true;
}
