#ifndef LOCKSTEP_FORK_SERVER_H
#define LOCKSTEP_FORK_SERVER_H

#include "lockstep/public.h"
#include "lockstep/status.h"

LKS_PUBLIC_BEGIN

/* HDF5 files are read in processes of their own, so that a damaged file cannot end a rank. The fork server is
 * the process that starts those. That it exists is no affair of a program that uses the library, but for one
 * thing, which only main can do: to start it before MPI_Init, and to end it after MPI_Finalize. */

/** Local. Forks the process that will start the processes which read HDF5 files. Called before MPI_Init, and
 * before there are threads: a process with threads, or with memory that a network card writes into, should
 * not be forked. Does nothing if there is one, or if the launcher's environment says that another process of
 * this node is the first, which reads for all; without this call the first file that is read makes it. It ends
 * with this process, whatever ends that. LKS_ERR_RANK when no process can be made. */
lks_status lks_fork_server_start(void);

/** Local. Ends it and waits for its end; nothing may be read from a file meanwhile. */
void lks_fork_server_stop(void);

LKS_PUBLIC_END

#endif
