#include "train/job.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/append.h"
#include "base/arena.h"
#include "base/log.h"
#include "kernels/isa.h"
#include "lockstep/profile.h"
#include "train/binding.h"

extern char **environ;

static const char memory_nodes[] = "/sys/devices/system/node";

/** Where one rank stands. */
typedef struct place {
  char host[64], cpus[64], isa[16]; /* isa: the best that it may use */
} place;

static void describe_job(char text[LKS_TEXT_MAX])
{
  const char *job = getenv("SLURM_JOB_ID"), *array = getenv("SLURM_ARRAY_JOB_ID"),
             *task = getenv("SLURM_ARRAY_TASK_ID"), *restarts = getenv("SLURM_RESTART_COUNT"),
             *nodes = getenv("SLURM_JOB_NODELIST");
  if (!job) {
    lks_append(text, LKS_TEXT_MAX, "no batch job");
    return;
  }
  lks_append(text, LKS_TEXT_MAX, "Slurm %.32s", job);
  if (array && task) lks_append(text, LKS_TEXT_MAX, ", task %.32s of array %.32s", task, array);
  lks_append(text, LKS_TEXT_MAX, ", restart %.32s", restarts ? restarts : "0");
  if (nodes) lks_append(text, LKS_TEXT_MAX, ", nodes %.128s", nodes);
}

/** Ranks in a row that stand at the same place are said in one. */
static void describe_places(char text[LKS_TEXT_MAX], const place *places, int size)
{
  for (int first = 0, next; first < size; first = next) {
    next = first + 1;
    while (next < size && !memcmp(&places[first], &places[next], sizeof *places)) next++;
    if (strlen(text) > LKS_TEXT_MAX - 200) {
      lks_append(text, LKS_TEXT_MAX, "; and so on");
      return;
    }
    lks_append(text, LKS_TEXT_MAX, next - first > 1 ? "; ranks %d-%d" : "; rank %d", first, next - 1);
    lks_append(text, LKS_TEXT_MAX, " on %s, processors %s, %s", places[first].host, places[first].cpus,
               places[first].isa);
  }
}

static place own_place(const lks_comm *comm)
{
  place here = {.cpus = "unknown"};
  cpu_set_t bound;
  snprintf(here.host, sizeof here.host, "%.63s", lks_comm_host(comm));
  snprintf(here.isa, sizeof here.isa, "%s", lks_isa_name(lks_isa_best()));
  if (sched_getaffinity(0, sizeof bound, &bound) == 0)
    lks_cpu_list_print(here.cpus, sizeof here.cpus, &bound);
  return here;
}

lks_status lks_job_describe_all(char text[LKS_TEXT_MAX], lks_comm *comm)
{
  const bool root = lks_comm_rank(comm) == 0;
  const int size = lks_comm_size(comm);
  const place here = own_place(comm);
  place *places = root ? lks_new((size_t)size, sizeof *places) : NULL;
  lks_status status = lks_comm_agree_all(comm, root && !places ? LKS_ERR_RANK : LKS_OK);
  if (!status) status = lks_comm_gatherv_all(comm, places, &here, 1, sizeof here);
  memset(text, 0, LKS_TEXT_MAX);
  if (!status && places != NULL) {
    describe_job(text);
    describe_places(text, places, size);
  }
  lks_free(places);
  return status;
}

/** Other ranks than were asked for; that there is but one is refused before (train/launch.h). */
static void warn_of_tasks(int size)
{
  const char *text = getenv("SLURM_NTASKS");
  const long tasks = text ? strtol(text, NULL, 10) : size;
  if (tasks != size)
    lks_warn("Slurm has %ld tasks, but this is a run of %d rank%s; start it with mpirun or srun --mpi=pmix",
             tasks, size, size > 1 ? "s" : "");
}

/** A mixed cluster. */
static void warn_of_isa(lks_isa least, lks_isa most)
{
  if (least < most)
    lks_warn(
        "the ranks do not have the same instruction set: the least is %s, the best %s (line `job`), and all use %s",
        lks_isa_name(least), lks_isa_name(most), lks_isa_name(lks_isa_used()));
}

