#ifndef LKS_CHECKPOINT_VERIFICATION_H
#define LKS_CHECKPOINT_VERIFICATION_H

#include "lockstep/comm.h"
#include "lockstep/network.h"
#include "lockstep/optimizer.h"

/* Every rank computes the same update, so all hold the same bits; a host whose memory or processor fails does not, and
 * nothing else would tell. */

/** Collective. Whether all ranks hold the same parameters, running statistics, moments and counts, to the bit: one hash a
 * tensor, and one small reduction. LKS_ERR_RANK with the message of lks_verification_blame_all otherwise. optimizer may
 * be NULL. */
lks_status lks_verification_check_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer);

/** Collective; for ranks that are known to differ. LKS_ERR_RANK with a message that names the ranks that most others
 * disagree with, their hosts and the first tensor, or says that there is no majority. */
lks_status lks_verification_blame_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer);

#endif
