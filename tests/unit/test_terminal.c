/* What is known of the terminal that shows the output, and how text is laid out for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/terminal.h"
#include "base/wrapped.h"

/* Standard output is a terminal of so many columns, or a file where columns is -1. */
static int kept, outer = -1, inner = -1;

static void begin(int columns)
{
  struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
  fflush(stdout);
  kept = dup(STDOUT_FILENO);
  if (columns >= 0)
    assert_int_equal(openpty(&outer, &inner, NULL, NULL, &size), 0);
  else
    inner = open("/dev/null", O_WRONLY);
  dup2(inner, STDOUT_FILENO);
}

static void end(void)
{
  fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  close(kept);
  close(inner);
  if (outer >= 0) close(outer);
  outer = -1;
}

static void test_columns(void **state)
{
  (void)state;
  begin(93);
  const size_t columns = lks_terminal_columns(STDOUT_FILENO), width = lks_terminal_width(),
               table = lks_terminal_table_width();
  struct winsize size = {.ws_row = 24, .ws_col = 300};
  ioctl(STDOUT_FILENO, TIOCSWINSZ, &size);
  const size_t wider = lks_terminal_columns(STDOUT_FILENO), most = lks_terminal_width();
  end();
  begin(-1);
  const size_t file = lks_terminal_columns(STDOUT_FILENO), usual = lks_terminal_width(),
               all = lks_terminal_table_width();
  end();
  assert_int_equal(columns, 93);
  assert_int_equal(width, 93);
  assert_int_equal(table, 93);
  assert_int_equal(wider, 300);
  assert_int_equal(most, 120);
  assert_int_equal(file, 0);
  assert_int_equal(usual, 80);
  assert_true(all == SIZE_MAX);
}

/* Copied, since what is printed on the terminal must not be cmocka's. */
static void ink_of(char text[16], int columns, const char *term, const char *no_colour)
{
  setenv("TERM", term, 1);
  if (no_colour)
    setenv("NO_COLOR", no_colour, 1);
  else
    unsetenv("NO_COLOR");
  begin(columns);
  snprintf(text, 16, "%s", lks_terminal_ink(STDOUT_FILENO, LKS_INK_RED));
  end();
}

static void test_ink(void **state)
{
  (void)state;
  static const struct {
    int columns;
    const char *term, *no_colour, *ink;
  } cases[] = {{80, "xterm", NULL, "\033[1;31m"},
               {80, "xterm", "", "\033[1;31m"},
               {80, "xterm", "1", ""},
               {80, "dumb", NULL, ""},
               {80, "", NULL, ""},
               {-1, "xterm", NULL, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char ink[16];
    ink_of(ink, cases[i].columns, cases[i].term, cases[i].no_colour);
    assert_string_equal(ink, cases[i].ink);
  }
}

/* What lks_fitted_print makes of text. */
static void fits(const char *text, size_t columns, const char *expected)
{
  char *out = NULL;
  size_t bytes = 0;
  FILE *stream = open_memstream(&out, &bytes);
  assert_non_null(stream);
  lks_fitted_print(stream, text, columns);
  fclose(stream);
  assert_string_equal(out, expected);
  free(out);
}

static void test_fitted(void **state)
{
  (void)state;
  fits("", 20, "");
  fits("one\n\ntwo\n", 20, "one\n\ntwo\n");
  fits("exactly twenty wide.", 20, "exactly twenty wide.");
  fits("exactly twenty wide. ", 20, "exactly twenty wide.");
  fits("words that are not as wide as that", 20, "words that are not\n  as wide as that");
  fits("words that are not as wide as that", 0, "words that are not as wide as that");
  fits("  label  begins where a label ends\nnext", 20,
       "  label  begins\n         where a\n         label ends\nnext");
  fits("anunbreakablewordoftwentyfour x", 20, "anunbreakablewordoft\n  wentyfour x");
  fits("\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc", 11,
       "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc");
  fits("\033[31mred\033[0m and not", 11, "\033[31mred\033[0m and not");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_columns),
      cmocka_unit_test(test_ink),
      cmocka_unit_test(test_fitted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
