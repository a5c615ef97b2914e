#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/leave.h"
#include "base/log.h"
#include "comm/communicator.h"

/* A thread that ends the program when this rank has been inside one collective call for too long. It never
 * calls MPI.
 *
 * Only one rank shall speak. mpirun ends the others when the first one leaves, by SIGTERM, which a training
 * rank takes for a request to save and stop, and up to 2 seconds later by SIGKILL; so rank r waits r *
 * STAGGER seconds longer than rank 0. Time is counted in naps and not read from a clock: a process that was
 * itself stopped has slept through no more than one nap, and blames nobody when it is woken. */
#define NAP 0.1
#define STAGGER 4.0

struct lks_stall_watch {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool quit;
  double limit;
  const lks_comm *comm; /* borrowed */
};

static void give_up(const lks_comm *comm, const char *operation, double limit)
{
  char message[1024];
  snprintf(
      message, sizeof message,
      "rank %d on %s waited %g seconds for the other ranks in %s: a rank failed or stalled; look for a host that is down, overloaded or out of memory",
      comm->rank, comm->host, limit, operation);
  lks_error_print(message);
  lks_leave(LKS_ERR_RANK);
}

static void nap(lks_stall_watch *watch)
{
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(NAP * 1e9);
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&watch->wake, &watch->lock, &until);
}

static void *watch_over(void *argument)
{
  lks_stall_watch *watch = argument;
  const lks_comm *comm = watch->comm;
  double patience = watch->limit + STAGGER * comm->rank, waited = 0;
  unsigned long last = 0;
  pthread_mutex_lock(&watch->lock);
  while (!watch->quit) {
    nap(watch);
    const char *operation = atomic_load_explicit(&comm->waiting, memory_order_acquire);
    unsigned long entered = atomic_load_explicit(&comm->entered, memory_order_relaxed);
    waited = operation != NULL && entered == last ? waited + NAP : 0;
    last = entered;
    if (waited > patience) give_up(comm, operation, watch->limit);
  }
  pthread_mutex_unlock(&watch->lock);
  return NULL;
}

static void stop(lks_stall_watch *watch)
{
  pthread_mutex_lock(&watch->lock);
  watch->quit = true;
  pthread_cond_signal(&watch->wake);
  pthread_mutex_unlock(&watch->lock);
  pthread_join(watch->thread, NULL);
  pthread_cond_destroy(&watch->wake);
  pthread_mutex_destroy(&watch->lock);
  lks_free(watch);
}

/* The thread is started with all signals blocked: they belong to the main thread. */
static int start_thread(lks_stall_watch *watch)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&watch->thread, NULL, watch_over, watch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

void lks_comm_stall_limit(lks_comm *comm, double seconds)
{
  if (comm->watch != NULL) stop(comm->watch);
  comm->watch = NULL;
  if (!(seconds > 0)) return;
  lks_stall_watch *watch = lks_new(1, sizeof *watch);
  if (watch == NULL) {
    lks_warn("no stall limit: %s", lks_message());
    return;
  }
  watch->comm = comm;
  watch->limit = seconds;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&watch->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&watch->lock, NULL);
  if (start_thread(watch) == 0) {
    comm->watch = watch;
    return;
  }
  lks_warn("no stall limit: the system starts no more threads");
  pthread_cond_destroy(&watch->wake);
  pthread_mutex_destroy(&watch->lock);
  lks_free(watch);
}
