#include "lockstep/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/plain_text.h"

enum { MESSAGE_BYTES = 1024 };

static _Thread_local char message[MESSAGE_BYTES];

/* Both functions write a fresh text first: their arguments may point into `message`. */

lks_status lks_fail(lks_status status, const char *format, ...)
{
  char text[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  lks_text_make_plain(text); /* it may quote a file */
  memcpy(message, text, sizeof message);
  return status;
}

lks_status lks_fail_in(lks_status status, const char *format, ...)
{
  char text[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t used = strlen(text);
  snprintf(text + used, sizeof text - used, "%s", message);
  lks_text_make_plain(text); /* it may quote a file */
  memcpy(message, text, sizeof message);
  return status;
}

const char *lks_message(void)
{
  return message;
}

static int severity(lks_status status)
{
  if (!status) return 0;
  if (status == LKS_STOPPED) return 1;
  return (int)status;
}

lks_status lks_status_worse(lks_status a, lks_status b)
{
  return severity(b) > severity(a) ? b : a;
}
