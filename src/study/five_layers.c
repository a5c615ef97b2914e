#include "study/five_layers.h"

#include <math.h>

#include "base/arena.h"
#include "base/integers.h"
#include "compare/results.h"
#include "statistics/statistics.h"
#include "train/step_log.h"

/* The digits are 12 mini-batches an epoch; a dataset that the user gives lends 5,000 samples, which are 40. */
lks_status lks_five_layers_part_add(lks_comparison **comparison, lks_study_plan *plan, const char *name,
                                    unsigned probes)
{
  const bool given = plan->options.data[0] != '\0', full = plan->options.full;
  char settings[256];
  snprintf(
      settings, sizeof settings,
      "model=relu5,batch-size=128,momentum=0,weight-decay=0,schedule=constant,log-every=1,checkpoint-every=100000,train-samples=%d,epochs=%d",
      given ? 5000 : 0, (given ? 3 : 10) * (full ? 4 : 1));
  const lks_status status = lks_study_part_add(comparison, plan, name, settings);
  if (!status) (*comparison)->base.probes = probes;
  return status;
}

lks_status lks_five_layers_loss(bool *whole, lks_readings *readings, const lks_study_run *run)
{
  lks_run_result result;
  lks_step_row *row = NULL;
  bool done = false;
  size_t count = 0;
  double sum = 0;
  *whole = false;
  lks_status status = lks_run_result_read(&result, &done, run->config.output);
  if (status || !done || result.diverged) return status;
  status = lks_step_log_read(&row, &count, run->config.output);
  if (status || count == 0) return status;
  *whole = true;
  const size_t last = lks_max(count / 10, 1);
  for (size_t i = count - last; i < count; i++) sum += row[i].train_loss / (double)last;
  lks_free(row);
  return lks_study_read_off(readings, run, "final_loss", sum);
}

lks_status lks_five_layers_column(lks_readings *readings, const lks_study_run *run, const char *quantity,
                                  const char *mean_quantity, const double *first, size_t stride, size_t count)
{
  size_t kept = 0;
  double sum = 0, *value = lks_new(count, sizeof *value);
  if (value == NULL) return LKS_ERR_RANK;
  for (size_t i = 0; i < count; i++) {
    if (isnan(first[i * stride])) continue;
    value[kept++] = first[i * stride];
    sum += first[i * stride];
  }
  lks_status status = lks_study_read_off(readings, run, mean_quantity, sum / (double)kept);
  if (!status) status = lks_study_read_off(readings, run, quantity, lks_quantile(value, kept, 0.5));
  lks_free(value);
  return status;
}
