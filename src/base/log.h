#ifndef LKS_BASE_LOG_H
#define LKS_BASE_LOG_H

#include <stdbool.h>

#include "lockstep/log.h"

/** Local. From now on lks_note and lks_say print nothing: what remains are results, warnings and errors. */
void lks_log_quiet(bool silent);
bool lks_log_is_quiet(void);

/** Local. One line to standard error, "lockstep: warning: ...". */
void lks_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. From now on what this process warns of goes to `take`, which any thread may call, and not to standard error, whether or
 * not it prints; NULL: as before. */
void lks_log_divert(void (*take)(void *context, const char *text), void *context);

/** Local. One line to standard error, "lockstep: ...": what takes long begins. */
void lks_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. One line or several to standard output: what is done. On a terminal they are laid out for its width. */
void lks_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. The same for what a command was started to learn. */
void lks_result(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Local. "lockstep: error: " and the message, to standard error, whether or not this process prints. */
void lks_error_print(const char *message);

#endif
