#include <math.h>
#include <string.h>

#include "report/plot.h"
#include "report/table_parts.h"
#include "report/words.h"

/* Runs that failed to learn are left out, unless there are no others. */
static bool is_drawn(const lks_pictured *from, const lks_run *run)
{
  if (!run->done || from->table->failed == lks_table_runs(from->table)) return run->done;
  return lks_run_learned(run, &from->results->chance);
}

typedef struct lks_band {
  size_t seeds;
  double mean;
  lks_range range;
} lks_band;

static double loss_of(const lks_metrics_row *row)
{
  return row->train_loss;
}

static double accuracy_of(const lks_metrics_row *row)
{
  return 100 * row->test_accuracy;
}

static lks_band band_of(const lks_pictured *from, size_t arm, size_t epoch,
                        double (*take)(const lks_metrics_row *))
{
  lks_band band = {0, 0, lks_range_none()};
  for (size_t seed = 0; seed < from->results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(from->results, arm, seed);
    if (!is_drawn(from, run) || epoch >= run->epochs || !isfinite(take(&run->row[epoch]))) continue;
    const double value = take(&run->row[epoch]);
    lks_range_take(&band.range, value);
    band.mean += value;
    band.seeds++;
  }
  band.mean /= (double)band.seeds;
  return band;
}

static size_t epochs_of(const lks_pictured *from, size_t arm)
{
  size_t epochs = 0;
  for (size_t seed = 0; seed < from->results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(from->results, arm, seed);
    if (is_drawn(from, run) && run->epochs > epochs) epochs = run->epochs;
  }
  return epochs;
}

typedef struct lks_curves {
  size_t arms, arm[LKS_ARMS_MAX], epochs;
  lks_range loss, accuracy, late; /* late: accuracies of the second half of the epochs */
} lks_curves;

static void print_arm(FILE *data, lks_curves *curves, const lks_pictured *from, size_t arm, size_t epochs)
{
  for (size_t epoch = 0; epoch < epochs; epoch++) {
    const lks_band loss = band_of(from, arm, epoch, loss_of);
    const lks_band accuracy = band_of(from, arm, epoch, accuracy_of);
    if (loss.seeds == 0 || accuracy.seeds == 0) continue;
    lks_plot_word(data, from->results->comparison.arm[arm].name);
    fprintf(data, " %zu %zu %.8g %.8g %.8g %.8g %.8g %.8g\n", epoch + 1, loss.seeds, loss.mean,
            loss.range.low, loss.range.high, accuracy.mean, accuracy.range.low, accuracy.range.high);
    lks_range_take(&curves->loss, loss.range.low);
    lks_range_take(&curves->loss, loss.range.high);
    lks_range_take(&curves->accuracy, accuracy.range.low);
    lks_range_take(&curves->accuracy, accuracy.range.high);
    if (epoch < epochs / 2) continue;
    lks_range_take(&curves->late, accuracy.range.low);
    lks_range_take(&curves->late, accuracy.range.high);
  }
}

/* An arm's block of the data has the number of its place in curves->arm. */
static void print_arms(FILE *data, lks_curves *curves, const lks_pictured *from)
{
  for (size_t arm = 0; arm < from->results->comparison.arms; arm++) {
    const size_t epochs = epochs_of(from, arm);
    if (epochs == 0 || band_of(from, arm, epochs - 1, accuracy_of).seeds == 0) continue;
    fprintf(
        data,
        "%s# arm, epoch, seeds, training loss: mean, lowest, highest, test accuracy (%%): mean, lowest, highest\n",
        curves->arms == 0 ? "" : "\n\n");
    print_arm(data, curves, from, arm, epochs);
    curves->arm[curves->arms++] = arm;
    if (epochs > curves->epochs) curves->epochs = epochs;
  }
}

