#ifndef LKS_COMM_STALL_WATCH_H
#define LKS_COMM_STALL_WATCH_H

/** Local. Begins to watch over this process and the others of its node, before MPI_Init as well, with a limit
 * in seconds; 0: nobody watches. A program calls it once; lks_comm_stall_limit changes the limit. */
void lks_stall_watch_start(double seconds);

/** Local, after MPI_Finalize. Waits until all ranks of this node have come as far, for the time of the limit:
 * nobody else would notice one that is missing. */
void lks_stall_watch_end(void);

#endif
