#ifndef LKS_TRAIN_RUN_DIRECTORY_H
#define LKS_TRAIN_RUN_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/config.h"

/** Collective; config equal on all ranks and checked (lks_config_check). Settles config->output (rank 0
 * decides, all learn it), makes the folder and writes config.ini. A folder that already holds a run is never
 * written to, LKS_ERR_USAGE, unless config->resume: then *resume_from is its last.h5 (or "" if it has none
 * yet: the run starts), after checking that config.ini there defines the same run (LKS_ERR_USAGE naming the
 * first key that differs; settings that change no bit, and epochs, may differ). */
lks_status lks_run_directory_open_all(lks_comm *comm, lks_config *config,
                                      char resume_from[LKS_TEXT_MAX + 32]);

/** Local. PATH of checkpoint-STEP.h5. */
void lks_run_directory_checkpoint(char path[LKS_TEXT_MAX + 64], const lks_config *config, size_t step);

/** Local (rank 0). Points last.h5 at checkpoint-STEP.h5, atomically. */
lks_status lks_run_directory_link(const lks_config *config, size_t step);

#endif
