#ifndef LKS_TRAIN_JOB_H
#define LKS_TRAIN_JOB_H

#include "lockstep/comm.h"
#include "lockstep/config.h"

/* The batch job that a run is part of, as Slurm's environment describes it, and where its ranks stand. */

/** Collective. One line: job, array task, restarts and nodes, and the processors that each rank is bound to.
 */
lks_status lks_job_describe_all(char text[LKS_TEXT_MAX], lks_comm *comm);

/** Collective; threads: of one rank. Warnings about a start gone wrong (rank 0 prints): other ranks than the
 * job has tasks, more threads than cores, ranks that span memory nodes. */
lks_status lks_job_warn_all(lks_comm *comm, int threads);

/** Local. Seconds until the job's time limit; INFINITY when there is none, or nobody knows. Asks Slurm once
 * in a process (squeue, or the program that LOCKSTEP_SQUEUE names), and not for long: for one rank alone. */
double lks_job_seconds_left(void);

/** Local. Seconds of a time as squeue prints it: DAYS-HH:MM:SS, or less of it; INFINITY for any other text,
 * such as UNLIMITED. */
double lks_job_time_read(const char *text);

#endif
