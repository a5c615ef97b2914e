#include "comm/siblings.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"

/* Open MPI, PMIx, Hydra, Slurm */
static const char *const of_rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
static const char *const of_job[] = {"PMIX_NAMESPACE", "HYDI_CONTROL_FD", "SLURM_JOB_ID"};
enum { RANK_NAMES = sizeof of_rank / sizeof *of_rank, JOB_NAMES = sizeof of_job / sizeof *of_job };

/* An environment as the system shows it: texts with a zero behind each, and another zero. */
typedef struct environment {
  char text[32768];
} environment;

static bool read_environment(environment *e, const char *process)
{
  char path[300];
  snprintf(path, sizeof path, "/proc/%s/environ", process);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  memset(e->text, 0, sizeof e->text);
  size_t length = 0;
  for (ssize_t got = 1; got > 0 && length < sizeof e->text - 2; length += (size_t)(got > 0 ? got : 0))
    got = read(file, e->text + length, sizeof e->text - 2 - length);
  close(file);
  return length > 0;
}

static const char *value_of(const environment *e, const char *name)
{
  const size_t length = strlen(name);
  for (const char *at = e->text; *at; at += strlen(at) + 1)
    if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
  return NULL;
}

static int rank_in(const environment *e)
{
  for (int i = 0; i < RANK_NAMES; i++) {
    const char *value = value_of(e, of_rank[i]);
    if (value) return atoi(value);
  }
  return -1;
}

int lks_siblings_own_rank(void)
{
  for (int i = 0; i < RANK_NAMES; i++) {
    const char *value = getenv(of_rank[i]);
    if (value) return atoi(value);
  }
  return -1;
}

/* Of the same job, and not a process that a rank has started: those have the program's environment too. */
static bool is_sibling(const environment *e, const char *process)
{
  char path[300], own[4096], other[4096];
  snprintf(path, sizeof path, "/proc/%s/exe", process);
  const ssize_t a = readlink("/proc/self/exe", own, sizeof own), b = readlink(path, other, sizeof other);
  if (a <= 0 || a != b || memcmp(own, other, (size_t)a) != 0) return false;
  for (int i = 0; i < JOB_NAMES; i++) {
    const char *mine = getenv(of_job[i]), *its = value_of(e, of_job[i]);
    if (mine || its) return mine && its && strcmp(mine, its) == 0;
  }
  return false;
}

static bool is_reader(const char *process)
{
  char path[300], name[32] = "";
  snprintf(path, sizeof path, "/proc/%s/comm", process);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  const ssize_t got = read(file, name, sizeof name - 1);
  close(file);
  return got <= 0 || strncmp(name, "lockstep-", 9) == 0;
}

void lks_siblings_describe(char text[256])
{
  static environment e; /* of the one thread that watches */
  int length = 0;
  DIR *processes = opendir("/proc");
  text[0] = '\0';
  for (struct dirent *entry; processes && (entry = readdir(processes)) && length < 200;) {
    lks_process process;
    const int pid = atoi(entry->d_name);
    if (pid <= 0 || !lks_process_look(&process, pid) || !strchr("Tt", process.state)) continue;
    if (is_reader(entry->d_name) || !read_environment(&e, entry->d_name) || !is_sibling(&e, entry->d_name))
      continue;
    length += snprintf(text + length, 256 - (size_t)length, "%srank %d (process %d)", length ? ", " : "",
                       rank_in(&e), pid);
  }
  if (processes) closedir(processes);
  if (length)
    snprintf(text + length, 256 - (size_t)length, " of this host is stopped");
  else
    snprintf(text, 256, "a rank failed or stalled");
}
