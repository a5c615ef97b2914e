#include <math.h>
#include <string.h>

#include "report/plot.h"
#include "report/words.h"

/* Differences, gaps and errors are drawn alike: an arm a row, from the top, and the figure along the axis. Names
 * of any length fit then, on a phone too. */
typedef struct lks_forest {
  const char *name, *title;
  const char *label;   /* of the axis */
  const char *reading; /* which side is better; behind the note */
  bool paired;         /* the figure minus the reference's of the same seed */
  bool of_loss;        /* the comparison whose verdicts count, if paired */
  double margin;       /* a band around 0; 0: none */
  lks_measure *measure;
  size_t rows, arm[LKS_ARMS_MAX];
  lks_summary summary[LKS_ARMS_MAX];
  size_t standing,
      open; /* rows whose difference stands, and whose does not; rows without any count in neither */
} lks_forest;

static double seed_value(const lks_forest *forest, const lks_results *results, size_t arm, size_t seed)
{
  const double value = lks_seed_measure(results, arm, seed, forest->measure);
  if (!forest->paired) return value;
  return value - lks_seed_measure(results, results->comparison.reference, seed, forest->measure);
}

static const lks_comparing *comparing(const lks_forest *forest, const lks_table *table, size_t arm)
{
  return forest->of_loss ? &table->row[arm].loss : &table->row[arm].accuracy;
}

static bool stands(const lks_forest *forest, const lks_table *table, size_t arm)
{
  const lks_verdict verdict = comparing(forest, table, arm)->verdict;
  return !forest->paired || verdict == LKS_VERDICT_BETTER || verdict == LKS_VERDICT_WORSE;
}

/* An arm without figures has a row all the same when that is because its runs failed. */
static void add_row(lks_forest *forest, const lks_table *table, size_t arm, lks_summary summary)
{
  const bool empty = summary.count == 0 || !isfinite(summary.mean);
  if (empty && table->row[arm].failed == 0) return;
  if (empty) summary = (lks_summary){0, NAN, NAN, NAN};
  if (!isfinite(summary.low) || !isfinite(summary.high)) summary.low = summary.high = summary.mean;
  if (!empty && stands(forest, table, arm))
    forest->standing++;
  else if (!empty)
    forest->open++;
  forest->arm[forest->rows] = arm;
  forest->summary[forest->rows++] = summary;
}

static void add_rows(lks_forest *forest, const lks_table *table, const lks_results *results)
{
  for (size_t arm = 0; arm < table->rows; arm++) {
    const lks_paired *pair = &comparing(forest, table, arm)->learned.pair;
    if (!forest->paired)
      add_row(forest, table, arm, lks_summarize(results, arm, forest->measure));
    else if (arm != results->comparison.reference)
      add_row(forest, table, arm, (lks_summary){pair->count, pair->mean, pair->low, pair->high});
  }
}

static lks_range print_data(FILE *data, const lks_forest *forest, const lks_table *table,
                            const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  lks_range x = lks_range_none();
  size_t seeds = 0;
  fprintf(data, "# arm, row, seeds, mean, low and high end of its 95%% interval, %s\n",
          forest->paired ? "1: stands when corrected for all arms" : "1");
  for (size_t i = 0; i < forest->rows; i++) {
    const lks_summary *s = &forest->summary[i];
    if (s->count == 0) continue;
    lks_plot_word(data, comparison->arm[forest->arm[i]].name);
    fprintf(data, " %zu %zu %.8g %.8g %.8g %d\n", forest->rows - i, s->count, s->mean, s->low, s->high,
            stands(forest, table, forest->arm[i]));
    lks_range_take(&x, s->low);
    lks_range_take(&x, s->high);
  }
  fprintf(data, "\n\n# arm, row, seed, value\n");
  for (size_t i = 0; i < forest->rows; i++)
    for (size_t seed = 0; seed < comparison->seeds; seed++) {
      const double value = seed_value(forest, results, forest->arm[i], seed);
      if (!isfinite(value)) continue;
      const double row = (double)(forest->rows - i) - 0.2 - 0.07 * (double)(seeds++ % 3); /* below the bar */
      lks_plot_word(data, comparison->arm[forest->arm[i]].name);
      fprintf(data, " %.2f %llu %.8g\n", row, (unsigned long long)comparison->first_seed + seed, value);
      lks_range_take(&x, value);
    }
  return x;
}

