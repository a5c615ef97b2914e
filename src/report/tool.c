#include "report/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lockstep/profile.h"

extern char **environ;

static const double seconds_allowed = 60;

/* Under mpirun standard input and output are not the child's to use. */
static int add_files(posix_spawn_file_actions_t *actions, const lks_tool *tool, int complaints)
{
  int error = tool->input >= 0 ? posix_spawn_file_actions_adddup2(actions, tool->input, 0)
                               : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
  if (error == 0)
    error = tool->output >= 0 ? posix_spawn_file_actions_adddup2(actions, tool->output, 1)
                              : posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
  return error != 0 ? error : posix_spawn_file_actions_adddup2(actions, complaints, 2);
}

/* 0 or the error number. */
static int start(pid_t *pid, const lks_tool *tool, int complaints)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  error = posix_spawnattr_init(&attributes);
  if (error == 0) {
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (tool->folder) error = posix_spawn_file_actions_addchdir_np(&actions, tool->folder);
    if (error == 0) error = add_files(&actions, tool, complaints);
    if (error == 0)
      error = posix_spawnp(pid, tool->arguments[0], &actions, &attributes, tool->arguments, environ);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* False when it had to be ended. */
static bool wait_for(pid_t pid, int *how)
{
  const struct timespec moment = {.tv_nsec = 5000000};
  const double end = lks_seconds() + seconds_allowed;
  pid_t waited;
  while ((waited = waitpid(pid, how, WNOHANG)) == 0 || (waited < 0 && errno == EINTR)) {
    if (lks_seconds() < end) {
      nanosleep(&moment, NULL);
      continue;
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, how, 0) < 0 && errno == EINTR) continue;
    return false;
  }
  return true;
}

/* gnuplot shows the place, then says what is wrong with it in the line that names the file. */
static void read_complaint(char *text, size_t size, int complaints)
{
  char all[4096];
  const ssize_t got = pread(complaints, all, sizeof all - 1, 0);
  all[got > 0 ? got : 0] = '\0';
  const char *line = strstr(all, "line ");
  if (line == NULL) line = all + strspn(all, "\n ");
  const size_t length = strcspn(line, "\n");
  const size_t taken = length < size ? length : size - 1;
  memcpy(text, line, taken);
  text[taken] = '\0';
}

static lks_status run(bool *found, const lks_tool *tool, int complaints)
{
  const char *name = tool->arguments[0];
  pid_t pid = 0;
  int how = 0;
  char complaint[256];
  const int error = start(&pid, tool, complaints);
  *found = error != ENOENT;
  if (error == ENOENT) return LKS_OK;
  if (error != 0) return lks_fail(LKS_ERR_IO, "%s cannot be started: %s", name, strerror(error));
  if (!wait_for(pid, &how))
    return lks_fail(LKS_ERR_IO, "%s took longer than %g seconds for %s and was ended", name, seconds_allowed,
                    tool->drawing);
  const int code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
  *found = code != 127; /* POSIX lets a start that failed be told by this code alone, as under qemu */
  if (code == 0 || !*found) return LKS_OK;
  read_complaint(complaint, sizeof complaint, complaints);
  return lks_fail(LKS_ERR_IO, "%s could not draw %s: %s", name, tool->drawing, complaint);
}

lks_status lks_tool_run(bool *found, const lks_tool *tool)
{
  *found = false;
  const int complaints = memfd_create("complaints", MFD_CLOEXEC);
  if (complaints < 0)
    return lks_fail(LKS_ERR_IO, "%s cannot be started: %s", tool->arguments[0], strerror(errno));
  const lks_status status = run(found, tool, complaints);
  close(complaints);
  return status;
}
