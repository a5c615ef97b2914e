#ifndef LKS_TRAIN_TIME_TABLE_H
#define LKS_TRAIN_TIME_TABLE_H

#include "lockstep/comm.h"
#include "lockstep/profile.h"

/** Collective. Rank 0 prints what each part of a run took: minimum, average and maximum over the ranks, the
 * share of the whole, and what the reductions carried. */
lks_status lks_time_table_print_all(lks_comm *comm, const lks_profile *profile);

#endif
