#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "statistics/student_t.h"
#include "study/effect.h"
#include "study/pages.h"
#include "study/plan.h"
#include "study/study_list.h"
#include "train/probe_tables.h"

/* Findings and verdicts from planted readings: what the arithmetic says must not depend on training. */

enum { SEEDS = 5 };
static const double noise[SEEDS] = {0.01, -0.02, 0.005, 0.015, -0.01}; /* their mean is 0 */

static void plant(lks_readings *readings, const char *arm, const char *quantity, double value, double spread)
{
  for (size_t i = 0; i < SEEDS; i++)
    assert_int_equal(lks_readings_add(readings, arm, 1 + i, quantity, value + spread * noise[i]), LKS_OK);
}

static lks_finding find(const lks_readings *readings, const lks_effect *effect)
{
  lks_finding finding;
  assert_int_equal(lks_findings_make(&finding, effect, 1, readings, 1, SEEDS), LKS_OK);
  return finding;
}

static void test_differences(void **state)
{
  (void)state;
  lks_readings r = {0};
  plant(&r, "a", "loss", 0.5, 1);
  plant(&r, "b", "loss", 0.7, 0);
  plant(&r, "c", "loss", 0.7, 0.01);
  const lks_effect less = {.arm = "a", .quantity = "loss", .reference = "b", .margin = 0.1};
  const lks_finding f = find(&r, &less);
  /* by hand: mean -0.2, standard deviation 0.0145773797, t(0.975, 4) = 2.7764451052 */
  const double half = 2.7764451052 * 0.0145773797 / sqrt(5);
  assert_true(fabs(f.mean + 0.2) < 1e-12 && fabs(f.low - (-0.2 - half)) < 1e-8 &&
              fabs(f.high - (-0.2 + half)) < 1e-8);
  assert_true(lks_finding_less(&f) && !lks_finding_more(&f));
  assert_string_equal(f.sentence, "lower by 0.200 [0.182, 0.218]");
  const lks_effect more = {.arm = "b", .quantity = "loss", .reference = "a", .unit = "points", .scale = 100};
  const lks_finding g = find(&r, &more);
  assert_true(lks_finding_more(&g));
  assert_string_equal(g.sentence, "higher by 20.0 points [18.2, 21.8]");
  const lks_effect null = {.arm = "c", .quantity = "loss", .reference = "b", .margin = 0.01};
  const lks_finding h = find(&r, &null);
  assert_int_equal(h.verdict, LKS_VERDICT_EQUIVALENT);
  assert_non_null(strstr(h.sentence, "no difference larger than 0.01: "));
  lks_readings_free(&r);
}

static void test_same_and_undecided(void **state)
{
  (void)state;
  lks_readings r = {0};
  plant(&r, "a", "loss", 0.5, 1);
  plant(&r, "b", "loss", 0.505, 3);
  const lks_effect same = {.arm = "a", .quantity = "loss", .reference = "a"};
  assert_string_equal(find(&r, &same).sentence, "exactly the same for each of 5 seeds");
  const lks_effect undecided = {.arm = "b", .quantity = "loss", .reference = "a", .margin = 0.001};
  const lks_finding f = find(&r, &undecided);
  assert_int_equal(f.verdict, LKS_VERDICT_UNDECIDED);
  assert_non_null(strstr(f.sentence, "undecided: +0.005 ["));
  const lks_effect nothing = {.arm = "x", .quantity = "loss", .reference = "a"};
  assert_string_equal(find(&r, &nothing).sentence, "no verdict: no seed has both results");
  lks_readings_free(&r);
}

static void test_ratios(void **state)
{
  (void)state;
  lks_readings r = {0};
  for (size_t i = 0; i < SEEDS; i++) {
    lks_readings_add(&r, "slow", 1 + i, "steps", 100 * exp(noise[i]));
    lks_readings_add(&r, "fast", 1 + i, "steps", 10);
  }
  const lks_effect more = {.kind = LKS_EFFECT_RATIO, .arm = "slow", .quantity = "steps", .reference = "fast"};
  const lks_finding f = find(&r, &more);
  assert_true(fabs(f.mean - 10) < 1e-12 && lks_finding_more(&f));
  assert_string_equal(f.sentence, "10.00 times as large [9.82, 10.18]");
  const lks_effect less = {
      .kind = LKS_EFFECT_RATIO, .arm = "fast", .quantity = "steps", .reference = "slow", .less = "fewer"};
  const lks_finding g = find(&r, &less);
  assert_true(fabs(g.mean - 0.1) < 1e-12 && lks_finding_less(&g));
  assert_string_equal(g.sentence, "10.00 times fewer [9.82, 10.18]");
  lks_readings_free(&r);
}

