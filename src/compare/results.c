#include "compare/results.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/file.h"
#include "compare/class_shares.h"

enum { PATH_SIZE = LKS_TEXT_MAX + 64 };

/* Columns of noise.csv. */
enum { EPOCH, LAYER, CHANNELS, VALUES, STEPS, REALS };

/* A layer's figures times their steps, added up over the epochs. */
typedef struct noise_sum {
  lks_noise_row row;
  size_t epoch; /* of the last line */
  double steps;
} noise_sum;

typedef struct noise_reading {
  noise_sum *sum;
  size_t count, epoch, epochs;
} noise_reading;

static lks_status check_name(const char *layer)
{
  if (layer[0] != '\0' && strlen(layer) < LKS_NAME_MAX) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "'%.80s' is not the name of a layer", layer);
}

/** The sum of a layer; a new one if it has none. NULL when memory runs out. */
static noise_sum *find_sum(noise_reading *r, const char *layer)
{
  for (size_t i = 0; i < r->count; i++)
    if (strcmp(r->sum[i].row.layer, layer) == 0) return &r->sum[i];
  if (lks_csv_grow(&r->sum, r->count, sizeof *r->sum) != LKS_OK) return NULL;
  noise_sum *sum = &r->sum[r->count++];
  memset(sum, 0, sizeof *sum);
  strcpy(sum->row.layer, layer);
  return sum;
}

static lks_status add_reals(noise_sum *sum, char *const *field, double steps)
{
  double *const total[] = {&sum->row.variance_of_mean, &sum->row.variance_of_variance, &sum->row.theory,
                           &sum->row.effective_samples};
  for (size_t i = 0; i < sizeof total / sizeof *total; i++) {
    double value;
    lks_status status = lks_number_read(&value, field[REALS + i]);
    if (status) return status;
    if (steps > 0) *total[i] += steps * value;
  }
  sum->steps += steps;
  return LKS_OK;
}

static lks_status take_noise(void *user, char *const *field)
{
  noise_reading *r = user;
  size_t epoch = 0, channels = 0, values = 0, steps = 0;
  lks_status status = lks_count_read(&epoch, field[EPOCH]);
  if (!status) status = check_name(field[LAYER]);
  if (!status) status = lks_count_read(&channels, field[CHANNELS]);
  if (!status) status = lks_count_read(&values, field[VALUES]);
  if (!status) status = lks_count_read(&steps, field[STEPS]);
  if (status) return status;
  noise_sum *sum = find_sum(r, field[LAYER]);
  if (sum == NULL) return LKS_ERR_RANK;
  if (epoch < r->epoch || epoch > r->epochs || epoch == sum->epoch)
    return lks_fail(LKS_ERR_DATA, "layer %s of epoch %zu does not belong here", field[LAYER], epoch);
  r->epoch = sum->epoch = epoch;
  sum->row.channels = channels;
  sum->row.values = values;
  return add_reals(sum, field, (double)steps);
}

static lks_status keep_noise(lks_run *run, const noise_reading *r)
{
  if (r->count == 0) return LKS_OK;
  run->noise = lks_new(r->count, sizeof *run->noise);
  if (run->noise == NULL) return LKS_ERR_RANK;
  run->noises = r->count;
  for (size_t i = 0; i < r->count; i++) {
    lks_noise_row *row = &run->noise[i];
    const double steps = r->sum[i].steps > 0 ? r->sum[i].steps : 1;
    *row = r->sum[i].row;
    row->variance_of_mean /= steps;
    row->variance_of_variance /= steps;
    row->theory /= steps;
    row->effective_samples /= steps;
  }
  return LKS_OK;
}

/** There is no such file without batch norm. */
static lks_status read_noise(lks_run *run, const char *folder)
{
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/noise.csv", folder);
  if (!lks_file_exists(path)) return LKS_OK;
  noise_reading r = {.epoch = 1, .epochs = run->epochs};
  lks_status status = lks_csv_read(path, LKS_NOISE_HEADING, take_noise, &r);
  if (!status) status = keep_noise(run, &r);
  lks_free(r.sum);
  return status;
}

/** A run that diverged early, or stopped at what it was to reach, has fewer epochs than it was given. */
static lks_status read_metrics(lks_run *run, size_t epochs, const char *folder)
{
  char path[PATH_SIZE];
  const char *end = run->diverged ? "diverged" : "finished";
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  if (run->result.has_epochs && run->result.epochs <= epochs) epochs = run->result.epochs;
  if (epochs == 0) return LKS_OK;
  if (!lks_file_exists(path)) return lks_fail(LKS_ERR_DATA, "%s is missing in a %s run", path, end);
  lks_status status = lks_metrics_read(&run->row, &run->epochs, folder);
  if (!status && run->epochs != epochs)
    status = lks_fail(LKS_ERR_DATA, "%s holds %zu of %zu epochs in a %s run", path, run->epochs, epochs, end);
  return status;
}

