#include <math.h>
#include <string.h>

#include "report/plot.h"
#include "report/words.h"

/* The columns of a mean in error.dat; a place is where it is drawn along the axis of groups. */
static void print_mean(FILE *data, lks_range *range, const lks_results *results, size_t arm, double place)
{
  const lks_summary s = lks_summarize(results, arm, lks_measure_test_error);
  lks_plot_word(data, results->comparison.arm[arm].name);
  fprintf(data, " %zu %.6g %zu %.8g %.8g %.8g\n", results->comparison.arm[arm].group, place, s.count, s.mean,
          s.low, s.high);
  lks_range_take(range, s.low);
  lks_range_take(range, s.high);
}

static void print_seeds(FILE *data, lks_range *range, const lks_results *results, size_t arm, double place)
{
  const lks_comparison *comparison = &results->comparison;
  for (size_t seed = 0; seed < comparison->seeds; seed++) {
    const double error = lks_seed_measure(results, arm, seed, lks_measure_test_error);
    if (!isfinite(error)) continue;
    lks_plot_word(data, comparison->arm[arm].name);
    fprintf(data, " %zu %.6g %llu %.8g\n", comparison->arm[arm].group, place,
            (unsigned long long)comparison->first_seed + seed, error);
    lks_range_take(range, error);
  }
}

/* Arms with the same normalization batch (sync and rank:1) stand side by side, so that both bars are seen. */
static void find_places(double place[LKS_ARMS_MAX], const size_t *order, size_t count, const lks_arm *arm)
{
  for (size_t first = 0, end; first < count; first = end) {
    for (end = first; end < count && arm[order[end]].group == arm[order[first]].group; end++) continue;
    for (size_t i = first; i < end; i++)
      place[i] =
          (double)arm[order[i]].group * exp2(0.25 * ((double)(i - first) - ((double)(end - first) - 1) / 2));
  }
}

static void print_grouped(FILE *data, lks_range *x, lks_range *y, const lks_results *results,
                          const size_t *order, size_t count)
{
  double place[LKS_ARMS_MAX];
  find_places(place, order, count, results->comparison.arm);
  fprintf(
      data,
      "# arm, normalization batch (samples), place on the axis, seeds, mean test error (%%), low and high end of its 95%% interval\n");
  for (size_t i = 0; i < count; i++) {
    print_mean(data, y, results, order[i], place[i]);
    lks_range_take(x, place[i]);
  }
  fprintf(data, "\n\n# arm, normalization batch (samples), place on the axis, seed, test error (%%)\n");
  for (size_t i = 0; i < count; i++)
    print_seeds(data, y, results, order[i], 1.09 * place[i]); /* beside the bar */
}

/* Without batch norm there is no place on the axis: a line from end to end. Its interval may be so wide that
 * it would press the arms together; the mean alone must be inside of the box. */
static bool print_none(FILE *data, lks_range x, lks_range *y, const lks_results *results)
{
  for (size_t arm = 0; arm < results->comparison.arms; arm++) {
    const lks_summary s = lks_summarize(results, arm, lks_measure_test_error);
    lks_range interval = lks_range_none();
    if (results->comparison.arm[arm].group > 0 || s.count == 0) continue;
    fprintf(
        data,
        "\n\n# arm without batch norm, 0, end of the axis, seeds, mean test error (%%), low and high end of its 95%% interval\n");
    print_mean(data, &interval, results, arm, x.low);
    print_mean(data, &interval, results, arm, x.high);
    lks_range_take(y, s.mean);
    return true;
  }
  return false;
}

static bool has_sync(const lks_comparison *comparison, const size_t *order, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (comparison->arm[order[i]].config.bn.kind == LKS_NORM_SYNC) return true;
  return false;
}

static void print_script(FILE *script, const char *note, lks_range x, lks_range y, size_t batch, bool none,
                         bool sync)
{
  const lks_canvas canvas = {.title = "Test error against normalization batch",
                             .note = note,
                             .up = "test error (%)",
                             .across = "normalization batch (samples)",
                             .height = 300,
                             .left = 56,
                             .top = 62,
                             .keys = 2 + (none ? 1 : 0) + (sync ? 1 : 0),
                             .key_letters = 18};
  lks_plot_begin(script, "error", 0, &canvas);
  lks_range_print_round(script, "y", y);
  lks_plot_group_axis(script, &canvas, x, batch);
  lks_plot_draw(script, "error");
  fprintf(script, "plot ");
  if (none)
    fprintf(
        script,
        "data index 2 using 3:($6 > %.10g ? $6 : %.10g):($7 < %.10g ? $7 : %.10g) with filledcurves fc rgb '#e4e4e4' notitle, \\\n"
        "  data index 2 using 3:5 with lines lc rgb '#000000' lw 2 dt (12,6) title 'no batch norm', \\\n  ",
        y.low, y.low, y.high, y.high);
  fprintf(
      script,
      "data index 0 using 3:5 with lines lc rgb '#56b4e9' lw 1.5 notitle, \\\n"
      "  data index 1 using 3:5 with points pt 7 ps 0.4 lc rgb '#707070' title 'one seed', \\\n"
      "  data index 0 using 3:5:6:7 with yerrorbars pt 7 ps 0.8 lw 2 lc rgb '#0072b2' title 'mean, 95%% interval'");
  if (sync)
    fprintf(
        script,
        ", \\\n  data index 0 using (strcol(1) eq 'sync' ? $3 : NaN):5 with points pt 4 ps 1.8 lw 2 lc rgb '#d55e00' title 'sync'");
  fprintf(script, "\n");
  lks_plot_end(script);
}

bool lks_plot_error(FILE *data, FILE *script, const void *context)
{
  const lks_results *results = ((const lks_pictured *)context)->results;
  const lks_table *table = ((const lks_pictured *)context)->table;
  char note[LKS_WORDS_MAX];
  size_t order[LKS_ARMS_MAX];
  lks_range x = lks_range_none(), y = lks_range_none();
  if (!lks_comparison_of_norms(&results->comparison)) return lks_plot_error_rows(data, script, context);
  const size_t count = lks_arms_by_group(order, results);
  if (count == 0) return false;
  print_grouped(data, &x, &y, results, order, count);
  x = (lks_range){x.low / 1.5, x.high * 1.5};
  const bool none = print_none(data, x, &y, results);
  y = lks_range_pad(y);
  lks_words_note(note, table, results);
  print_script(script, note, x, (lks_range){fmax(y.low, 0), y.high}, results->comparison.base.batch_size,
               none, has_sync(&results->comparison, order, count));
  return true;
}
