/* Text behind text, in a buffer of limited size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/append.h"

static void test_behind_one_another(void **state)
{
  (void)state;
  char text[32] = "";
  lks_append(text, sizeof text, "%d", 12);
  assert_string_equal(text, "12");
  lks_append(text, sizeof text, " and %s", "more");
  assert_string_equal(text, "12 and more");
  lks_append(text, sizeof text, "%s", "");
  assert_string_equal(text, "12 and more");
}

static void test_what_does_not_fit_is_cut_off(void **state)
{
  (void)state;
  char text[12];
  memset(text, 'x', sizeof text);
  text[0] = '\0';
  lks_append(text, 8, "%s", "seven!!");
  assert_string_equal(text, "seven!!");
  lks_append(text, 8, "%s", "more");
  assert_string_equal(text, "seven!!");
  text[5] = '\0';
  lks_append(text, 8, "%d", 12345);
  assert_string_equal(text, "seven12");
  for (size_t i = 8; i < sizeof text; i++) assert_int_equal(text[i], 'x');
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_behind_one_another),
                                     cmocka_unit_test(test_what_does_not_fit_is_cut_off)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
