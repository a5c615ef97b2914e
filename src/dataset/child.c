#include "dataset/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

/* Shared with the child, which cannot return anything else than an exit code. */
typedef struct lks_verdict {
  bool finished;
  lks_status status;
  char message[1024];
} lks_verdict;

struct lks_child {
  pid_t pid; /* 0 once it has been waited for */
  int input;
  lks_verdict *verdict;
  lks_status status;
};

/* MPI's and our own handlers stay behind: a crash ends the child at once, without a core file or a second
 * report. */
static void settle_in(unsigned cpu_seconds)
{
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  setrlimit(RLIMIT_CPU, &(struct rlimit){cpu_seconds, cpu_seconds + 1});
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
}

static _Noreturn void live(lks_verdict *verdict, int output, lks_child_function function,
                           const void *argument, unsigned cpu_seconds)
{
  settle_in(cpu_seconds);
  verdict->status = function(output, argument);
  strncpy(verdict->message, lks_message(), sizeof verdict->message - 1);
  verdict->finished = true;
  _exit(0); /* no handlers of exit: they are the parent's, and so is what stands in its output buffers */
}

static lks_child *create(void)
{
  lks_child *child = lks_new(1, sizeof *child);
  if (!child) return NULL;
  child->input = -1;
  void *page = mmap(NULL, sizeof(lks_verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) {
    child->verdict = page;
    return child;
  }
  lks_fail(LKS_ERR_RANK, "no memory is left to share with a reading process: %s", strerror(errno));
  lks_free(child);
  return NULL;
}

/* No handler of ours may run in the child before it has put them off. */
static pid_t fork_quietly(void)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}

lks_status lks_child_start(lks_child **child, lks_child_function function, const void *argument,
                           unsigned cpu_seconds)
{
  int ends[2] = {-1, -1}, error = 0;
  lks_child *made = *child = create();
  if (!made) return LKS_ERR_RANK;
  if (pipe2(ends, O_CLOEXEC) != 0) error = errno;
  made->input = ends[0];
  if (!error) {
    made->pid = fork_quietly();
    if (made->pid == 0) live(made->verdict, ends[1], function, argument, cpu_seconds);
    if (made->pid < 0) error = errno;
    close(ends[1]);
  }
  if (!error) return LKS_OK;
  made->pid = 0;
  lks_child_destroy(child);
  return lks_fail(LKS_ERR_RANK, "a reading process cannot be started: %s; raise the limits (ulimit -u, -n)",
                  strerror(error));
}

static lks_status judge(const lks_verdict *verdict, int how)
{
  if (verdict->finished && verdict->status == LKS_OK) return LKS_OK;
  if (verdict->finished) return lks_fail(verdict->status, "%.1000s", verdict->message);
  int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
  if (number == SIGXCPU)
    return lks_fail(LKS_ERR_DATA,
                    "damaged: the HDF5 library does not come to an end with it; copy or make it again");
  if (number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGHUP)
    return lks_fail(LKS_ERR_IO, "its reading process was ended by signal %d (%s); is memory short?", number,
                    strsignal(number));
  return lks_fail(LKS_ERR_DATA, "damaged: the HDF5 library crashes on it; copy or make it again");
}

lks_status lks_child_finish(lks_child *child)
{
  if (child->pid) {
    int how = 0;
    while (waitpid(child->pid, &how, 0) < 0 && errno == EINTR) continue;
    child->pid = 0;
    child->status = judge(child->verdict, how);
  }
  return child->status;
}

lks_status lks_child_receive(lks_child *child, void *data, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    ssize_t got = read(child->input, (char *)data + done, bytes - done);
    if (got > 0)
      done += (size_t)got;
    else if (got == 0 || errno != EINTR) {
      lks_status status = lks_child_finish(child);
      return status ? status
                    : lks_fail(LKS_ERR_DATA, "damaged: it holds less than it says; copy or make it again");
    }
  }
  return LKS_OK;
}

void lks_child_destroy(lks_child **child)
{
  if (!*child) return;
  if ((*child)->pid) {
    kill((*child)->pid, SIGKILL);
    while (waitpid((*child)->pid, NULL, 0) < 0 && errno == EINTR) continue;
  }
  if ((*child)->input >= 0) close((*child)->input);
  if ((*child)->verdict) munmap((*child)->verdict, sizeof(lks_verdict));
  lks_free(*child);
  *child = NULL;
}

lks_status lks_child_send(int output, const void *data, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    ssize_t put = write(output, (const char *)data + done, bytes - done);
    if (put < 0 && errno != EINTR) return lks_fail(LKS_ERR_IO, "cannot be handed on: %s", strerror(errno));
    if (put > 0) done += (size_t)put;
  }
  return LKS_OK;
}
