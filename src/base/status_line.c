#include "base/status_line.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"

enum { COLUMNS_USUAL = 80 };

static size_t shown; /* columns that the line has; 0: there is none. Standard output's lock guards it. */

static size_t columns_now(void)
{
  const size_t columns = lks_terminal_columns(STDOUT_FILENO);
  return columns > 0 ? columns : COLUMNS_USUAL;
}

/* Most terminals wrap lines anew when their window becomes narrower; these cut them off. */
static bool wraps_anew(void)
{
  const char *term = getenv("TERM");
  const bool screen = getenv("STY") != NULL && getenv("TMUX") == NULL;
  return !screen && getenv("XTERM_VERSION") == NULL && (term == NULL || strcmp(term, "linux") != 0);
}

/* To where the line begins. */
static void go_back(size_t columns)
{
  const size_t above = shown > 0 && wraps_anew() ? (shown - 1) / columns : 0;
  putchar_unlocked('\r');
  if (above > 0) fprintf(stdout, "\033[%zuA", above);
}

void lks_status_line_show(const char *text)
{
  flockfile(stdout);
  const size_t columns = columns_now();
  go_back(columns);
  shown = strnlen(text, columns - 1); /* some terminals wrap when their last column is written to */
  fprintf(stdout, "%.*s\033[J", (int)shown, text);
  fflush(stdout);
  funlockfile(stdout);
}

/* A thread that has something to say must not wait for one that is held up while it prints. */
void lks_status_line_wipe(void)
{
  if (ftrylockfile(stdout) != 0) return;
  if (shown > 0) {
    go_back(columns_now());
    fputs("\033[J", stdout);
    fflush(stdout);
    shown = 0;
  }
  funlockfile(stdout);
}
