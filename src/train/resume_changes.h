#ifndef LKS_TRAIN_RESUME_CHANGES_H
#define LKS_TRAIN_RESUME_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/config.h"
#include "train/run_tables.h"

/* What may differ from the settings that a run had when it goes on. Settings of execution, epochs, isa and the place of
 * the data change nothing of what is done already. The learning rate, its schedule and the weight decay may be changed
 * too: what follows is then another run, which is said and written down. All others may not. */

/** Local. LKS_ERR_USAGE, naming the first key that differs and may not. unchanging: the learning rate and its like may
 * not either. */
lks_status lks_resume_changes_check(const lks_config *before, const lks_config *now, bool unchanging);

/** Local. Gives *before what may be changed from `now`, epochs too. Returns whether that changed anything. */
bool lks_resume_changes_take(lks_config *before, const lks_config *now);

/** Local. Says what differs between the settings of the checkpoint at `step` and those of now, and puts it into changes.csv
 * (tables NULL: it does not, as on ranks but 0). Of earlier changes the rows before `step` stay. LKS_ERR_IO, LKS_ERR_RANK. */
lks_status lks_resume_changes_note(lks_run_tables *tables, const lks_config *before, const lks_config *now,
                                   size_t step);

/** Local. LKS_ERR_USAGE if a learning rate or its like differs: for a run that has no step left to take with it. */
lks_status lks_resume_changes_refuse(const lks_config *before, const lks_config *now);

#endif