static bool is_rate(const lks_comparison *comparison, double lr)
{
  for (size_t i = 0; i < comparison->rates; i++)
    if (comparison->rate[i] == lr) return true;
  return false;
}

static lks_status check_config(double *lr, const lks_comparison *comparison, size_t arm, size_t seed,
                               const char *path)
{
  lks_config expected, config;
  lks_comparison_run_config(&expected, comparison, arm, seed);
  lks_config_default(&config);
  lks_status status = lks_config_read(&config, path);
  if (!status && (status = lks_config_check(&config)) != LKS_OK) lks_fail_in(status, "%s: ", path);
  if (status) return status;
  *lr = config.lr;
  if (lks_comparison_is_tuned(comparison, arm) && is_rate(comparison, config.lr)) expected.lr = config.lr;
  status = lks_comparison_same_settings(&config, &expected, path);
  if (!status) return status;
  return lks_fail(status, "%s: it is not a run of this comparison", lks_message());
}

static lks_status read_run(lks_run *run, const lks_comparison *comparison, size_t arm, size_t seed,
                           const char *folder)
{
  char path[PATH_SIZE];
  double lr = 0;
  snprintf(path, sizeof path, "%s/config.ini", folder);
  lks_status status = lks_run_result_read(&run->result, &run->done, folder);
  run->diverged = run->done && run->result.diverged;
  if (status || (!run->done && !lks_file_exists(path))) return status;
  if (lks_file_exists(path))
    status = check_config(&lr, comparison, arm, seed, path);
  else
    status = lks_fail(LKS_ERR_DATA, "%s is missing in a finished run", path);
  if (!status && run->done && run->result.lr != lr)
    status =
        lks_fail(LKS_ERR_DATA, "%s/result.ini has lr = %g and config.ini %g", folder, run->result.lr, lr);
  if (!status && run->done) status = read_metrics(run, comparison->arm[arm].config.epochs, folder);
  if (!status && run->done) status = read_noise(run, folder);
  return lks_run_damaged(status, folder);
}

/** The seeds of an arm share the learning rate that was chosen for it. */
static lks_status check_rate(const lks_results *results, size_t arm, size_t seed, const char *folder)
{
  const double lr = lks_results_run(results, arm, seed)->result.lr;
  for (size_t other = 0; other < seed && lks_results_run(results, arm, seed)->done; other++) {
    const lks_run *run = lks_results_run(results, arm, other);
    if (!run->done || run->result.lr == lr) continue;
    lks_fail(LKS_ERR_DATA, "%s/result.ini has lr = %g, another seed of this arm %g", folder, lr,
             run->result.lr);
    return lks_run_damaged(LKS_ERR_DATA, folder);
  }
  return LKS_OK;
}

static lks_status read_runs(lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  for (size_t arm = 0; arm < comparison->arms; arm++) {
    for (size_t seed = 0; seed < comparison->seeds; seed++) {
      char folder[LKS_TEXT_MAX];
      lks_comparison_run_folder(folder, comparison, arm, seed);
      lks_status status =
          read_run(&results->run[arm * comparison->seeds + seed], comparison, arm, seed, folder);
      if (!status) status = check_rate(results, arm, seed, folder);
      if (status) return status;
    }
  }
  return LKS_OK;
}

lks_status lks_results_read(lks_results **results, const char *directory)
{
  *results = lks_new(1, sizeof **results);
  if (*results == NULL) return LKS_ERR_RANK;
  lks_comparison *comparison = &(*results)->comparison;
  lks_status status = lks_comparison_read(comparison, directory);
  if (!status) {
    (*results)->run = lks_new(comparison->arms * comparison->seeds, sizeof *(*results)->run);
    status = (*results)->run != NULL ? read_runs(*results) : LKS_ERR_RANK;
  }
  if (!status) (*results)->chance = lks_class_shares_find(comparison);
  if (status) lks_results_destroy(results);
  return status;
}

void lks_results_destroy(lks_results **results)
{
  if (*results == NULL) return;
  const size_t runs =
      (*results)->run != NULL ? (*results)->comparison.arms * (*results)->comparison.seeds : 0;
  for (size_t i = 0; i < runs; i++) {
    lks_free((*results)->run[i].row);
    lks_free((*results)->run[i].noise);
  }
  lks_free((*results)->run);
  lks_free(*results);
  *results = NULL;
}
