#ifndef LKS_COMM_WATCH_TABLE_H
#define LKS_COMM_WATCH_TABLE_H

#include <stdbool.h>

#include "base/life.h"
#include "comm/communicator.h"

/** The signs of life of all ranks of a node. */
typedef struct lks_watch_table {
  atomic_int spoken; /* one of its ranks has given the job up */
  atomic_int ranks;
  atomic_bool whole; /* there are no other nodes */
  lks_life life[];
} lks_watch_table;

/** Local. That of this node; NULL: the ranks do not share one (yet). It stays until the process ends. */
lks_watch_table *lks_watch_table_of_node(void);

/** Collective over the ranks of a node. Makes the table and moves the signs of life into it. Without memory
 * for it, or where the ranks of a node cannot see each other's processes, there is none. LKS_ERR_RANK: MPI
 * failed. */
lks_status lks_watch_table_share_all(lks_comm *comm);

/** Local. Writes down who this process is. */
void lks_watch_table_introduce(lks_life *life, int rank);

#endif
