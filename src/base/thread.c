#include "base/thread.h"

#include <signal.h>

int lks_thread_start(pthread_t *thread, void *(*function)(void *argument), void *argument)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, NULL, function, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}
