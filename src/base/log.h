#ifndef LKS_BASE_LOG_H
#define LKS_BASE_LOG_H

#include "lockstep/log.h"

/** Local. One line to standard error, "lockstep: warning: ...". */
void lks_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. One line to standard error, "lockstep: ...": what takes long begins. */
void lks_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. One line to standard output. */
void lks_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. "lockstep: error: " and the message, to standard error, whether or not this process prints. */
void lks_error_print(const char *message);

#endif
