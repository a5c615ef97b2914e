#ifndef LKS_BASE_PROCESS_H
#define LKS_BASE_PROCESS_H

#include <stdbool.h>

/** What the system says of a process; in a forked process that must not allocate as well. */
typedef struct lks_process {
  char state;              /* R runs, S sleeps, D waits for a device, T is stopped, Z is dead */
  unsigned long long born; /* when it was started: tells it from a later one with its number */
} lks_process;

/** Local. False when there is none with this number, or it cannot be asked. */
bool lks_process_look(lks_process *process, int pid);

/** Local. Whether it is stopped, dead or gone, so that it will not come by itself; and that in words, or what
 * else it does. `born`: as it was known to be. */
bool lks_process_is_lost(int pid, unsigned long long born);
const char *lks_process_text(int pid, unsigned long long born);

/** Local. Whether there is no process with this number, or a dead one that its parent has not asked for yet. */
bool lks_process_is_gone(long pid);

/** Local. Whether the process that was started then is there, and not dead. */
bool lks_process_is_there(int pid, unsigned long long born);

/** Local. Sends SIGKILL to the process if it is still the one that was started then; whether it was there. */
bool lks_process_kill(int pid, unsigned long long born);

#endif
