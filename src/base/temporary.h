#ifndef LKS_BASE_TEMPORARY_H
#define LKS_BASE_TEMPORARY_H

#include <stddef.h>

/* Names of the files that lks_file_write begins with, NAME.HOST.PID.tmp or NAME.HOST.PID-NUMBER.tmp, and what becomes of those
 * whose writer is gone. Nodes that share a file system can have processes of one number. */

enum { LKS_TEMPORARY_ROOM = 128 }; /* bytes that a name is longer than PATH, with the zero byte */

/** Local. The name for PATH of that number, from 0. */
void lks_temporary_name(char *name, size_t size, const char *path, unsigned number);

/** Local. Removes from a folder the temporary files of processes of this host that are gone, and those of any host that are
 * older than a day. What cannot be removed stays. */
void lks_temporary_tidy(const char *folder);

/** Local. Of these, only those for PATH: what an interrupted work on that file has left. */
void lks_temporary_tidy_file(const char *path);

/** Local. From now on, or no longer, this file is one that lks_temporary_remove_all removes; borrowed meanwhile. Of more
 * than a few at a time the rest are not. */
void lks_temporary_note(const char *name);
void lks_temporary_forget(const char *name);

/** Local, and may be called by a signal handler: of a process that ends here and now. */
void lks_temporary_remove_all(void);

#endif
