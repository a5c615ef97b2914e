#include "base/stop_request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

atomic_int lks_stop_asked = LKS_STOP_NONE;

static atomic_bool speaks;
static atomic_int said = LKS_STOP_NONE;

/* One call of write, which a signal handler may make. */
static void say(int request)
{
  const char *text = request == LKS_STOP_AT_ONCE ? "lockstep: stopping...\n"
                                                 : "lockstep: stopping after the step under way...\n";
  const int error = errno;
  if (write(STDERR_FILENO, text, strlen(text)) < 0) errno = 0; /* then nobody wants to know */
  errno = error;
}

static void say_once(int request)
{
  int before = atomic_load(&said);
  while (before < request && !atomic_compare_exchange_weak(&said, &before, request)) continue;
  if (before < request) say(request);
}

void lks_stop_ask(lks_stop_request request)
{
  int before = atomic_load(&lks_stop_asked);
  while (before < (int)request && !atomic_compare_exchange_weak(&lks_stop_asked, &before, (int)request))
    continue;
  if (atomic_load(&speaks)) say_once((int)request);
}

void lks_stop_speak(bool speak)
{
  atomic_store(&speaks, speak);
  if (speak) say_once(atomic_load(&lks_stop_asked));
}

bool lks_stop_output_is_broken(void)
{
  struct pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  const int error = errno;
  const bool broken = poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
  errno = error;
  return broken;
}