lks_status lks_job_warn_all(lks_comm *comm, int threads)
{
  enum { OVERSUBSCRIBED, SPANNING, ISA, FACTS };
  cpu_set_t bound;
  double mine[FACTS] = {0}, spread[3 * FACTS];
  const bool known = sched_getaffinity(0, sizeof bound, &bound) == 0;
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  const int cpus = known ? CPU_COUNT(&bound) : (int)cores, here = lks_comm_node_size(comm);
  if (cpus < threads) mine[OVERSUBSCRIBED] = cpus;
  mine[ISA] = lks_isa_best();
  if (known) mine[SPANNING] = lks_numa_nodes(&bound, memory_nodes);
  lks_status status = lks_comm_spread_all(comm, spread, mine, FACTS);
  if (status) return status;
  const double *oversubscribed = spread + 3 * (size_t)OVERSUBSCRIBED + 2,
               *spanning = spread + 3 * (size_t)SPANNING + 2;
  warn_of_isa((lks_isa)spread[3 * ISA], (lks_isa)spread[3 * ISA + 2]);
  warn_of_tasks(lks_comm_size(comm));
  if (*oversubscribed > 0)
    lks_warn(
        "%d threads share the %.0f cores that a rank is bound to; start with mpirun --bind-to none, or give each rank more cores",
        threads, *oversubscribed);
  else if ((long)here * threads > cores)
    lks_warn("%d ranks x %d threads on %ld cores of %s: fewer would run faster", here, threads, cores,
             lks_comm_host(comm));
  if (*spanning > 1)
    lks_warn(
        "a rank spans %.0f memory nodes (NUMA): use more ranks and fewer threads, each bound to one node (mpirun --map-by numa, srun --cpu-bind=ldoms)",
        *spanning);
  return LKS_OK;
}

double lks_job_time_read(const char *text)
{
  double days = 0, seconds = 0;
  const char *dash = strchr(text, '-'), *at = dash ? dash + 1 : text;
  char *end;
  if (dash) {
    days = (double)strtoul(text, &end, 10);
    if (end != dash || end == text) return INFINITY;
  }
  for (int parts = 1;; parts++, at = end + 1) {
    const unsigned long part = strtoul(at, &end, 10);
    if (end == at || *at == '-' || parts > 3) return INFINITY;
    seconds = 60 * seconds + (double)part;
    if (*end != ':') break;
  }
  return *end == '\0' || *end == '\n' ? 86400 * days + seconds : INFINITY;
}

/** The first line that a program prints, "" if it fails. */
static void ask(char *answer, size_t size, char *const command[])
{
  int ends[2];
  pid_t pid;
  answer[0] = '\0';
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int failed = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  FILE *output = fdopen(ends[0], "r");
  if (!failed && output && !fgets(answer, (int)size, output)) answer[0] = '\0';
  if (output)
    fclose(output);
  else
    close(ends[0]);
  while (!failed && waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static double ask_slurm(const char *job)
{
  char id[32], answer[64], *squeue = getenv("LOCKSTEP_SQUEUE");
  snprintf(id, sizeof id, "%lu", strtoul(job, NULL, 10));
  char *command[] = {"timeout", "-k", "1",  "10", squeue ? squeue : "squeue", "-h", "-j",
                     id,        "-o", "%L", NULL};
  ask(answer, sizeof answer, command);
  return lks_job_time_read(answer);
}

double lks_job_seconds_left(void)
{
  static bool asked;
  static double end; /* on the clock of lks_seconds */
  const char *job = getenv("SLURM_JOB_ID"), *end_time = getenv("SLURM_JOB_END_TIME");
  if (!asked) {
    end = INFINITY;
    if (job) end = lks_seconds() + (end_time ? strtod(end_time, NULL) - (double)time(NULL) : ask_slurm(job));
    asked = true;
  }
  return end - lks_seconds();
}
