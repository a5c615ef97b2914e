#ifndef LKS_TRAIN_LAUNCH_H
#define LKS_TRAIN_LAUNCH_H

#include <stdbool.h>

#include "lockstep/status.h"

/* How this process was started, as the variables of launchers tell. Where the launcher and the MPI library do not
 * understand each other, each process takes itself for a run of one rank. */

enum { LKS_LAUNCHERS = 3 };

typedef struct lks_launch {
  /* How many a kind of mpirun or mpiexec says it has started, and tasks as Slurm has it; 0: nothing is said. */
  long processes[LKS_LAUNCHERS], step_tasks, job_tasks;
} lks_launch;

/** Local; before MPI_Init, which sets such variables itself. */
lks_launch lks_launch_read(void);

/** Local. LKS_ERR_USAGE when more processes were started than the `size` that MPI knows of. mpi: the library, for
 * the message; alone: one process in a batch job of several tasks is all right, for it writes into no directory. */
lks_status lks_launch_check(const lks_launch *launch, int size, const char *mpi, bool alone);

#endif
