#include "made_up_results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"

enum { BATCH = 512 };

/* A normal deviate that depends on where it is drawn and nothing else. */
static double deviate(size_t seed, size_t what)
{
  float out[2];
  const lks_random_key key = lks_random_key_make(seed, LKS_RANDOM_GENERATE, 0, (uint32_t)what, 0);
  lks_random_normal(out, 1, &key);
  return out[0];
}

/* Named arms differ by their places, 0.1 points each. */
static void make_rows(lks_run *run, const made_up_plan *from, size_t group, size_t place, size_t seed)
{
  const double best = group > 0 ? log2((double)group / 32) : 3; /* distance in octaves */
  const double luck = deviate(seed, 1), own = deviate(seed, 100 + group + 10000 * place);
  run->epochs = from->epochs;
  run->row = lks_new(from->epochs, sizeof *run->row);
  for (size_t e = 0; run->row != NULL && e < from->epochs; e++) {
    const double wobble = deviate(seed, 1000 * (1 + e) + group),
                 progress = (double)(e + 1) / (double)from->epochs;
    const double slow = exp(-(group > 0 ? 9 : 6) * progress);
    const double error = 11.2 + 0.1 * (double)place + 0.09 * best * best +
                         from->spread * (0.8 * luck + 0.5 * own + 0.15 * wobble) + 40 * slow;
    const double loss =
        0.02 + (group > 0 ? 1.6 / (double)group : 0.03) + 1.2 * slow * (1 + 0.05 * from->spread * own);
    run->row[e] = (lks_metrics_row){.epoch = e + 1,
                                    .step = 20 * (e + 1),
                                    .lr = 0.1,
                                    .train_loss = loss,
                                    .train_accuracy = 1 - 0.3 * loss,
                                    .test_loss = 0.03 * error,
                                    .test_accuracy = 1 - error / 100,
                                    .images_per_second = 20000,
                                    .seconds = (double)(e + 1)};
  }
}

/* Layers after the first are less noisy, as those of convolutions are. */
static void make_noise(lks_run *run, const made_up_plan *from, size_t group, size_t seed)
{
  if (group == 0 || from->layers == 0) return;
  const double theory = (ceil((double)BATCH / (double)group) - 1) / (BATCH - 1);
  run->noise = lks_new(from->layers, sizeof *run->noise);
  run->noises = run->noise != NULL ? from->layers : 0;
  for (size_t i = 0; i < run->noises; i++) {
    lks_noise_row *row = &run->noise[i];
    snprintf(row->layer, sizeof row->layer, "layer%zu.0.bn1", i + 1);
    row->channels = 16;
    row->values = i == 0 ? 1 : 64;
    row->theory = theory;
    row->variance_of_mean = theory / (1 + 1.5 * (double)i) * exp(0.03 * deviate(seed, 7 + i));
    row->variance_of_variance = 2 * row->variance_of_mean;
    row->effective_samples = row->variance_of_mean > 0 ? (double)group * theory / row->variance_of_mean : NAN;
  }
}

static void make_run(lks_run *run, const made_up_plan *from, const lks_arm *arm, size_t place, size_t seed)
{
  run->done = true;
  run->result = (lks_run_result){.lr = 0.1,
                                 .images_per_second = 20000 - (double)arm->group,
                                 .bn_share = arm->group == BATCH ? 0.08 : 0.01,
                                 .ranks = 2,
                                 .threads = 1,
                                 .hosts = 1};
  snprintf(run->result.fingerprint, sizeof run->result.fingerprint, "%032zx",
           arm->group * 1000 + 1000000 * place + seed);
  make_rows(run, from, arm->group, place, seed);
  make_noise(run, from, arm->group, seed);
  if (run->row == NULL || run->epochs == 0) return;
  const lks_metrics_row *last = &run->row[run->epochs - 1];
  run->result.precise_loss = arm->group > 0 ? last->test_loss - 0.001 : NAN;
  run->result.precise_accuracy = arm->group > 0 ? last->test_accuracy + 0.0002 : NAN;
}

static lks_status make_comparison(lks_comparison *comparison, const made_up_plan *from)
{
  lks_config_default(&comparison->base);
  snprintf(comparison->directory, sizeof comparison->directory, "%s", from->directory);
  snprintf(comparison->base.data, sizeof comparison->base.data, "data/<&> \"digits\".h5");
  comparison->base.batch_size = BATCH;
  comparison->base.epochs = from->epochs;
  comparison->first_seed = 1;
  comparison->seeds = from->seeds;
  comparison->margin = LKS_MARGIN;
  lks_status status = lks_config_check(&comparison->base);
  if (status || strchr(from->arms, '|') == NULL)
    return status ? status : lks_comparison_arms(comparison, from->arms, 4);
  for (const char *arm = from->arms; *arm != '\0' && !status; arm = strchr(arm, '|') + 1) {
    char name[LKS_ARM_NAME], settings[LKS_TEXT_MAX];
    const size_t length = strcspn(arm, ":");
    snprintf(name, sizeof name, "%.*s", (int)length, arm);
    snprintf(settings, sizeof settings, "%.*s", (int)strcspn(arm + length + 1, "|"), arm + length + 1);
    status = lks_comparison_arm_add(comparison, name, settings, 4);
  }
  return status;
}

void made_up_failure(lks_results *results, size_t arm, size_t seed, bool diverges)
{
  lks_run *run = &results->run[arm * results->comparison.seeds + seed];
  run->diverged = diverges;
  if (diverges) run->epochs--;
  for (size_t e = 0; e < run->epochs; e++) {
    run->row[e].train_loss = run->row[e].test_loss = 2.3026 + 0.001 * (double)(e % 3);
    run->row[e].train_accuracy = run->row[e].test_accuracy = 0.1;
  }
  snprintf(run->result.fingerprint, sizeof run->result.fingerprint, "%032zx", arm * 1000000 + seed);
}

lks_results *made_up_results(const made_up_plan *from)
{
  lks_results *results = lks_new(1, sizeof *results);
  if (results == NULL) return NULL;
  lks_comparison *comparison = &results->comparison;
  results->chance = (lks_chance){360, 0.1, log(10)};
  if (make_comparison(comparison, from) == LKS_OK)
    results->run = lks_new(comparison->arms * comparison->seeds, sizeof *results->run);
  if (results->run == NULL) lks_results_destroy(&results);
  for (size_t i = 0; results != NULL && i < comparison->arms * comparison->seeds; i++)
    make_run(&results->run[i], from, &comparison->arm[i / comparison->seeds],
             strchr(from->arms, '|') != NULL ? i / comparison->seeds : 0,
             comparison->first_seed + i % comparison->seeds);
  return results;
}