/* A number that is known: the interval is that of the value itself. */
static void test_values(void **state)
{
  (void)state;
  lks_readings r = {0};
  plant(&r, "a", "slope", -1, 1);
  plant(&r, "a", "loss", 0, 0);
  const lks_effect slope = {.kind = LKS_EFFECT_VALUE, .arm = "a", .quantity = "slope", .against = -1};
  assert_string_equal(find(&r, &slope).sentence, "-1.000 [-1.018, -0.982]");
  const lks_effect other = {.kind = LKS_EFFECT_VALUE, .arm = "a", .quantity = "slope", .against = -1.5};
  assert_string_equal(find(&r, &other).sentence, "-1.000 [-1.018, -0.982], above -1.5");
  const lks_effect zero = {.kind = LKS_EFFECT_VALUE, .arm = "a", .quantity = "loss"};
  assert_string_equal(find(&r, &zero).sentence, "exactly 0 for each of 5 seeds");
  lks_readings_free(&r);
}

/* Seeds without a reading are left out and counted; a family is corrected. */
static void test_missing_and_families(void **state)
{
  (void)state;
  lks_readings r = {0};
  plant(&r, "a", "loss", 0.5, 1);
  plant(&r, "b", "loss", 0.52, 0);
  r.row[0].value = NAN;
  const lks_effect effect[] = {{.arm = "a", .quantity = "loss", .reference = "b"},
                               {.arm = "b", .quantity = "loss", .reference = "a"},
                               {.arm = "a", .quantity = "loss", .reference = "b"}};
  lks_finding finding[3];
  assert_int_equal(lks_findings_make(finding, effect, 3, &r, 1, SEEDS), LKS_OK);
  assert_int_equal(finding[0].missing, 1);
  assert_int_equal(finding[0].pair.count, 4);
  assert_non_null(strstr(finding[0].sentence, "; 1 of 5 seeds lack it"));
  for (size_t i = 0; i < 3; i++)
    assert_true(fabs(finding[i].p - fmin(1, 3 * finding[i].pair.p)) <
                1e-12); /* three equal ones: Bonferroni */
  lks_readings_free(&r);
}

static void test_readings_file(void **state)
{
  (void)state;
  char path[] = "/tmp/readingsXXXXXX";
  close(mkstemp(path));
  lks_readings r = {0}, back = {0};
  plant(&r, "256 in groups of 16", "test_loss", 1.0 / 3, 1);
  lks_readings_add(&r, "b", UINT64_MAX, "x", NAN);
  assert_int_equal(lks_readings_write(path, &r), LKS_OK);
  assert_int_equal(lks_readings_read(&back, path), LKS_OK);
  assert_int_equal(back.count, r.count);
  for (size_t i = 0; i < SEEDS; i++)
    assert_true(lks_readings_value(&back, "256 in groups of 16", 1 + i, "test_loss") == r.row[i].value);
  assert_true(isnan(lks_readings_value(&back, "b", UINT64_MAX, "x")) && back.row[SEEDS].seed == UINT64_MAX);
  FILE *file = fopen(path, "a");
  fputs("b,-,x,1\n", file);
  fclose(file);
  assert_int_equal(lks_readings_read(&back, path), LKS_ERR_DATA);
  unlink(path);
  lks_readings_free(&r);
  lks_readings_free(&back);
}

static void test_names(void **state)
{
  (void)state;
  const lks_study *study;
  size_t count;
  const lks_study *const *all = lks_studies(&count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(lks_study_find(&study, all[i]->name), LKS_OK);
    assert_ptr_equal(study, all[i]);
  }
  assert_int_equal(lks_study_find(&study, "regularisation"), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "did you mean 'regularization'?"));
  assert_int_equal(lks_study_find(&study, "xyzzy"), LKS_ERR_USAGE);
  assert_non_null(strstr(lks_message(), "`lockstep study list`"));
}

/* The plan of every study holds, short, long and cut to an epoch, and says what a page needs. */
static void test_plans(void **state)
{
  (void)state;
  size_t count;
  const lks_study *const *all = lks_studies(&count);
  for (size_t i = 0; i < 3 * count; i++) {
    const lks_study *study = all[i / 3];
    const lks_study_options options = {
        .directory = "studies", .seeds = 3, .first_seed = 1, .full = i % 3 == 1, .epochs = i % 3 == 2};
    lks_study_plan *plan = NULL;
    assert_int_equal(lks_study_plan_create(&plan, study, &options, NULL, "data.h5", 3), LKS_OK);
    assert_true(plan->parts > 0 && lks_study_effects(plan) > 0 && study->effects <= LKS_STUDY_EFFECTS_MAX);
    assert_true(study->figures > 0 && study->changes > 0 && study->limits != NULL && study->claim[0] != '\0');
    for (size_t part = 0; part < plan->parts; part++) assert_true(plan->part[part]->arms > 1);
    for (size_t e = 0; e < study->effects; e++)
      assert_true(study->effect[e].name != NULL && study->effect[e].arm != NULL &&
                  study->effect[e].quantity != NULL);
    lks_study_plan_destroy(&plan);
  }
}

