#include <math.h>

#include "report/plot.h"
#include "statistics/student_t.h"

double lks_figure_test_accuracy(const lks_run *run)
{
  return lks_run_figures_make(run).test_accuracy;
}

double lks_figure_test_error(const lks_run *run)
{
  return 100 - lks_run_figures_make(run).test_accuracy;
}

double lks_figure_gap(const lks_run *run)
{
  return lks_run_figures_make(run).gap;
}

double lks_seed_figure(const lks_results *results, size_t arm, size_t seed, lks_figure *figure)
{
  const lks_run *run = lks_results_run(results, arm, seed);
  return run->done ? figure(run) : NAN;
}

/* Sum over the finished seeds of (figure - from)^power, for the power 1 or 2. */
static double sum(size_t *count, const lks_results *results, size_t arm, lks_figure *figure, double from,
                  int power)
{
  double total = 0;
  *count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const double value = lks_seed_figure(results, arm, seed, figure) - from;
    if (!isfinite(value)) continue;
    total += power == 2 ? value * value : value;
    ++*count;
  }
  return total;
}

lks_summary lks_summarize(const lks_results *results, size_t arm, lks_figure *figure)
{
  lks_summary s = {0, NAN, NAN, NAN};
  const double total = sum(&s.count, results, arm, figure, 0, 1);
  if (s.count == 0) return s;
  s.low = s.high = s.mean = total / (double)s.count;
  if (s.count == 1) return s;
  const double freedom = (double)s.count - 1;
  const double squares = sum(&s.count, results, arm, figure, s.mean, 2);
  const double half = lks_student_t_quantile(0.975, freedom) * sqrt(squares / freedom / (double)s.count);
  s.low -= half;
  s.high += half;
  return s;
}

lks_range lks_range_none(void)
{
  return (lks_range){INFINITY, -INFINITY};
}

void lks_range_take(lks_range *range, double value)
{
  if (!isfinite(value)) return;
  range->low = fmin(range->low, value);
  range->high = fmax(range->high, value);
}

lks_range lks_range_pad(lks_range range)
{
  if (range.low > range.high) return (lks_range){0, 1};
  const double size = fmax(fabs(range.low), fabs(range.high));
  const double least = size > 0 ? fmin(0.02 * size, 0.3) : 1; /* what is flat up to rounding is drawn flat */
  const double room = fmax(0.06 * (range.high - range.low), (least - (range.high - range.low)) / 2);
  return (lks_range){range.low - room, range.high + room};
}

void lks_range_print(FILE *script, const char *axis, lks_range range)
{
  fprintf(script, "set %srange [%.10g:%.10g]\n", axis, range.low, range.high);
}

size_t lks_arms_by_group(size_t order[LKS_ARMS_MAX], const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  size_t count = 0;
  for (size_t arm = 0; arm < comparison->arms; arm++) {
    const size_t group = comparison->arm[arm].group;
    if (group == 0 || lks_summarize(results, arm, lks_figure_test_error).count == 0) continue;
    size_t at = count++;
    for (; at > 0 && comparison->arm[order[at - 1]].group > group; at--) order[at] = order[at - 1];
    order[at] = arm;
  }
  return count;
}

void lks_range_print_round(FILE *script, const char *axis, lks_range range)
{
  const double least = (range.high - range.low) / 8, ten = pow(10, floor(log10(least)));
  const double step = least <= ten ? ten : least <= 2 * ten ? 2 * ten : least <= 5 * ten ? 5 * ten : 10 * ten;
  lks_range_print(script, axis, range);
  fprintf(script, "set %stics %.10g\n", axis, step);
}

void lks_range_print_decades(FILE *script, const char *axis, lks_range range)
{
  static const double digit[] = {1, 2, 5};
  fprintf(script, "set logscale %s\nset %stics autofreq\n", axis, axis);
  lks_range_print(script, axis, range);
  if (range.high > 200 * range.low) return;
  fprintf(script, "set %stics (", axis);
  const char *comma = "";
  for (int power = (int)floor(log10(range.low)); power <= (int)floor(log10(range.high)); power++)
    for (int i = 0; i < 3; i++) {
      const double tic = digit[i] * pow(10, power);
      if (tic < range.low || tic > range.high) continue;
      fprintf(script, "%s%.3g", comma, tic);
      comma = ", ";
    }
  fprintf(script, ")\n");
}
