#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "study/five_layers.h"
#include "study/pages.h"
#include "study/plan.h"
#include "study/study_list.h"

/* What the studies drift and landscape say of planted readings, whichever way they come out. */

enum { SEEDS = 5 };
static const double noise[SEEDS] = {0.01, -0.02, 0.005, 0.015, -0.01}; /* their mean is 0 */

typedef struct planted {
  lks_study_plan *plan;
  lks_study_outcome *outcome;
} planted;

static planted begin(const lks_study *study)
{
  const lks_study_options options = {.directory = "studies", .seeds = SEEDS, .first_seed = 1};
  planted p = {NULL, lks_new(1, sizeof *p.outcome)};
  assert_non_null(p.outcome);
  assert_int_equal(lks_study_plan_create(&p.plan, study, &options, NULL, "d.h5", 1), LKS_OK);
  p.outcome->plan = p.plan;
  p.outcome->seeds = SEEDS;
  return p;
}

static void end(planted *p)
{
  lks_study_outcome_free(p->outcome);
  lks_study_plan_destroy(&p->plan);
  lks_free(p->outcome);
}

/* Of each seed exp(noise) times the value: the geometric mean is the value. */
static void plant(planted *p, const char *arm, const char *quantity, double value, double spread)
{
  for (size_t i = 0; i < SEEDS; i++)
    assert_int_equal(
        lks_readings_add(&p->outcome->readings, arm, 1 + i, quantity, value * exp(spread * noise[i])),
        LKS_OK);
}

static void plant_run(planted *p, const char *arm, double drift, double loss, double spread)
{
  plant(p, arm, "drift", drift, spread);
  plant(p, arm, "drift_mean", drift, spread);
  plant(p, arm, "shift", 0.5, spread);
  plant(p, arm, "final_loss", loss, spread);
  plant(p, arm, "test_loss", loss, spread);
}

static void expect(planted *p, lks_claim claim, const char *says)
{
  assert_int_equal(lks_study_conclude(p->outcome), LKS_OK);
  if (p->outcome->claim != (int)claim || strstr(p->outcome->verdict, says) == NULL)
    print_error("claim %d: %s\n", p->outcome->claim, p->outcome->verdict);
  assert_int_equal(p->outcome->claim, claim);
  assert_non_null(strstr(p->outcome->verdict, says));
}

/* The network without batch norm learns at 0.3 and not at 0.5; others at both: the answer is that of 0.3. */
static planted begin_drift(double moves, double norm_moves, double spread)
{
  planted p = begin(&lks_study_drift);
  plant_run(&p, "none 0.3", moves, 0.4, 1);
  plant_run(&p, "bn 0.3", norm_moves, 0.1, spread);
  plant_run(&p, "none 0.5", 1e6, 2.3, 1);
  plant_run(&p, "bn 0.5", 1e-9, 0.1, 1);
  plant_run(&p, "noisy 0.5", 1e-9, 0.1, 1);
  assert_int_equal(lks_readings_add(&p.outcome->readings, "none 0.5", 3, "failed", 1), LKS_OK);
  return p;
}

static void expect_shaken(double moves, double loss, double spread, lks_claim claim, const char *says)
{
  planted p = begin_drift(0.02, 0.0002, 0);
  plant_run(&p, "noisy 0.3", moves, loss, spread);
  expect(&p, claim, says);
  assert_non_null(strstr(p.outcome->verdict, "At rate 0.3, the largest"));
  /* 100 times, and the interval of exp(noise): log 100 +- 2.7764451052 * 0.0145773797 / sqrt(5) */
  assert_true(fabs(p.outcome->finding[0].mean - 100) < 1e-9 &&
              fabs(p.outcome->finding[0].high - 100 * exp(0.018100265)) < 1e-5);
  end(&p);
}

static void test_shaken(void **state)
{
  (void)state;
  expect_shaken(0.8, 0.2, 2, LKS_CLAIM_PARTLY, "movement is not the whole reason why");
  expect_shaken(0.8, 0.8, 2, LKS_CLAIM_SHOWN, "learns worse than it");
  expect_shaken(0.8, 0.4, 2, LKS_CLAIM_PARTLY, "and still learns: ");
  expect_shaken(0.002, 0.2, 2, LKS_CLAIM_SHOWN, "did not move more than none");
  planted p = begin_drift(0.02, 0.0002, 0);
  expect(&p, LKS_CLAIM_SHOWN, "does not learn: movement matters");
  end(&p);
}

