#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/profile.h"

static void sleep_milliseconds(int milliseconds)
{
  for (double until = lks_seconds() + 1e-3 * milliseconds; lks_seconds() < until;) usleep(1000);
}

static void test_parts_add_up_to_the_whole(void **state)
{
  (void)state;
  lks_profile profile;
  double begin = lks_seconds();
  lks_profile_start(&profile);
  lks_profile_enter(&profile, LKS_PART_FORWARD);
  sleep_milliseconds(4);
  lks_profile_enter(&profile, LKS_PART_BN_COMM);
  sleep_milliseconds(8);
  lks_profile_leave(&profile);
  lks_profile_leave(&profile);
  lks_profile_enter(&profile, LKS_PART_FORWARD);
  lks_profile_leave(&profile);
  lks_profile_settle(&profile);
  double whole = lks_seconds() - begin, sum = 0;
  for (int part = 0; part < LKS_PARTS; part++) sum += profile.seconds[part];
  assert_true(profile.seconds[LKS_PART_FORWARD] >= 0.004);
  assert_true(profile.seconds[LKS_PART_BN_COMM] >= 0.008);
  assert_true(sum <= whole && sum > 0.012);
  assert_int_equal(profile.calls[LKS_PART_FORWARD], 2);
  assert_int_equal(profile.calls[LKS_PART_BN_COMM], 1);
  assert_int_equal(profile.calls[LKS_PART_DATA], 0);
}

static void test_a_stopwatch_survives_misuse(void **state)
{
  (void)state;
  lks_profile profile;
  lks_profile_start(&profile);
  lks_profile_leave(&profile);
  assert_int_equal(profile.depth, 0);
  for (int i = 0; i < 100; i++) lks_profile_enter(&profile, LKS_PART_DATA);
  for (int i = 0; i < 100; i++) lks_profile_leave(&profile);
  assert_int_equal(profile.depth, 0);
  assert_int_equal(profile.stack[0], LKS_PART_OTHER);
  assert_int_equal(profile.calls[LKS_PART_DATA], 100);
  lks_profile_enter(NULL, LKS_PART_DATA);
  lks_profile_settle(NULL);
  lks_profile_leave(NULL);
  for (int part = 0; part < LKS_PARTS; part++) assert_true(strlen(lks_part_name((lks_part)part)) > 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts_add_up_to_the_whole),
      cmocka_unit_test(test_a_stopwatch_survives_misuse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
