#include "train/launch.h"

#include <stdlib.h>

/* Those of Open MPI's mpirun; of Hydra, the mpiexec of MPICH and Intel MPI, and of srun for these; of MVAPICH. */
static const char *const variables[LKS_LAUNCHERS] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                                     "MV2_COMM_WORLD_SIZE"};

static long number_in(const char *variable)
{
  const char *text = getenv(variable);
  const long number = text ? strtol(text, NULL, 10) : 0;
  return number > 0 ? number : 0;
}

lks_launch lks_launch_read(void)
{
  lks_launch launch = {.step_tasks = number_in("SLURM_STEP_NUM_TASKS"),
                       .job_tasks = number_in("SLURM_NTASKS")};
  for (size_t i = 0; i < LKS_LAUNCHERS; i++) launch.processes[i] = number_in(variables[i]);
  return launch;
}

/* One launcher may have started another, whose number is the right one. */
static lks_status check_launcher(bool *known, const lks_launch *launch, int size, const char *mpi)
{
  size_t more = LKS_LAUNCHERS;
  for (size_t i = 0; i < LKS_LAUNCHERS; i++) {
    if (launch->processes[i] == size) *known = true;
    if (launch->processes[i] > size) more = i;
  }
  if (*known || more == LKS_LAUNCHERS) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "%s=%ld in the environment, but MPI knows of %d process%s: this program is built with %s, and it was started by the mpirun or mpiexec of another MPI; start it with the one that belongs to this MPI",
      variables[more], launch->processes[more], size, size > 1 ? "es" : "", mpi);
}

/* Slurm's numbers are also in the environment of what a batch script starts without srun. */
static lks_status check_slurm(const lks_launch *launch, bool alone)
{
  if (launch->step_tasks > 1)
    return lks_fail(
        LKS_ERR_USAGE,
        "srun has started %ld tasks, but MPI knows of this one alone, so each would be a run of its own; start it with srun --mpi=pmix, if `srun --mpi=list` and this MPI have it, or else with mpirun",
        launch->step_tasks);
  if (launch->step_tasks == 1 || launch->job_tasks <= 1 || alone) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "this batch job has %ld tasks (SLURM_NTASKS), but this is a run of 1 rank; start it with mpirun or srun --mpi=pmix; if one rank is meant, with mpirun -np 1",
      launch->job_tasks);
}

lks_status lks_launch_check(const lks_launch *launch, int size, const char *mpi, bool alone)
{
  bool known = false;
  lks_status status = check_launcher(&known, launch, size, mpi);
  return status || known || size > 1 ? status : check_slurm(launch, alone);
}
