#ifndef LKS_BASE_LOG_H
#define LKS_BASE_LOG_H

#include <stdbool.h>

/** Says whether this process prints (rank 0 does). Local. Default: it does. */
void lks_log_enable(bool enabled);

/** One line to standard error, "lockstep: warning: ...". Local. */
void lks_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line to standard error, "lockstep: ...": what takes long begins. Local. */
void lks_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** One line to standard output. Local. */
void lks_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** "lockstep: error: " and the message, to standard error, whether or not this process prints. Local. */
void lks_error_print(const char *message);

#endif
