#ifndef LKS_MODEL_ISA_AGREE_H
#define LKS_MODEL_ISA_AGREE_H

#include <stdbool.h>

#include "lockstep/comm.h"
#include "lockstep/settings.h"

/** Collective; choice equal on all ranks. Sets that instruction set on every rank. LKS_ERR_USAGE when a rank lacks
 * it, or when another one was set before. */
lks_status lks_isa_agree_all(lks_comm *comm, lks_isa_choice choice);

/** Collective; name equal on all ranks. Whether lks_isa_agree_all can set the instruction set of that name.
 */
lks_status lks_isa_settable_all(bool *settable, lks_comm *comm, const char *name);

#endif
