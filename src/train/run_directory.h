#ifndef LKS_TRAIN_RUN_DIRECTORY_H
#define LKS_TRAIN_RUN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/config.h"

/** Collective; config equal on all ranks and checked (lks_config_check). Where the run in config->output goes
 * on: *resume_from is its last.h5, "" if it has none yet and the run starts. Checks that config.ini there
 * defines the same run, as lks_run_directory_same does. Writes nothing. */
lks_status lks_run_directory_find_all(lks_comm *comm, const lks_config *config,
                                      char resume_from[LKS_TEXT_MAX + 32]);

/** Collective; the last thing before a run begins or goes on. Settles config->output (rank 0 decides, all
 * learn it), makes the folder and writes config.ini. LKS_ERR_USAGE when the folder already holds a run,
 * unless config->resume. */
lks_status lks_run_directory_open_all(lks_comm *comm, lks_config *config);

/** Local. LKS_ERR_USAGE, naming the first key that differs, unless both define the same run: settings that
 * change no bit, and epochs, may differ. */
lks_status lks_run_directory_same(const lks_config *before, const lks_config *now);

/** Local. PATH of checkpoint-STEP.h5. */
void lks_run_directory_checkpoint(char path[LKS_TEXT_MAX + 64], const lks_config *config, size_t step);

/** Local (rank 0). Points last.h5 at checkpoint-STEP.h5, atomically. */
lks_status lks_run_directory_link(const lks_config *config, size_t step);

/** Local (rank 0). Removes all checkpoints but the config->keep newest ones; none when that is 0. */
lks_status lks_run_directory_prune(const lks_config *config);

#endif
