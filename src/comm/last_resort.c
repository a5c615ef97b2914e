#include "comm/last_resort.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/leave.h"
#include "base/process.h"

/* mpirun sends SIGTERM, and SIGKILL after up to 2 seconds. */
enum { GRACE_SECONDS = 10, LOOKS_A_SECOND = 10 };

static void nap(void)
{
  nanosleep(&(struct timespec){.tv_nsec = 1000000000 / LOOKS_A_SECOND}, NULL);
}

static bool any_left(const lks_watch_table *table)
{
  for (int r = 0; r < atomic_load(&table->ranks); r++)
    if (lks_process_is_there(atomic_load(&table->life[r].pid), atomic_load(&table->life[r].born)))
      return true;
  return false;
}

/* Of its own session, and without an open file, so that nobody waits for it or ends it with the others. */
static _Noreturn void stay(const lks_watch_table *table)
{
  setsid();
  prctl(PR_SET_NAME, "lockstep-end");
#ifdef SYS_close_range
  syscall(SYS_close_range, 0U, ~0U, 0U);
#endif
  for (int look = 0; look < GRACE_SECONDS * LOOKS_A_SECOND && any_left(table); look++) nap();
  for (int r = 0; r < atomic_load(&table->ranks); r++)
    lks_process_kill(atomic_load(&table->life[r].pid), atomic_load(&table->life[r].born));
  lks_leave(0);
}

void lks_last_resort_leave(const lks_watch_table *table)
{
  if (fork() == 0) stay(table);
}
