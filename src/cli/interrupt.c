#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/temporary.h"

/* The signal has its own way again (SA_RESETHAND), and waits until this returns. */
static void leave(int number)
{
  lks_temporary_remove_all();
  raise(number);
}

void lks_interrupt_handlers_install(void)
{
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction action;
    if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = (struct sigaction){.sa_handler = leave, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(signals[i], &action, NULL);
  }
}
