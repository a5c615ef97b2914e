#include "hdf5/first_of_node.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The one that started this process comes first: Slurm's stays in the environment of what mpirun starts inside
 * a job. Open MPI; MPICH's Hydra and Intel MPI; MVAPICH; Cray PALS; srun. */
static const char *const local_rank[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                         "MV2_COMM_WORLD_LOCAL_RANK", "PALS_LOCAL_RANKID", "SLURM_LOCALID"};

bool lks_first_of_node(void)
{
  for (size_t i = 0; i < sizeof local_rank / sizeof *local_rank; i++) {
    const char *rank = getenv(local_rank[i]);
    if (rank) return strcmp(rank, "0") == 0;
  }
  return true;
}