/* What regularization says of planted losses. */
static void expect_claim(double small_groups, double small_batches, double spread, lks_claim claim,
                         const char *says)
{
  const lks_study_options options = {.directory = "studies", .seeds = SEEDS, .first_seed = 1};
  lks_study_plan *plan = NULL;
  lks_study_outcome *o = lks_new(1, sizeof *o);
  assert_non_null(o);
  assert_int_equal(lks_study_plan_create(&plan, &lks_study_regularization, &options, NULL, "d.h5", 1),
                   LKS_OK);
  o->plan = plan;
  o->seeds = SEEDS;
  plant(&o->readings, "256 whole", "test_loss", 0.5, 0);
  plant(&o->readings, "256 in groups of 16", "test_loss", small_groups, spread);
  plant(&o->readings, "16 whole", "test_loss", small_batches, spread);
  assert_int_equal(lks_study_conclude(o), LKS_OK);
  assert_int_equal(o->claim, claim);
  assert_non_null(strstr(o->verdict, says));
  lks_study_outcome_free(o);
  lks_study_plan_destroy(&plan);
  lks_free(o);
}

static void test_claims(void **state)
{
  (void)state;
  expect_claim(0.4, 0.4, 1, LKS_CLAIM_SHOWN, "regularizes: with the same mini-batches");
  expect_claim(0.4, 0.5, 1, LKS_CLAIM_PARTLY, "lower by 0.100");
  expect_claim(0.6, 0.6, 1, LKS_CLAIM_CONTRADICTED, "it harmed");
  expect_claim(0.5, 0.5, 0.1, LKS_CLAIM_NOT_SHOWN, "no difference larger than 0.01");
  expect_claim(0.51, 0.5, 3, LKS_CLAIM_UNDECIDED, "do not tell");
}

/* What noise says of planted readings: end to end of the second layer, and the slope of a layer alone. */
static void expect_noise(double small, double slope, double spread, lks_claim claim, const char *says)
{
  const lks_study_options options = {.directory = "studies", .seeds = SEEDS, .first_seed = 1};
  lks_study_plan *plan = NULL;
  lks_study_outcome *o = lks_new(1, sizeof *o);
  assert_non_null(o);
  assert_int_equal(lks_study_plan_create(&plan, &lks_study_noise, &options, NULL, "d.h5", 1), LKS_OK);
  o->plan = plan;
  o->seeds = SEEDS;
  plant(&o->readings, "trained", "end_2_32", small, spread * small);
  plant(&o->readings, "trained", "end_2_512", 0.01, 0);
  plant(&o->readings, "trained", "slope", slope, 1);
  plant(&o->readings, "trained", "dropout_2_32", 0.08, 0.1);
  assert_int_equal(lks_study_conclude(o), LKS_OK);
  if (o->claim != (int)claim || strstr(o->verdict, says) == NULL)
    fail_msg("%s: %s", lks_claim_word((lks_claim)o->claim), o->verdict);
  assert_non_null(
      strstr(o->verdict, "a dropout of 8.00% [7.82, 8.18] with 32 samples.")); /* by hand as above */
  lks_study_outcome_free(o);
  lks_study_plan_destroy(&plan);
  lks_free(o);
}

static void test_noise_claims(void **state)
{
  (void)state;
  expect_noise(0.2, -1.02, 1, LKS_CLAIM_SHOWN, "falls about as 1/m: its slope is -1.020 [-1.038, -1.002]");
  expect_noise(0.2, -1.08, 1, LKS_CLAIM_SHOWN, "these seeds do not tell: its slope is -1.080");
  expect_noise(0.2, -1.21, 1, LKS_CLAIM_PARTLY, "does not fall as 1/m: its slope is -1.210");
  expect_noise(0.005, -1.02, 1, LKS_CLAIM_CONTRADICTED, "2.000 times smaller");
  expect_noise(0.01, -1.02, 1, LKS_CLAIM_NOT_SHOWN, "made no difference");
  expect_noise(0.0105, -1.02, 20, LKS_CLAIM_UNDECIDED, "do not tell whether small");
}

