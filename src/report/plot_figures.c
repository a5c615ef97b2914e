#include <math.h>

#include "report/plot.h"
#include "statistics/student_t.h"

double lks_measure_test_accuracy(const lks_run *run)
{
  return lks_run_figures_make(run).test_accuracy;
}

double lks_measure_test_error(const lks_run *run)
{
  return 100 - lks_run_figures_make(run).test_accuracy;
}

double lks_measure_test_loss(const lks_run *run)
{
  return lks_run_figures_make(run).test_loss;
}

double lks_measure_gap(const lks_run *run)
{
  return lks_run_figures_make(run).gap;
}

double lks_seed_measure(const lks_results *results, size_t arm, size_t seed, lks_measure *measure)
{
  const lks_run *run = lks_results_run(results, arm, seed);
  return lks_run_learned(run, &results->chance) ? measure(run) : NAN;
}

/* Sum over the finished seeds of (figure - from)^power, for the power 1 or 2. */
static double sum(size_t *count, const lks_results *results, size_t arm, lks_measure *measure, double from,
                  int power)
{
  double total = 0;
  *count = 0;
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const double value = lks_seed_measure(results, arm, seed, measure) - from;
    if (!isfinite(value)) continue;
    total += power == 2 ? value * value : value;
    ++*count;
  }
  return total;
}

lks_summary lks_summarize(const lks_results *results, size_t arm, lks_measure *measure)
{
  lks_summary s = {0, NAN, NAN, NAN};
  const double total = sum(&s.count, results, arm, measure, 0, 1);
  if (s.count == 0) return s;
  s.low = s.high = s.mean = total / (double)s.count;
  if (s.count == 1) return s;
  const double freedom = (double)s.count - 1;
  const double squares = sum(&s.count, results, arm, measure, s.mean, 2);
  const double half = lks_student_t_quantile(0.975, freedom) * sqrt(squares / freedom / (double)s.count);
  s.low -= half;
  s.high += half;
  return s;
}

size_t lks_arms_by_group(size_t order[LKS_ARMS_MAX], const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  size_t count = 0;
  for (size_t arm = 0; arm < comparison->arms; arm++) {
    const size_t group = comparison->arm[arm].group;
    if (group == 0 || lks_summarize(results, arm, lks_measure_test_error).count == 0) continue;
    size_t at = count++;
    for (; at > 0 && comparison->arm[order[at - 1]].group > group; at--) order[at] = order[at - 1];
    order[at] = arm;
  }
  return count;
}
