#ifndef LOCKSTEP_STATUS_H
#define LOCKSTEP_STATUS_H

#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** What a function returns. The values 0 to 75 are also the exit codes of the program. */
typedef enum lks_status {
  LKS_OK = 0,
  LKS_ERR_USAGE = 2,    /* a bad option, key or value */
  LKS_ERR_DATA = 3,     /* a file that is readable but wrong, or does not fit */
  LKS_ERR_IO = 4,       /* input or output failed */
  LKS_ERR_DIVERGED = 5, /* a value that is not finite, or too large to be summed */
  LKS_ERR_RANK = 6,     /* a rank failed or stalled; also memory that ran out and library failures */
  LKS_STOPPED = 75      /* stopped on request, resumable: not an error */
} lks_status;

/** Local. Records a message for this thread and returns status, so that `return lks_fail(...)` reports and
 * leaves. The message says what is wrong, where, and what to do; no full stop, no newline, at most 1023
 * bytes. */
lks_status lks_fail(lks_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Local. Puts a context, its separator included ("FILE: "), in front of the message recorded last; returns
 * status. */
lks_status lks_fail_in(lks_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Local. The message recorded last by this thread, "" if none. Borrowed until the next lks_fail. */
const char *lks_message(void);

/** Local. The worse of two statuses: LKS_OK < LKS_STOPPED < USAGE < DATA < IO < DIVERGED < RANK. */
lks_status lks_status_worse(lks_status a, lks_status b);

LKS_PUBLIC_END

#endif