/* A table of noise as a run leaves it: what is read off it. */
static void test_noise_readings(void **state)
{
  (void)state;
  char folder[] = "/tmp/noiseXXXXXX", path[64];
  lks_readings r = {0};
  lks_probe_noise_row row[3 * 7];
  assert_non_null(mkdtemp(folder));
  for (size_t i = 0; i < 3 * 7; i++) {
    const size_t number = 1 + i / 7;
    const double m = (double)(8 << i % 7), layer = (double)number;
    row[i] = (lks_probe_noise_row){.m = m, .draws = 300, .dropout_noise = 1};
    snprintf(row[i].layer, sizeof row[i].layer, "bn%.0f", layer);
    row[i].isolated = layer * pow(m, m < 64 ? -3 : -1.03); /* the slope is not taken below 64 */
    row[i].theory = layer / m;
    row[i].end_to_end = 1 / m;
    row[i].dropout = 1 / (1 + m);
  }
  assert_int_equal(lks_probe_noise_write(folder, row, 3 * 7), LKS_OK);
  lks_study_run run = {.arm_name = "trained", .config = {.seed = 4}};
  snprintf(run.config.output, sizeof run.config.output, "%s", folder);
  assert_int_equal(lks_study_noise.read(&r, &run), LKS_OK);
  assert_true(fabs(lks_readings_value(&r, "trained", 4, "slope") + 1.03) < 1e-12);
  assert_true(fabs(lks_readings_value(&r, "trained", 4, "isolated_64") - 2 * pow(64, -1.03)) < 1e-12);
  assert_true(fabs(lks_readings_value(&r, "trained", 4, "theory_512") - 2. / 512) < 1e-12);
  assert_true(fabs(lks_readings_value(&r, "trained", 4, "isolated_3_8") - 3. / 512) < 1e-12);
  assert_true(fabs(lks_readings_value(&r, "trained", 4, "dropout_2_32") - 1. / 33) < 1e-12);
  assert_true(isnan(lks_readings_value(&r, "trained", 4, "end_4_8")));
  lks_readings_free(&r);
  assert_int_equal(lks_probe_noise_write(folder, row, 2), LKS_OK); /* few samples: one layer, two sizes */
  assert_int_equal(lks_study_noise.read(&r, &run), LKS_OK);
  assert_true(isnan(lks_readings_value(&r, "trained", 4, "slope")));
  assert_true(isnan(lks_readings_value(&r, "trained", 4, "isolated_8")));
  lks_readings_free(&r);
  snprintf(path, sizeof path, "%s/probe-noise.csv", folder);
  unlink(path);
  rmdir(folder);
}

/* A run that failed to learn is named first, and its reading left out. */
static void test_failed_runs(void **state)
{
  (void)state;
  const lks_study_options options = {.directory = "studies", .seeds = SEEDS, .first_seed = 1};
  lks_study_plan *plan = NULL;
  lks_study_outcome *o = lks_new(1, sizeof *o);
  assert_non_null(o);
  assert_int_equal(lks_study_plan_create(&plan, &lks_study_regularization, &options, NULL, "d.h5", 1),
                   LKS_OK);
  o->plan = plan;
  o->seeds = SEEDS;
  o->runs = 2 * SEEDS;
  o->failed = 1;
  strcpy(o->failures, "256 in groups of 16 seed 1");
  plant(&o->readings, "256 whole", "test_loss", 0.5, 0);
  plant(&o->readings, "256 in groups of 16", "test_loss", 0.4, 1);
  o->readings.row[SEEDS].value = 2.3;
  assert_int_equal(lks_readings_add(&o->readings, "256 in groups of 16", 1, "failed", 1), LKS_OK);
  assert_int_equal(lks_study_conclude(o), LKS_OK);
  assert_int_equal(strncmp(o->verdict, "1 of 10 runs failed to learn (256 in groups of 16 seed 1)", 57), 0);
  assert_true(lks_finding_less(&o->finding[0]) && o->finding[0].pair.count == 4 &&
              o->finding[0].missing == 1);
  assert_int_equal(o->with_all[0].verdict, LKS_VERDICT_UNDECIDED);
  assert_int_equal(o->with_all[0].pair.count, 5);
  lks_study_outcome_free(o);
  lks_study_plan_destroy(&plan);
  lks_free(o);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_differences),
      cmocka_unit_test(test_same_and_undecided),
      cmocka_unit_test(test_ratios),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_missing_and_families),
      cmocka_unit_test(test_readings_file),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_plans),
      cmocka_unit_test(test_claims),
      cmocka_unit_test(test_noise_claims),
      cmocka_unit_test(test_noise_readings),
      cmocka_unit_test(test_failed_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
