#include "base/stop_request.h"
#include "lockstep/trainer.h"

#include <signal.h>

/* SIGUSR1 is what schedulers and mpirun hand on without killing anybody, so there is time to finish the step.
 * After the others somebody kills soon: mpirun a second after SIGTERM or Ctrl-C. */
static void request(int number)
{
  lks_stop_ask(number == SIGUSR1 ? LKS_STOP_AFTER_STEP : LKS_STOP_AT_ONCE);
}

/* MPI's sockets may break too, which MPI notices. */
static void notice_broken_pipe(int number)
{
  if (lks_stop_output_is_broken()) request(number);
}

static void install(int number, void (*handler)(int))
{
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
  struct sigaction action;
  return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* nohup has SIGHUP ignored, and means it. Installed once more after MPI's start, which may have changed that. */
void lks_stop_handlers_install(void)
{
  static bool known, ignores_hangup;
  if (!known) ignores_hangup = is_ignored(SIGHUP);
  known = true;
  install(SIGUSR1, request);
  install(SIGTERM, request);
  install(SIGINT, request);
  install(SIGHUP, ignores_hangup ? SIG_IGN : request);
  install(SIGPIPE, notice_broken_pipe);
}
