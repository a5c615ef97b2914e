#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lks_process_look(lks_process *process, int pid)
{
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  if (got <= 0) return false;
  text[got] = '\0';
  const char *at = strrchr(text, ')'); /* the name before may hold anything */
  if (!at || at[1] != ' ' || !at[2]) return false;
  process->state = at[2];
  at += 2;
  for (int field = 3; field < 22; field++) {
    at = strchr(at + 1, ' ');
    if (!at) return false;
  }
  process->born = strtoull(at, NULL, 10);
  return true;
}

static bool look_same(lks_process *process, int pid, unsigned long long born)
{
  return lks_process_look(process, pid) && process->born == born;
}

bool lks_process_is_lost(int pid, unsigned long long born)
{
  lks_process process;
  return !look_same(&process, pid, born) || strchr("TtZX", process.state) != NULL;
}

const char *lks_process_text(int pid, unsigned long long born)
{
  lks_process process;
  if (!look_same(&process, pid, born)) return "is gone";
  switch (process.state) {
  case 'T':
  case 't': return "is stopped";
  case 'Z':
  case 'X': return "is dead";
  case 'D': return "waits for a disk or another device";
  case 'R': return "is computing";
  default: return "sleeps";
  }
}

bool lks_process_is_gone(long pid)
{
  lks_process process;
  if (pid <= 0 || pid > INT_MAX || (kill((pid_t)pid, 0) != 0 && errno == ESRCH)) return true;
  return lks_process_look(&process, (int)pid) && strchr("ZX", process.state) != NULL;
}

bool lks_process_is_there(int pid, unsigned long long born)
{
  lks_process process;
  return look_same(&process, pid, born) && process.state != 'Z';
}

bool lks_process_kill(int pid, unsigned long long born)
{
  return lks_process_is_there(pid, born) && kill(pid, SIGKILL) == 0;
}
