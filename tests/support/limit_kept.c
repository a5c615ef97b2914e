#include "limit_kept.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

bool limit_is_kept(int resource)
{
  int status = 0;
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit small = {1 << 20, 1 << 20};
    setrlimit((unsigned)resource, &small);
    _exit(mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  }
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}