enum { NAME_BESIDE = 14 };

static size_t longest_name(const lks_forest *forest, const lks_comparison *comparison)
{
  size_t longest = 4;
  for (size_t i = 0; i < forest->rows; i++) {
    const size_t length = strlen(comparison->arm[forest->arm[i]].name);
    if (length > longest) longest = length;
  }
  return longest;
}

/* Beside the axes' box, about ten pixels a letter; long ones stand above their bars. */
static void print_names(FILE *script, const lks_forest *forest, const lks_comparison *comparison, bool beside)
{
  fprintf(script, "set ytics scale 0 (");
  for (size_t i = 0; i < forest->rows; i++) {
    fputs(i == 0 ? "" : ", ", script);
    lks_plot_text(script, beside ? comparison->arm[forest->arm[i]].name : "");
    fprintf(script, " %zu", forest->rows - i);
  }
  fprintf(script, ")\nset grid noytics\n");
  for (size_t i = 0; i < forest->rows && !beside; i++) {
    fprintf(script, "set label %zu ", 301 + i);
    lks_plot_text(script, comparison->arm[forest->arm[i]].name);
    fprintf(script, " at graph 0.015, first %zu.32 left front\n", forest->rows - i);
  }
}

/* How many of an arm's runs are not drawn, in its row. */
static void print_failed(FILE *script, const lks_forest *forest, const lks_table *table)
{
  for (size_t i = 0; i < forest->rows; i++) {
    const lks_table_row *row = &table->row[forest->arm[i]];
    if (row->failed == 0) continue;
    fprintf(script, "set label %zu '%zu of %zu failed to learn' at graph 0.99, first %zu%s right front ",
            401 + i, row->failed, row->seeds, forest->rows - i, forest->summary[i].count > 0 ? ".32" : "");
    fprintf(script, "font ',13' tc rgb '#b03a00'\n");
  }
}

static size_t count_keys(const lks_forest *forest)
{
  return 1 + (forest->margin > 0) + (forest->standing > 0) + (forest->open > 0);
}

static void print_begin(FILE *script, const lks_forest *forest, const lks_table *table,
                        const lks_results *results)
{
  const size_t longest = longest_name(forest, &results->comparison);
  const bool beside = longest <= NAME_BESIDE;
  const size_t row = (beside ? 0 : 12) + (forest->rows < 10 ? 46 : 34);
  char note[LKS_WORDS_MAX], whole[2 * LKS_WORDS_MAX];
  lks_words_note(note, table, results);
  snprintf(whole, sizeof whole, "%s. %s", note, forest->reading);
  const lks_canvas canvas = {.title = forest->title,
                             .note = whole,
                             .across = forest->label,
                             .height = 10 + row * forest->rows,
                             .left = beside ? 20 + 10 * longest : 20,
                             .top = 8,
                             .keys = count_keys(forest),
                             .key_letters = forest->paired ? 38 : 18};
  lks_plot_begin(script, forest->name, 0, &canvas);
  lks_range_print(script, "y", (lks_range){0.4, (double)forest->rows + 0.5});
  print_names(script, forest, &results->comparison, beside);
  print_failed(script, forest, table);
}

static void print_margin(FILE *data, FILE *script, double margin, size_t rows)
{
  fprintf(data, "\n\n# margin, from row, to row\n%.8g 0.4 %zu.5\n%.8g 0.4 %zu.5\n", -margin, rows, margin,
          rows);
  fprintf(script, "data index 2 using 1:2:3 with filledcurves fc rgb '#dcdcdc' title 'margin of %g', \\\n  ",
          margin);
}

