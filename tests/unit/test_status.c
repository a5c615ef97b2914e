#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/plain_text.h"
#include "lockstep/status.h"

static void *message_of_a_thread(void *seen)
{
  int *empty = seen;
  *empty = lks_message()[0] == '\0';
  lks_fail(LKS_ERR_IO, "of the thread");
  return NULL;
}

static void test_messages_belong_to_their_thread(void **state)
{
  (void)state;
  assert_string_equal(lks_message(), "");
  assert_int_equal(lks_fail(LKS_ERR_DATA, "%d of %s", 3, "ten"), LKS_ERR_DATA);
  pthread_t thread;
  int empty = 0;
  assert_int_equal(pthread_create(&thread, NULL, message_of_a_thread, &empty), 0);
  pthread_join(thread, NULL);
  assert_true(empty);
  assert_string_equal(lks_message(), "3 of ten");
}

/* What is quoted from a file may be made to command a terminal. */
static void test_messages_have_no_control_characters(void **state)
{
  (void)state;
  lks_fail(LKS_ERR_DATA, "'%s' is \x7f no name", "a\033[2J\n\302\233b\302\240\303\244");
  assert_string_equal(lks_message(), "'a?[2J???b\302\240\303\244' is ? no name");
  lks_fail_in(LKS_ERR_DATA, "%s: ", "\r.h5\302");
  assert_string_equal(lks_message(), "?.h5\302: 'a?[2J???b\302\240\303\244' is ? no name");
  assert_false(lks_text_is_plain("a\tb", false));
  assert_true(lks_text_is_plain("a\tb\r\n", true));
  assert_false(lks_text_is_plain("a\bb\n", true));
  assert_true(lks_text_is_plain("\302\240\303\237\305\202", false));
}

static void test_context_stands_in_front(void **state)
{
  (void)state;
  lks_fail(LKS_ERR_DATA, "no labels");
  assert_int_equal(lks_fail_in(LKS_ERR_DATA, "%s: ", "a.h5"), LKS_ERR_DATA);
  assert_string_equal(lks_message(), "a.h5: no labels");
  lks_fail(LKS_ERR_IO, "again: %s", lks_message()); /* a message may be made from the last one */
  assert_string_equal(lks_message(), "again: a.h5: no labels");
}

static void test_a_long_message_is_cut(void **state)
{
  (void)state;
  char text[3000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  lks_fail(LKS_ERR_IO, "%s", text);
  assert_int_equal(strlen(lks_message()), 1023);
  lks_fail_in(LKS_ERR_IO, "y: ");
  assert_int_equal(strlen(lks_message()), 1023);
  assert_memory_equal(lks_message(), "y: xxx", 6);
}

static void test_the_worse_status_wins(void **state)
{
  (void)state;
  static const lks_status ascending[] = {LKS_OK,     LKS_STOPPED,      LKS_ERR_USAGE, LKS_ERR_DATA,
                                         LKS_ERR_IO, LKS_ERR_DIVERGED, LKS_ERR_RANK};
  for (size_t a = 0; a < 7; a++) {
    for (size_t b = 0; b < 7; b++) {
      assert_int_equal(lks_status_worse(ascending[a], ascending[b]), ascending[a > b ? a : b]);
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_messages_belong_to_their_thread),
      cmocka_unit_test(test_messages_have_no_control_characters),
      cmocka_unit_test(test_context_stands_in_front),
      cmocka_unit_test(test_a_long_message_is_cut),
      cmocka_unit_test(test_the_worse_status_wins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
