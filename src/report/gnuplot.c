#include "report/gnuplot.h"

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

/* Under mpirun standard input and output are not the child's to use. -d: the plots do not depend on a user's
 * own start-up file. 0 or the error number. */
static int start(pid_t *pid, const char *folder, const char *script, int complaints)
{
  char *const arguments[] = {"gnuplot", "-d", (char *)script, NULL};
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
    error = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, complaints, 2);
    if (error == 0) error = posix_spawnp(pid, "gnuplot", &actions, &attributes, arguments, environ);
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

static lks_status run(bool *found, const char *folder, const char *script, int complaints)
{
  pid_t pid = 0;
  int how = 0;
  char complaint[256];
  const int error = start(&pid, folder, script, complaints);
  *found = error != ENOENT;
  if (error == ENOENT) return LKS_OK;
  if (error != 0) return lks_fail(LKS_ERR_IO, "gnuplot cannot be started: %s", strerror(error));
  if (!wait_for(pid, &how))
    return lks_fail(LKS_ERR_IO, "gnuplot took longer than %g seconds for %s/%s and was ended",
                    seconds_allowed, folder, script);
  const int code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
  *found = code != 127; /* POSIX lets a start that failed be told by this code alone, as under qemu */
  if (code == 0 || !*found) return LKS_OK;
  read_complaint(complaint, sizeof complaint, complaints);
  return lks_fail(LKS_ERR_IO, "gnuplot could not draw %s/%s: %s", folder, script, complaint);
}

lks_status lks_gnuplot_run(bool *found, const char *folder, const char *script)
{
  *found = false;
  const int complaints = memfd_create("gnuplot", MFD_CLOEXEC);
  if (complaints < 0) return lks_fail(LKS_ERR_IO, "gnuplot cannot be started: %s", strerror(errno));
  const lks_status status = run(found, folder, script, complaints);
  close(complaints);
  return status;
}
