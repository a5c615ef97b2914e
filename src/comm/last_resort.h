#ifndef LKS_COMM_LAST_RESORT_H
#define LKS_COMM_LAST_RESORT_H

#include "comm/watch_table.h"

/** Local. Leaves a process behind that kills the ranks of this node which are still there some seconds later:
 * MPI's runtime should have ended them, and those that are stopped cannot end themselves. It ends when none is
 * left. */
void lks_last_resort_leave(const lks_watch_table *table);

#endif