static size_t longest_name(const lks_curves *curves, const lks_comparison *comparison)
{
  size_t longest = 0;
  for (size_t i = 0; i < curves->arms; i++) {
    const size_t length = strlen(comparison->arm[curves->arm[i]].name);
    if (length > longest) longest = length;
  }
  return longest;
}

/* A band begins where it is inside of the box: what lies below the box would be drawn outside of it. */
static void print_panel(FILE *script, const lks_curves *curves, const lks_comparison *comparison, int column,
                        double lowest)
{
  const size_t apart = curves->epochs < 12 ? 1 : curves->epochs / 8;
  fprintf(script, "plot ");
  for (size_t i = 0; i < curves->arms; i++)
    fprintf(
        script,
        "data index %zu using 2:($%d < %.10g ? NaN : $%d):%d with filledcurves ls %zu fs transparent solid 0.15 noborder notitle, \\\n  ",
        i, column + 1, lowest, column + 1, column + 2, curves->arm[i] + 1);
  for (size_t i = 0; i < curves->arms; i++) {
    fprintf(script, "data index %zu using 2:%d with linespoints ls %zu pi %zu title ", i, column,
            curves->arm[i] + 1, apart);
    lks_plot_text(script, comparison->arm[curves->arm[i]].name);
    fputs(i + 1 < curves->arms ? ", \\\n  " : "\n", script);
  }
}

/* Two panels over the same epochs, and the key below both. */
static void print_script(FILE *script, const char *note, const lks_curves *curves,
                         const lks_comparison *comparison, bool decades)
{
  const lks_canvas canvas = {.title = "Training loss and test accuracy",
                             .note = note,
                             .height = 500,
                             .left = 62,
                             .top = 28,
                             .keys = curves->arms,
                             .key_letters = longest_name(curves, comparison)};
  const bool one = curves->epochs == 1;
  lks_plot_begin(script, "curves", comparison->arms, &canvas);
  lks_range_print(script, "x", (lks_range){one ? 0.5 : 1, one ? 1.5 : (double)curves->epochs});
  fprintf(script, "set xtics %zu\n", 1 + (curves->epochs - 1) / 8);
  lks_plot_draw(script, "curves");
  fprintf(script, "set multiplot\nset key off\nset format x ''\nunset label 3\n");
  lks_plot_box(script, &canvas, "training loss (nats)", 28, 258);
  if (decades)
    lks_range_print_decades(script, "y", (lks_range){curves->loss.low / 1.2, curves->loss.high * 1.2});
  else
    lks_range_print_round(script, "y", curves->loss);
  print_panel(script, curves, comparison, 4, curves->loss.low);
  fprintf(script,
          "unset logscale y\nset key on\nset format x '%%g'\n"
          "set label 3 'epoch' at screen 0.54, screen %.4f center\n",
          lks_plot_place(&canvas, 576));
  lks_plot_head_end(script, &canvas);
  lks_plot_box(script, &canvas, "test accuracy (%)", 298, 528);
  lks_range_print_round(script, "y", curves->accuracy);
  print_panel(script, curves, comparison, 7, curves->accuracy.low);
  fprintf(script, "unset multiplot\n");
  lks_plot_end(script);
}

bool lks_plot_curves(FILE *data, FILE *script, const void *context)
{
  const lks_pictured *from = context;
  char note[LKS_WORDS_MAX];
  lks_curves curves = {.loss = lks_range_none(), .accuracy = lks_range_none(), .late = lks_range_none()};
  print_arms(data, &curves, from);
  if (curves.arms == 0) return false;
  const bool decades = curves.loss.low > 0 && curves.loss.high > 20 * curves.loss.low;
  if (!decades) curves.loss = lks_range_pad(curves.loss);
  curves.accuracy.low = fmax(curves.accuracy.low, curves.late.low - 2 * (curves.late.high - curves.late.low));
  curves.accuracy = lks_range_pad(curves.accuracy);
  lks_words_note(note, from->table, from->results);
  print_script(script, note, &curves, &from->results->comparison, decades);
  return true;
}
