#ifndef LKS_MODEL_ISA_AGREE_H
#define LKS_MODEL_ISA_AGREE_H

#include <stdbool.h>

#include "lockstep/comm.h"

/** Collective; name equal on all ranks. Sets the instruction set of that name on every rank. "auto" or NULL:
 * the one set before, in a process that works already, else the best that all ranks have. LKS_ERR_USAGE when
 * a rank lacks it, or when another one was set before. */
lks_status lks_isa_agree_all(lks_comm *comm, const char *name);

/** Collective; name equal on all ranks. Whether lks_isa_agree_all can set the instruction set of that name.
 */
lks_status lks_isa_settable_all(bool *settable, lks_comm *comm, const char *name);

#endif