static void test_moves(void **state)
{
  (void)state;
  planted p = begin_drift(0.0002, 0.02, 0);
  expect(&p, LKS_CLAIM_CONTRADICTED, "less [");
  end(&p);
  p = begin_drift(0.02, 0.02, 1.5);
  expect(&p, LKS_CLAIM_NOT_SHOWN, "no difference larger than a factor of 1.25");
  end(&p);
  p = begin_drift(0.02, 0.021, 60);
  expect(&p, LKS_CLAIM_UNDECIDED, "undecided");
  end(&p);
}

/* An arm of which a seed did not learn has no point in the pictures. */
static void test_points(void **state)
{
  (void)state;
  planted p = begin_drift(0.02, 0.0002, 0);
  expect(&p, LKS_CLAIM_SHOWN, "100");
  const lks_readings *r = &p.outcome->readings;
  assert_true(isnan(lks_readings_value(r, "none 0.5", 1, "D")));
  assert_true(isnan(lks_readings_value(r, "none 1", 1, "D")));
  assert_true(lks_readings_value(r, "bn 0.5", 2, "D") == lks_readings_value(r, "bn 0.5", 2, "drift"));
  assert_true(lks_readings_value(r, "none", 2, "rate") == 0.3);
  assert_true(lks_readings_value(r, "none", 2, "best_loss") ==
              lks_readings_value(r, "none 0.3", 2, "final_loss"));
  assert_true(lks_readings_value(r, "noisy", 2, "best_loss") ==
              lks_readings_value(r, "noisy 0.5", 2, "final_loss"));
  end(&p);
}

static void expect_landscape(double range, double smoothness, double change, double spread, lks_claim claim,
                             const char *says)
{
  planted p = begin(&lks_study_landscape);
  plant(&p, "none 0.1", "range", range, spread);
  plant(&p, "none 0.1", "smoothness", smoothness, spread);
  plant(&p, "none 0.1", "change", change, spread);
  plant(&p, "bn 0.1", "range", 1, 0);
  plant(&p, "bn 0.1", "smoothness", 1, 0);
  plant(&p, "bn 0.1", "change", 1, 0);
  expect(&p, claim, says);
  end(&p);
}

static void test_landscape(void **state)
{
  (void)state;
  expect_landscape(10, 2, 4, 1, LKS_CLAIM_SHOWN, "range 10.00 times as wide [9.82, 10.18]");
  expect_landscape(10, 1, 4, 1, LKS_CLAIM_PARTLY, "smoother with batch norm in part");
  expect_landscape(10, 0.5, 4, 1, LKS_CLAIM_PARTLY, "rougher in another");
  expect_landscape(0.1, 0.5, 0.2, 1, LKS_CLAIM_CONTRADICTED, "10.00 times narrower [9.82, 10.18]");
  expect_landscape(1, 1, 1, 1, LKS_CLAIM_NOT_SHOWN, "as rough with batch norm as without");
  expect_landscape(1.1, 1.1, 1.1, 50, LKS_CLAIM_UNDECIDED, "do not tell");
}

/* The middle and the mean of a column, without what was not measured. */
static void test_column(void **state)
{
  (void)state;
  const double table[][2] = {{0, NAN}, {1, 4}, {2, 1}, {3, 1}, {4, 10}};
  lks_readings r = {0};
  const lks_study_run run = {.arm_name = "a", .config = {.seed = 7}};
  assert_int_equal(lks_five_layers_column(&r, &run, "x", "x_mean", &table[0][1], 2, 5), LKS_OK);
  assert_true(lks_readings_value(&r, "a", 7, "x") == 2.5 && lks_readings_value(&r, "a", 7, "x_mean") == 4);
  lks_readings_free(&r);
}

/* By hand: log 2 and log 8 have the mean log 4; t(0.975, 1) = 12.7062047362. */
static void test_spread_of_logs(void **state)
{
  (void)state;
  lks_readings r = {0};
  lks_readings_add(&r, "a", 1, "x", 2);
  lks_readings_add(&r, "a", 2, "x", 8);
  const lks_spread s = lks_readings_spread_of_logs(&r, "a", "x", 1, 2);
  assert_int_equal(s.count, 2);
  assert_true(fabs(s.mean - 4) < 1e-12 && fabs(log(s.high / 4) - 12.7062047362 * log(2)) < 1e-8);
  lks_readings_free(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shaken),    cmocka_unit_test(test_moves),  cmocka_unit_test(test_points),
      cmocka_unit_test(test_landscape), cmocka_unit_test(test_column), cmocka_unit_test(test_spread_of_logs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
