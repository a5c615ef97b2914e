#ifndef LOCKSTEP_LOG_H
#define LOCKSTEP_LOG_H

#include <stdbool.h>

#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** Local. Says whether this process prints progress, notes and warnings. Until then it does, so a program of
 * several ranks calls it before anything else: lks_log_enable(rank == 0). */
void lks_log_enable(bool enabled);

LKS_PUBLIC_END

#endif
