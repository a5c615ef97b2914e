#ifndef LKS_COMPARE_SHARED_FOLDER_H
#define LKS_COMPARE_SHARED_FOLDER_H

#include "lockstep/comm.h"

/** Collective. Whether all hosts see the folder in which rank 0 writes, and not one of their own by that name: LKS_OK, or
 * LKS_ERR_USAGE with the name of one that does not. LKS_ERR_IO when rank 0 cannot write there. */
lks_status lks_folder_is_shared_all(lks_comm *comm, const char *folder);

#endif
