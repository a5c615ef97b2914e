#ifndef LKS_CHECKPOINT_STATE_BROADCAST_H
#define LKS_CHECKPOINT_STATE_BROADCAST_H

#include "lockstep/comm.h"
#include "lockstep/network.h"
#include "lockstep/optimizer.h"

/** Collective. Gives rank 0's parameters, running statistics and counts, and the optimizer's moments and steps unless it is NULL, to all ranks. */
lks_status lks_state_broadcast_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer);

#endif
