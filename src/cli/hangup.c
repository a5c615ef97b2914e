#include "cli/hangup.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool was_ignored;

/* As the kernel has it, without a function that sanitizers replace: they have not begun yet. */
__attribute__((no_sanitize("address", "undefined", "thread"))) static void look(void)
{
  static struct {
    void (*handler)(int);
    unsigned long others[15];
  } action;
  was_ignored = syscall(SYS_rt_sigaction, SIGHUP, NULL, &action, 8 /* bytes of a set of signals */) == 0 &&
                action.handler == SIG_IGN;
}

/* What stands here is called before the beginning of any library. */
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) = look;

void lks_hangup_restore(void)
{
  if (was_ignored) signal(SIGHUP, SIG_IGN);
}
