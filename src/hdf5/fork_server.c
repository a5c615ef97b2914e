#include "hdf5/fork_server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/leave.h"
#include "hdf5/first_of_node.h"

/* The server has one thread for ever, so it and what it forks may allocate memory. A task gets two processes:
 * a keeper, which waits for the other and kills it when nobody wants it any more, and the worker. */

static struct {
  pid_t pid; /* 0: there is none */
  int socket;
} server;

typedef union descriptor_space {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int[LKS_FORK_DESCRIPTORS]))];
} descriptor_space;

static struct msghdr task_message(struct iovec *body, lks_fork_task *task, descriptor_space *space)
{
  *body = (struct iovec){task, sizeof *task};
  memset(space, 0, sizeof *space);
  return (struct msghdr){
      .msg_iov = body, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof *space};
}

/* The new process begins with all signals blocked: a signal handler of the program must not run in it before
 * settle_in has put the default handlers in place. */
static pid_t fork_quietly(void)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, NULL);
  return pid;
}

/* Handlers and open files stay with the program. Signals to the whole group are its affair too: it decides
 * when to end, and all that hangs on it ends then. */
static void settle_in(int socket)
{
  static const int not_ours[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD};
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  for (size_t i = 0; i < sizeof not_ours / sizeof *not_ours; i++) signal(not_ours[i], SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  prctl(PR_SET_NAME, "lockstep-reader");
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  const int nowhere = open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3 && nowhere >= 0; standard++) dup2(nowhere, standard);
  DIR *open_files = opendir("/proc/self/fd");
  for (struct dirent *entry; open_files && (entry = readdir(open_files));) {
    const int file = (int)strtol(entry->d_name, NULL, 10);
    if (file > STDERR_FILENO && file != socket && file != dirfd(open_files)) close(file);
  }
  if (open_files) closedir(open_files);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

/* So much address space beyond what is in use. A sanitizer's shadow of the memory leaves no sense to a limit. */
static void limit_memory(size_t bytes)
{
#ifdef SANITIZED
  (void)bytes;
#else
  struct rlimit limit;
  char pages[32] = "";
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? -1 : read(file, pages, sizeof pages - 1);
  if (file >= 0) close(file);
  if (got <= 0 || getrlimit(RLIMIT_AS, &limit) != 0) return;
  const rlim_t wanted = strtoul(pages, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + bytes;
  if (wanted < limit.rlim_cur) limit.rlim_cur = wanted;
  setrlimit(RLIMIT_AS, &limit);
#endif
}

static _Noreturn void work(const lks_fork_task *task, const int descriptor[])
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CPU, &(struct rlimit){task->limits.cpu_seconds, task->limits.cpu_seconds + 1});
  lks_fork_memory *memory = mmap(NULL, sizeof *memory + task->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                                 descriptor[LKS_FORK_MEMORY], 0);
  if (memory == MAP_FAILED || fchdir(descriptor[LKS_FORK_FOLDER]) != 0) raise(SIGKILL);
  limit_memory(task->limits.memory);
  memory->status = task->function(descriptor[LKS_FORK_OUTPUT], memory->argument, task->bytes);
  strncpy(memory->message, lks_message(), sizeof memory->message - 1);
  memory->finished = true;
  lks_leave(0);
}

static void tell(int control, lks_fork_end end)
{
  send(control, &end, sizeof end, MSG_NOSIGNAL);
}

static _Noreturn void keep(const lks_fork_task *task, const int descriptor[])
{
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  const int control = descriptor[LKS_FORK_CONTROL];
  struct pollfd watched[] = {{control, POLLIN, 0}, {signalfd(-1, &ends, SFD_CLOEXEC), POLLIN, 0}};
  const pid_t worker = watched[1].fd < 0 ? -1 : fork();
  if (worker == 0) work(task, descriptor);
  lks_fork_end end = {.error = worker < 0 ? errno : 0};
  close(descriptor[LKS_FORK_OUTPUT]); /* the worker's end is the end of its output */
  while (worker > 0 && poll(watched, 2, -1) < 0 && errno == EINTR) continue;
  if (worker > 0 && watched[0].revents) kill(worker, SIGKILL);
  while (worker > 0 && waitpid(worker, &end.how, 0) < 0 && errno == EINTR) continue;
  tell(control, end);
  lks_leave(0);
}

static bool next_task(int socket, lks_fork_task *task, int descriptor[])
{
  struct iovec body;
  descriptor_space space;
  struct msghdr message = task_message(&body, task, &space);
  ssize_t got;
  while ((got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
  const struct cmsghdr *attached = CMSG_FIRSTHDR(&message);
  if (got != sizeof *task || !attached || attached->cmsg_len != CMSG_LEN(sizeof(int[LKS_FORK_DESCRIPTORS])))
    return false;
  memcpy(descriptor, CMSG_DATA(attached), sizeof(int[LKS_FORK_DESCRIPTORS]));
  return true;
}

static _Noreturn void serve(int socket)
{
  lks_fork_task task;
  int descriptor[LKS_FORK_DESCRIPTORS];
  settle_in(socket);
  while (next_task(socket, &task, descriptor)) {
    const pid_t keeper = fork();
    if (keeper == 0) {
      close(socket);
      keep(&task, descriptor);
    }
    if (keeper < 0) tell(descriptor[LKS_FORK_CONTROL], (lks_fork_end){.error = errno});
    for (int i = 0; i < LKS_FORK_DESCRIPTORS; i++) close(descriptor[i]);
  }
  lks_leave(0);
}

lks_status lks_fork_server_fail(int error)
{
  return lks_fail(LKS_ERR_RANK,
                  "a process to read files cannot be started: %s; raise the limits (ulimit -n, -u, -v)",
                  strerror(error));
}

static lks_status start(void)
{
  if (server.pid) return LKS_OK;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return lks_fork_server_fail(errno);
  const pid_t pid = fork_quietly();
  if (pid == 0) serve(ends[1]);
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return lks_fork_server_fail(error);
  }
  server.pid = pid;
  server.socket = ends[0];
  return LKS_OK;
}

lks_status lks_fork_server_start(void)
{
  return lks_first_of_node() ? start() : LKS_OK;
}

void lks_fork_server_stop(void)
{
  if (!server.pid) return;
  close(server.socket);
  while (waitpid(server.pid, NULL, 0) < 0 && errno == EINTR) continue;
  server.pid = 0;
}

lks_status lks_fork_server_send(const lks_fork_task *task, const int descriptor[LKS_FORK_DESCRIPTORS])
{
  lks_status status = start();
  if (status) return status;
  lks_fork_task copy = *task;
  struct iovec body;
  descriptor_space space;
  struct msghdr message = task_message(&body, &copy, &space);
  struct cmsghdr *attached = CMSG_FIRSTHDR(&message);
  attached->cmsg_level = SOL_SOCKET;
  attached->cmsg_type = SCM_RIGHTS;
  attached->cmsg_len = CMSG_LEN(sizeof(int[LKS_FORK_DESCRIPTORS]));
  memcpy(CMSG_DATA(attached), descriptor, sizeof(int[LKS_FORK_DESCRIPTORS]));
  ssize_t sent;
  while ((sent = sendmsg(server.socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
  if (sent == sizeof copy) return LKS_OK;
  return lks_fail(LKS_ERR_RANK, "the process that starts others to read files is gone: %s; is memory short?",
                  strerror(errno));
}
