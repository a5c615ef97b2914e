#ifndef LKS_BASE_STOP_REQUEST_H
#define LKS_BASE_STOP_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>

/** What this process was asked for; the higher includes the lower. */
typedef enum lks_stop_request {
  LKS_STOP_NONE,
  LKS_STOP_AFTER_STEP, /* finish the step under way, and write a checkpoint */
  LKS_STOP_AT_ONCE     /* give the step under way up, and write a checkpoint of the state before it */
} lks_stop_request;

extern atomic_int lks_stop_asked;

/** Local, and may be called by a signal handler. Asks; a lower request than there is already changes nothing. */
void lks_stop_ask(lks_stop_request request);

/** Local. Whether this process is the one that says on standard error, from the signal handler, what it was
 * asked for; and at once, if it was asked before. */
void lks_stop_speak(bool speak);

/** Local. Whether anything has asked this process to stop. */
static inline bool lks_stop_requested(void)
{
  return atomic_load_explicit(&lks_stop_asked, memory_order_relaxed) != LKS_STOP_NONE;
}

/** Local, and may be called by any thread. Whether the work under way is to be given up. */
static inline bool lks_stop_at_once(void)
{
  return atomic_load_explicit(&lks_stop_asked, memory_order_relaxed) == LKS_STOP_AT_ONCE;
}

/** Local, and may be called by a signal handler. Whether nobody reads standard output any more. */
bool lks_stop_output_is_broken(void);

#endif
