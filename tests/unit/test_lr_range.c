/* What is read off the curve of a learning rate range test: planted curves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "train/lr_range.h"

enum { STEPS = 100 };

static lks_lr_range planted(lks_lr_point point[STEPS], double (*loss)(double lr))
{
  for (int i = 0; i < STEPS; i++) {
    point[i].lr = 1e-5 * pow(1e6, i / 99.0);
    point[i].loss = loss(point[i].lr);
  }
  lks_lr_smooth(point, STEPS, lks_lr_reach(STEPS));
  return (lks_lr_range){{1e-5, 10, STEPS}, STEPS, false, point};
}

/* Falls fastest at 0.01, is lowest where the second term wins, near 0.35, and rises then. */
static double valley(double lr)
{
  return 2 / (1 + lr / 0.01) + 0.1 * lr;
}

static double flat(double lr)
{
  return 2.3 + 0.01 * sin(1000 * lr);
}

static double rising(double lr)
{
  return 2.3 + lr;
}

static void the_lowest_point_gives_the_suggestion(void **state)
{
  (void)state;
  lks_lr_point point[STEPS];
  const lks_lr_range range = planted(point, valley);
  const lks_lr_reading reading = lks_lr_read(&range);
  assert_true(reading.falls);
  /* d/dlr: 2/0.01 (1 + lr/0.01)^-2 = 0.1 at 0.01 (sqrt(2000) - 1) = 0.437; two steps are a factor of 1.3 */
  assert_true(fabs(log(point[reading.lowest].lr / 0.437)) < 0.3);
  assert_true(fabs(log(point[reading.fastest].lr / 0.01)) < 0.3);
  assert_true(reading.suggestion == point[reading.lowest].lr / 10);
}

static void a_curve_that_does_not_fall_gives_none(void **state)
{
  (void)state;
  lks_lr_point point[STEPS];
  lks_lr_range range = planted(point, flat);
  assert_false(lks_lr_read(&range).falls);
  range = planted(point, rising);
  assert_false(lks_lr_read(&range).falls);
  range.count = 1;
  assert_false(lks_lr_read(&range).falls);
  range.count = 0;
  assert_false(lks_lr_read(&range).falls);
}

/* As many on either side, so that a line stays a line. */
static void smoothing_moves_nothing(void **state)
{
  (void)state;
  lks_lr_point point[STEPS];
  for (int i = 0; i < STEPS; i++) point[i].loss = 3.0 * i + 1;
  lks_lr_smooth(point, STEPS, 5);
  for (int i = 0; i < STEPS; i++) assert_true(fabs(point[i].smoothed - point[i].loss) < 1e-9);
  point[50].loss += 11;
  lks_lr_smooth(point, STEPS, 5);
  assert_true(fabs(point[45].smoothed - (3.0 * 45 + 2)) < 1e-9);
  assert_true(fabs(point[44].smoothed - (3.0 * 44 + 1)) < 1e-9);
  assert_int_equal(lks_lr_reach(100), 5);
  assert_int_equal(lks_lr_reach(10), 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_lowest_point_gives_the_suggestion),
      cmocka_unit_test(a_curve_that_does_not_fall_gives_none),
      cmocka_unit_test(smoothing_moves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
