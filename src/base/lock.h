#ifndef LKS_BASE_LOCK_H
#define LKS_BASE_LOCK_H

#include "lockstep/status.h"

/** A folder that one process at a time writes into. The file FOLDER/NAME says who: host, process, batch job, and
 * since when. The system lets go of it when the process ends, however it ends; processes that it starts do not
 * hold it. */
typedef struct lks_lock lks_lock;

/** Local. Waits at most `patience` seconds for another holder. LKS_ERR_USAGE, with *lock NULL, when somebody else
 * has it, and the message names them; LKS_ERR_IO when the file cannot be opened. What a process left that is gone
 * is taken over, with a warning if that was on another host. Where the file system has no locks, which is warned
 * of once, the file's text alone keeps others out. */
lks_status lks_lock_take(lks_lock **lock, const char *folder, const char *name, double patience);

/** Local. Removes the file. Takes NULL, sets NULL. */
void lks_lock_release(lks_lock **lock);

#endif
