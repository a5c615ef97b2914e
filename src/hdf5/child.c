#include "hdf5/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/life.h"
#include "hdf5/fork_server.h"
#include "lockstep/profile.h"

struct lks_child {
  int input, control;
  bool ended;
  lks_status status; /* once it has ended */
  unsigned silent_seconds;
  size_t bytes; /* of memory */
  lks_fork_memory *memory;
};

enum { CPU_SECONDS = 10, SILENT_SECONDS = 120, MEMORY = 512 << 20, COPIES = 4 };

/* A megabyte a second is far below what the library needs, and far above what a loop without end does. */
lks_child_limits lks_child_limits_for(size_t file_bytes)
{
  const unsigned megabytes = (unsigned)(file_bytes >> 20);
  return (lks_child_limits){CPU_SECONDS + megabytes, SILENT_SECONDS + megabytes,
                            MEMORY + COPIES * file_bytes};
}

static int share(lks_child *child, const void *argument, size_t bytes)
{
  const int file = memfd_create("lockstep-reader", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, (off_t)child->bytes) != 0) return file;
  void *memory = mmap(NULL, child->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return file;
  child->memory = memory;
  if (bytes > 0) memcpy(child->memory->argument, argument, bytes);
  return file;
}

static void close_if_open(int descriptor)
{
  if (descriptor >= 0) close(descriptor);
}

/* Opens both sides of what ties the processes together; false with errno when something failed. */
static bool tie(lks_child *child, int descriptor[], const void *argument, size_t bytes)
{
  int control[2] = {-1, -1}, output[2] = {-1, -1};
  child->bytes = sizeof *child->memory + bytes;
  descriptor[LKS_FORK_MEMORY] = share(child, argument, bytes);
  descriptor[LKS_FORK_FOLDER] = child->memory ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  const bool tied = descriptor[LKS_FORK_FOLDER] >= 0 &&
                    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) == 0 &&
                    pipe2(output, O_CLOEXEC) == 0;
  child->control = control[0];
  descriptor[LKS_FORK_CONTROL] = control[1];
  child->input = output[0];
  descriptor[LKS_FORK_OUTPUT] = output[1];
  return tied;
}

lks_status lks_child_start(lks_child **child, lks_child_function function, const void *argument, size_t bytes,
                           const lks_child_limits *limits)
{
  lks_child *made = *child = lks_new(1, sizeof *made);
  if (!made) return LKS_ERR_RANK;
  made->silent_seconds = limits->silent_seconds;
  int descriptor[LKS_FORK_DESCRIPTORS];
  lks_status status = tie(made, descriptor, argument, bytes) ? LKS_OK : lks_fork_server_fail(errno);
  if (!status) status = lks_fork_server_send(&(lks_fork_task){function, bytes, *limits}, descriptor);
  for (int i = 0; i < LKS_FORK_DESCRIPTORS; i++) close_if_open(descriptor[i]);
  made->ended = status != LKS_OK;
  if (status) lks_child_destroy(child);
  return status;
}

static lks_status judge(const lks_fork_memory *memory, int how)
{
  if (memory->finished && !memory->status) return LKS_OK;
  if (memory->finished) return lks_fail(memory->status, "%.1000s", memory->message);
  int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
  if (number == SIGXCPU)
    return lks_fail(LKS_ERR_DATA,
                    "damaged: the HDF5 library never finishes reading it; copy or make it again");
  if (number == SIGKILL)
    return lks_fail(LKS_ERR_IO, "its reading process was ended by signal %d (%s); is memory short?", number,
                    strsignal(number));
  return lks_fail(LKS_ERR_DATA, "damaged: the HDF5 library crashes on it; copy or make it again");
}

/* Whether something can be read, or never will be, before the child has been silent for too long. */
static bool await_sign(const lks_child *child, int from)
{
  struct pollfd watched = {from, POLLIN, 0};
  const double until = lks_seconds() + child->silent_seconds;
  double left = child->silent_seconds;
  while (left > 0) {
    const int found = poll(&watched, 1, left < 1e6 ? (int)(1000 * left) + 1 : 1000000000);
    if (found > 0 || (found < 0 && errno != EINTR)) return true;
    left = until - lks_seconds();
  }
  return false;
}

/* Its keeper kills it; its end is not waited for, for a file system that does not answer may delay it. */
static lks_status give_up(lks_child *child)
{
  shutdown(child->control, SHUT_WR);
  child->ended = true;
  child->status = LKS_ERR_IO;
  return lks_fail(
      LKS_ERR_IO,
      "its reading process gave no sign of life for %u seconds; does the file system answer? Try again, or copy the file to another one",
      child->silent_seconds);
}

/* Without a word about its end, the process that would have told was ended itself. */
static lks_status await_end(lks_child *child)
{
  lks_fork_end end;
  ssize_t got;
  if (!await_sign(child, child->control)) return give_up(child);
  while ((got = recv(child->control, &end, sizeof end, MSG_WAITALL)) < 0 && errno == EINTR) continue;
  if (got != sizeof end) return judge(child->memory, SIGKILL);
  return end.error ? lks_fork_server_fail(end.error) : judge(child->memory, end.how);
}

lks_status lks_child_finish(lks_child *child)
{
  if (!child->ended) child->status = await_end(child);
  child->ended = true;
  return child->status;
}

lks_status lks_child_receive(lks_child *child, void *data, size_t bytes)
{
  for (size_t done = 0; done < bytes;) {
    if (child->ended && child->status) return child->status;
    if (!await_sign(child, child->input)) return give_up(child);
    ssize_t got = read(child->input, (char *)data + done, bytes - done);
    lks_life_beat();
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
  if (!(*child)->ended) {
    char last[sizeof(lks_fork_end)];
    shutdown((*child)->control, SHUT_WR);
    while (recv((*child)->control, last, sizeof last, MSG_WAITALL) < 0 && errno == EINTR) continue;
  }
  close_if_open((*child)->input);
  close_if_open((*child)->control);
  if ((*child)->memory) munmap((*child)->memory, (*child)->bytes);
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

void lks_child_allow(size_t bytes)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const rlim_t room = limit.rlim_max - limit.rlim_cur;
  limit.rlim_cur += bytes < room ? bytes : room;
  setrlimit(RLIMIT_AS, &limit);
}
