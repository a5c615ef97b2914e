/* A program of another MPI in Lockstep's place: says how many ranks on how many hosts its launcher started, once if
 * they found each other. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

/* Ranks whose host no lower rank has. */
static int count_hosts(char name[][MPI_MAX_PROCESSOR_NAME], int size)
{
  int hosts = 0;
  for (int i = 0; i < size; i++) {
    int lower = 0;
    while (strcmp(name[lower], name[i]) != 0) lower++;
    hosts += lower == i;
  }
  return hosts;
}

int main(int argc, char **argv)
{
  static char name[64][MPI_MAX_PROCESSOR_NAME], mine[MPI_MAX_PROCESSOR_NAME];
  int rank, size, length, sum = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size > 64) MPI_Abort(MPI_COMM_WORLD, 1);
  MPI_Get_processor_name(mine, &length);
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  MPI_Gather(mine, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, name, MPI_MAX_PROCESSOR_NAME, MPI_CHAR, 0,
             MPI_COMM_WORLD);
  if (rank == 0 && sum == size * (size - 1) / 2)
    printf("%d ranks on %d hosts, told: %s\n", size, count_hosts(name, size), argc > 1 ? argv[1] : "");
  MPI_Finalize();
  return 0;
}
