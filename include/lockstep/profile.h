#ifndef LOCKSTEP_PROFILE_H
#define LOCKSTEP_PROFILE_H

#include <stddef.h>

#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** The parts of a run whose time is told apart, on the main thread of a rank. */
typedef enum lks_part {
  LKS_PART_DATA,
  LKS_PART_FORWARD,
  LKS_PART_BACKWARD,
  LKS_PART_OPTIMIZER,
  LKS_PART_BN_COMM,
  LKS_PART_GRADIENT_COMM,
  LKS_PART_STEP_COMM,
  LKS_PART_EVALUATION,
  LKS_PART_CHECKPOINT,
  LKS_PART_OTHER,
  LKS_PARTS
} lks_part;

/** A stack-like stopwatch: entering a part stops the one before it and leaving resumes that, so the parts add
 * up to the whole and a reduction inside the forward pass is not counted twice. */
typedef struct lks_profile {
  double seconds[LKS_PARTS];
  size_t calls[LKS_PARTS];
  lks_part stack[16];
  int depth;
  double since;
} lks_profile;

/** Local. Seconds since some fixed moment, monotonic. */
double lks_seconds(void);

/** Local. Books the time that passes to one part at a time. */
void lks_profile_start(lks_profile *profile);                /* zeroes; LKS_PART_OTHER runs */
void lks_profile_enter(lks_profile *profile, lks_part part); /* takes NULL: does nothing */
void lks_profile_leave(lks_profile *profile);
void lks_profile_settle(lks_profile *profile); /* books the time of the running part up to now */

/** Local. "batch-norm communication" and so on. */
const char *lks_part_name(lks_part part);

LKS_PUBLIC_END

#endif
