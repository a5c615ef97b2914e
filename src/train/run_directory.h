#ifndef LKS_TRAIN_RUN_DIRECTORY_H
#define LKS_TRAIN_RUN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/config.h"

/** Collective; config equal on all ranks and checked (lks_config_check). Whether the run in config->output can go
 * on, or start there if there is none yet: config.ini there must define the same run, as lks_run_directory_same
 * says. Writes nothing. */
lks_status lks_run_directory_find_all(lks_comm *comm, const lks_config *config);

/** Collective; the last thing before a run begins or goes on. Settles config->output (rank 0 decides, all
 * learn it), makes the folder and writes config.ini. LKS_ERR_USAGE when the folder already holds a run,
 * unless config->resume. */
lks_status lks_run_directory_open_all(lks_comm *comm, lks_config *config);

/** Local. LKS_ERR_USAGE, naming the first key that differs, unless both define the same run: settings that
 * change no bit, and epochs, may differ. */
lks_status lks_run_directory_same(const lks_config *before, const lks_config *now);

#endif
