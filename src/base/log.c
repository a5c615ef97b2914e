#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_bool enabled = true;

void lks_log_enable(bool enable)
{
  atomic_store(&enabled, enable);
}

/* One call prints the whole line, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 0))) static void print_to_error(const char *kind, const char *format,
                                                                 va_list arguments)
{
  char text[2048];
  if (!atomic_load(&enabled)) return;
  vsnprintf(text, sizeof text, format, arguments);
  fprintf(stderr, "lockstep: %s%s\n", kind, text);
}

void lks_warn(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  print_to_error("warning: ", format, arguments);
  va_end(arguments);
}

void lks_note(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  print_to_error("", format, arguments);
  va_end(arguments);
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
