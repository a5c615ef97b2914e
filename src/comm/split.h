#ifndef LKS_COMM_SPLIT_H
#define LKS_COMM_SPLIT_H

#include "lockstep/comm.h"

/* Parts of a job that work side by side, each in a communicator of its own. */

/** Collective over whole. *part: of the ranks that give the same color, in their order; a negative color has none, and gets NULL.
 * Messages name ranks by their number in `whole`. Ended by lks_comm_destroy_all. */
lks_status lks_comm_split_all(lks_comm **part, lks_comm *whole, int color);

/** Local. The number of this rank that messages name: in the communicator that was split, if one was. */
int lks_comm_job_rank(const lks_comm *comm);

/** Local. Ranks of this node that work at the same time: those of all parts. */
int lks_comm_node_ranks(const lks_comm *comm);

/** Local. From here on this rank waits for the ranks of its part alone, and the watch over the ranks looks at each part by
 * itself; part 0: for those of the whole job again. */
void lks_comm_wait_within(int part);

#endif
