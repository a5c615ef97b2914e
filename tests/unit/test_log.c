#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

/* What the log functions print on `stream` while this process prints or does not. */
static void printed(char text[256], FILE *stream, int enabled)
{
  int ends[2];
  int kept = dup(fileno(stream));
  fflush(stream);
  assert_int_equal(pipe(ends), 0);
  dup2(ends[1], fileno(stream));
  lks_log_enable(enabled);
  lks_warn("%d ranks", 7);
  lks_note("%d MB are read", 5);
  lks_say("step %d", 3);
  lks_error_print("no such file");
  lks_log_enable(true);
  fflush(stream);
  dup2(kept, fileno(stream));
  close(kept);
  close(ends[1]);
  ssize_t got = read(ends[0], text, 255);
  text[got > 0 ? got : 0] = '\0';
  close(ends[0]);
}

static void test_log_lines(void **state)
{
  (void)state;
  char text[256];
  printed(text, stderr, 1);
  assert_string_equal(text,
                      "lockstep: warning: 7 ranks\nlockstep: 5 MB are read\nlockstep: error: no such file\n");
  printed(text, stderr, 0);
  assert_string_equal(text, "lockstep: error: no such file\n");
  printed(text, stdout, 1);
  assert_string_equal(text, "step 3\n");
  printed(text, stdout, 0);
  assert_string_equal(text, "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_log_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
