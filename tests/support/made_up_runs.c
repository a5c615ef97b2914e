#include "made_up_runs.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "lockstep/network.h"

void made_up_folder(char path[64])
{
  strcpy(path, "/tmp/lockstep-runs-XXXXXX");
  if (mkdtemp(path) == NULL) path[0] = '\0';
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *position)
{
  (void)about;
  (void)kind;
  (void)position;
  return remove(path);
}

void made_up_folder_remove(const char *path)
{
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

lks_comparison made_up_comparison(const char *directory, const char *arms, size_t seeds)
{
  lks_comparison comparison;
  memset(&comparison, 0, sizeof comparison);
  lks_config_default(&comparison.base);
  strcpy(comparison.base.data, "digits.h5");
  comparison.base.epochs = MADE_UP_EPOCHS;
  snprintf(comparison.directory, sizeof comparison.directory, "%s", directory);
  comparison.first_seed = 1;
  comparison.seeds = seeds;
  comparison.margin = LKS_MARGIN;
  if (lks_config_check(&comparison.base) != LKS_OK || lks_comparison_arms(&comparison, arms, 4) != LKS_OK)
    comparison.arms = 0;
  return comparison;
}

static lks_status write_config(const lks_config *run)
{
  lks_config config = *run;
  char path[LKS_TEXT_MAX + 16], *text = NULL;
  memset(config.output, 0, sizeof config.output);
  snprintf(path, sizeof path, "%s/config.ini", run->output);
  lks_status status = lks_config_print(&text, &config);
  if (!status) status = lks_file_write(path, text, strlen(text));
  lks_free(text);
  return status;
}

static lks_status write_noise(lks_run_tables *tables, size_t epoch, const lks_arm *arm)
{
  const double b = 128, theory = (b / (double)arm->group - 1) / (b - 1);
  const lks_noise noise = {.layer = "bn1",
                           .channels = 16,
                           .values = 64,
                           .steps = 10,
                           .variance_of_mean = theory * (epoch == 1 ? 3 : 2),
                           .variance_of_variance = 4 * theory,
                           .theory = theory,
                           .effective_samples = (double)arm->group / 2};
  return arm->group == 0 ? LKS_OK : lks_metrics_append_noise(tables, epoch, &noise);
}

/* Of any five epochs in a row that end behind the sixth, two are below the median and two above. */
static lks_status write_epoch(lks_run_tables *tables, const lks_config *config, size_t epoch,
                              const made_up_run *run)
{
  static const double around[MADE_UP_EPOCHS] = {-0.5, -0.25, 0, -1. / 64, 1. / 64, 1. / 32, -1. / 32};
  const double test = run->test_accuracy + around[epoch - 1],
               train = run->test_accuracy + 1. / 32 + around[epoch - 1];
  const lks_metrics_row row = {
      epoch, epoch * 10, config->lr, 1 - train, train, 1 - test, test, run->images_per_second, (double)epoch};
  return lks_metrics_append(tables, &row);
}

static lks_status write_run(const lks_comparison *comparison, size_t arm, size_t seed, const made_up_run *run,
                            size_t epochs)
{
  lks_config config;
  lks_comparison_run_config(&config, comparison, arm, seed);
  lks_status status = lks_folder_make(config.output);
  if (!status) status = write_config(&config);
  lks_run_tables *tables = NULL;
  if (!status) status = lks_run_tables_create(&tables, config.output);
  for (size_t epoch = 1; epoch <= epochs && !status; epoch++) {
    status = write_epoch(tables, &config, epoch, run);
    if (!status) status = write_noise(tables, epoch, &comparison->arm[arm]);
  }
  if (!status) status = lks_run_tables_sync(tables);
  lks_run_tables_destroy(&tables);
  if (status || epochs < MADE_UP_EPOCHS) return status;
  const bool norm = comparison->arm[arm].group > 0;
  lks_run_result result = {.lr = config.lr,
                           .precise_loss = norm ? 1 - run->test_accuracy : NAN,
                           .precise_accuracy = norm ? run->test_accuracy : NAN,
                           .images_per_second = run->images_per_second,
                           .bn_share = norm ? 0.125 : 0,
                           .ranks = run->ranks,
                           .threads = 1,
                           .hosts = 1};
  snprintf(result.fingerprint, sizeof result.fingerprint, "%08x000000000000000000000000",
           (unsigned)run->fingerprint);
  return lks_run_result_write(config.output, &result);
}

lks_status made_up_run_write(const lks_comparison *comparison, size_t arm, size_t seed,
                             const made_up_run *run)
{
  return write_run(comparison, arm, seed, run, MADE_UP_EPOCHS);
}

lks_status made_up_run_write_part(const lks_comparison *comparison, size_t arm, size_t seed,
                                  const made_up_run *run)
{
  return write_run(comparison, arm, seed, run, MADE_UP_EPOCHS - 1);
}
