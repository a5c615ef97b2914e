#ifndef LKS_TRAIN_RUN_DIRECTORY_H
#define LKS_TRAIN_RUN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/lock.h"
#include "lockstep/comm.h"
#include "lockstep/config.h"

/** Collective; config equal on all ranks and checked (lks_config_check). Whether the run in config->output can go
 * on, or start there if there is none yet: config.ini there must define the same run, as lks_resume_changes_check
 * says. Writes nothing but the lock: a directory that holds a run is locked from here on (*lock, on rank 0), so that
 * what is read there is the newest. */
lks_status lks_run_directory_find_all(lks_comm *comm, const lks_config *config, bool unchanging,
                                      lks_lock **lock);

/** Collective; the last thing before a run begins or goes on. Settles config->output (rank 0 decides, all
 * learn it), makes the folder, locks it (*lock, on rank 0) and writes config.ini. *lock is NULL, or what
 * lks_run_directory_find_all has locked to go on there. LKS_ERR_USAGE when another process writes into the folder,
 * or it already holds a run that is not gone on with. */
lks_status lks_run_directory_open_all(lks_comm *comm, lks_config *config, lks_lock **lock);

#endif
