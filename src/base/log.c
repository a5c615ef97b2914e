#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/status_line.h"
#include "base/terminal.h"
#include "base/wrapped.h"

static atomic_bool enabled = true, quiet = false;

static struct {
  pthread_mutex_t lock;
  void (*take)(void *context, const char *text);
  void *context;
} elsewhere = {.lock = PTHREAD_MUTEX_INITIALIZER};

void lks_log_enable(bool enable)
{
  atomic_store(&enabled, enable);
}

void lks_log_divert(void (*take)(void *context, const char *text), void *context)
{
  pthread_mutex_lock(&elsewhere.lock);
  elsewhere.take = take;
  elsewhere.context = context;
  pthread_mutex_unlock(&elsewhere.lock);
}

/* Whether somebody took it. */
static bool hand_over(const char *text)
{
  pthread_mutex_lock(&elsewhere.lock);
  const bool taken = elsewhere.take != NULL;
  if (taken) elsewhere.take(elsewhere.context, text);
  pthread_mutex_unlock(&elsewhere.lock);
  return taken;
}

void lks_log_quiet(bool silent)
{
  atomic_store(&quiet, silent);
}

bool lks_log_is_quiet(void)
{
  return atomic_load(&quiet);
}

/* One call prints the whole line, so that lines of several processes do not mix. */
static void print_to_error(lks_ink ink, const char *kind, const char *text)
{
  lks_status_line_wipe();
  fprintf(stderr, "lockstep: %s%s%s%s\n", ink ? lks_terminal_ink(STDERR_FILENO, ink) : "", kind,
          ink ? lks_terminal_ink(STDERR_FILENO, LKS_INK_PLAIN) : "", text);
}

enum { TEXT = 2048 };

void lks_warn(const char *format, ...)
{
  char text[TEXT];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!hand_over(text) && atomic_load(&enabled)) print_to_error(LKS_INK_YELLOW, "warning: ", text);
}

void lks_note(const char *format, ...)
{
  char text[TEXT];
  if (atomic_load(&quiet) || !atomic_load(&enabled)) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  print_to_error(LKS_INK_PLAIN, "", text);
}

/* Without memory, or in a file, as it is. */
__attribute__((format(printf, 1, 0))) static void print_line(const char *format, va_list arguments)
{
  char *text = NULL;
  va_list again;
  if (!atomic_load(&enabled)) return;
  flockfile(stdout);
  lks_status_line_wipe();
  va_copy(again, arguments);
  const size_t columns = lks_terminal_columns(STDOUT_FILENO);
  if (columns > 0 && vasprintf(&text, format, again) >= 0) {
    lks_fitted_print(stdout, text, columns);
    free(text);
  } else
    vprintf(format, arguments);
  putchar_unlocked('\n');
  va_end(again);
  fflush(stdout);
  funlockfile(stdout);
}

void lks_say(const char *format, ...)
{
  if (atomic_load(&quiet)) return;
  va_list arguments;
  va_start(arguments, format);
  print_line(format, arguments);
  va_end(arguments);
}

void lks_result(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  print_line(format, arguments);
  va_end(arguments);
}

void lks_error_print(const char *message)
{
  print_to_error(LKS_INK_RED, "error: ", message);
}
