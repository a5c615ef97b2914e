#include "train/stop.h"

#include "lockstep/trainer.h"

#include <signal.h>

static volatile sig_atomic_t requested;

static void request(int number)
{
  (void)number;
  requested = 1;
}

void lks_stop_handlers_install(void)
{
  struct sigaction action = {.sa_handler = request, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
}

bool lks_stop_requested(void)
{
  return requested;
}
