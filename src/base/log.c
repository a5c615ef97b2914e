#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_bool enabled = true;

void lks_log_enable(bool enable)
{
  atomic_store(&enabled, enable);
}

void lks_warn(const char *format, ...)
{
  if (!atomic_load(&enabled)) return;
  /* One call prints the whole line, so that lines of several processes do not mix. */
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fprintf(stderr, "lockstep: warning: %s\n", text);
}

void lks_say(const char *format, ...)
{
  if (!atomic_load(&enabled)) return;
  flockfile(stdout);
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar_unlocked('\n');
  fflush(stdout);
  funlockfile(stdout);
}

void lks_error_print(const char *message)
{
  fprintf(stderr, "lockstep: error: %s\n", message);
}