/* A filled dot is a difference that stands, a hollow one does not, and neither needs a colour. */
static void print_dots(FILE *script, const lks_forest *forest)
{
  static const char open[] = "data index 0 using ($7 == 0 ? $4 : NaN):2";
  fprintf(script, "data index 1 using 4:2 with points pt 7 ps 0.4 lc rgb '#707070' title 'one seed', \\\n"
                  "  data index 0 using 4:2:5:6 with xerrorbars pt 0 lw 2.5 lc rgb '#0072b2' notitle");
  if (forest->open > 0)
    fprintf(
        script,
        ", \\\n  %s with points pt 7 ps 1.1 lc rgb '#ffffff' notitle, \\\n"
        "  %s with points pt 6 ps 1 lw 2 lc rgb '#0072b2' title 'mean, 95%% interval: no difference shown'",
        open, open);
  if (forest->standing > 0)
    fprintf(
        script,
        ", \\\n  data index 0 using ($7 == 1 ? $4 : NaN):2 with points pt 7 ps 1 lc rgb '#0072b2' title '%s'",
        forest->paired ? "mean, 95% interval: beyond chance" : "mean, 95% interval");
  fprintf(script, "\n");
}

static bool print_forest(FILE *data, FILE *script, lks_forest *forest, const lks_pictured *from)
{
  add_rows(forest, from->table, from->results);
  if (forest->standing + forest->open == 0) return false;
  lks_range x = print_data(data, forest, from->table, from->results);
  const bool zero = forest->paired || forest->measure == lks_measure_gap;
  if (zero) lks_range_take(&x, 0);
  lks_range_take(&x, zero ? -forest->margin : NAN);
  lks_range_take(&x, zero ? forest->margin : NAN);
  print_begin(script, forest, from->table, from->results);
  if (zero)
    fprintf(script, "set arrow 1 from 0, graph 0 to 0, graph 1 nohead front lw 1.5 lc rgb '#000000'\n");
  lks_range_print_round(script, "x", lks_range_pad(x));
  lks_plot_draw(script, forest->name);
  fprintf(script, "plot ");
  if (forest->margin > 0) print_margin(data, script, forest->margin, forest->rows);
  print_dots(script, forest);
  lks_plot_end(script);
  return true;
}

static void print_label(char label[128], const lks_comparison *comparison, const char *what, const char *unit)
{
  const char *reference = comparison->arm[comparison->reference].name;
  snprintf(label, 128, strlen(reference) <= NAME_BESIDE ? "%s minus that of %s%s" : "%.0sminus %s%s", what,
           reference, unit);
}

bool lks_plot_differences(FILE *data, FILE *script, const void *context)
{
  const lks_pictured *from = context;
  char label[128];
  print_label(label, &from->results->comparison, "test accuracy", " (points)");
  lks_forest forest = {.name = "differences",
                       .title = "Paired differences in test accuracy",
                       .label = label,
                       .reading = "To the right of 0: better",
                       .paired = true,
                       .margin = from->results->comparison.margin,
                       .measure = lks_measure_test_accuracy};
  return print_forest(data, script, &forest, from);
}

bool lks_plot_loss(FILE *data, FILE *script, const void *context)
{
  const lks_pictured *from = context;
  char label[128];
  print_label(label, &from->results->comparison, "test loss", " (nats)");
  lks_forest forest = {.name = "loss",
                       .title = "Paired differences in test loss",
                       .label = label,
                       .reading = "To the left of 0: better",
                       .paired = true,
                       .of_loss = true,
                       .measure = lks_measure_test_loss};
  return print_forest(data, script, &forest, from);
}

bool lks_plot_gap(FILE *data, FILE *script, const void *context)
{
  lks_forest forest = {.name = "gap",
                       .title = "Generalization gap",
                       .label = "training minus test accuracy (points)",
                       .reading = "Larger: more of what was learned holds for the training set alone",
                       .measure = lks_measure_gap};
  return print_forest(data, script, &forest, context);
}

bool lks_plot_error_rows(FILE *data, FILE *script, const void *context)
{
  lks_forest forest = {.name = "error",
                       .title = "Test error",
                       .label = "test error (%)",
                       .reading = "To the left: better",
                       .measure = lks_measure_test_error};
  return print_forest(data, script, &forest, context);
}
