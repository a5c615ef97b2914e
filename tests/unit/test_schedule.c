/* The learning rate of each step against closed forms written out here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "optim/schedule.h"

enum { STEPS = 10, EPOCHS = 6 };

static lks_config with(const char *schedule, const char *warmup)
{
  lks_config config;
  lks_config_default(&config);
  config.epochs = EPOCHS;
  config.lr = 0.4;
  assert_int_equal(lks_config_set(&config, "schedule", schedule), LKS_OK);
  assert_int_equal(lks_config_set(&config, "warmup", warmup), LKS_OK);
  return config;
}

static void assert_lr(const lks_config *config, size_t step, double expected)
{
  assert_true(fabs(lks_schedule_lr(config, STEPS, step) - expected) <= 1e-15);
}

static void constant_stays(void **state)
{
  (void)state;
  lks_config config = with("constant", "0");
  for (size_t step = 0; step < STEPS * EPOCHS; step++) assert_lr(&config, step, 0.4);
}

static void warmup_rises_to_the_full_rate(void **state)
{
  (void)state;
  const char *schedules[] = {"constant", "step", "cosine"};
  for (int i = 0; i < 3; i++) {
    lks_config config = with(schedules[i], "1.5");
    for (size_t step = 0; step < 15; step++) assert_lr(&config, step, 0.4 * (double)(step + 1) / 15);
    assert_lr(&config, 15, 0.4);
  }
}

static void a_fraction_of_an_epoch_rounds_to_steps(void **state)
{
  (void)state;
  lks_config config = with("constant", "0.26");
  assert_lr(&config, 0, 0.4 / 3);
  assert_lr(&config, 2, 0.4);
  config.warmup = 0.04; /* less than half a step */
  assert_lr(&config, 0, 0.4);
}

static void step_falls_every_so_many_epochs(void **state)
{
  (void)state;
  lks_config config = with("step", "0");
  config.step_epochs = 2;
  config.step_factor = 0.5;
  assert_lr(&config, 0, 0.4);
  assert_lr(&config, 2 * STEPS - 1, 0.4);
  assert_lr(&config, 2 * STEPS, 0.2);
  assert_lr(&config, 4 * STEPS - 1, 0.2);
  assert_lr(&config, 6 * STEPS - 1, 0.1);
}

static void cosine_goes_down_to_zero_behind_the_last_step(void **state)
{
  (void)state;
  const double pi = acos(-1);
  lks_config config = with("cosine", "2");
  assert_lr(&config, 20, 0.4);
  assert_lr(&config, 40, 0.2);                             /* half-way from 20 to 60 */
  assert_lr(&config, 30, 0.2 + 0.2 * sqrt(0.5));           /* a quarter */
  assert_lr(&config, 59, 0.4 * pow(sin(pi / 80), 2));      /* the last step still learns ... */
  assert_true(lks_schedule_lr(&config, STEPS, 59) > 6e-4); /* ... a little */
  assert_lr(&config, 60, 0);
  assert_lr(&config, 1000, 0);
}

static void a_warmup_as_long_as_the_run_is_no_division_by_zero(void **state)
{
  (void)state;
  lks_config config = with("cosine", "6");
  assert_lr(&config, 59, 0.4);
  assert_lr(&config, 60, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constant_stays),
      cmocka_unit_test(warmup_rises_to_the_full_rate),
      cmocka_unit_test(a_fraction_of_an_epoch_rounds_to_steps),
      cmocka_unit_test(step_falls_every_so_many_epochs),
      cmocka_unit_test(cosine_goes_down_to_zero_behind_the_last_step),
      cmocka_unit_test(a_warmup_as_long_as_the_run_is_no_division_by_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
