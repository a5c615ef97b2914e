/* A reproducible dot product: the same bits on any number of ranks, and the exact value rounded once; beside it what
 * a plain sum and MPI_Allreduce make of the same numbers.
 *
 *   mpicc dot_product.c -o dot_product $(pkg-config --cflags --libs lockstep) -lm
 *   mpirun -np 3 ./dot_product
 */
#include <lockstep/reduce.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ELEMENTS = 1000000 };

/* Elements first .. end-1 of two long vectors, of very different sizes. */
static void fill(double *a, double *b, size_t first, size_t end)
{
  for (size_t i = first; i < end; i++) {
    a[i - first] = ldexp((double)(i * 7919 % 1009) - 504, (int)(i % 40));
    b[i - first] = ldexp(1.0 / (double)(i + 1), (int)(i * 31 % 20));
  }
}

int main(int argc, char **argv)
{
  lks_comm *comm = NULL;
  MPI_Init(&argc, &argv);
  lks_status status = lks_comm_create_all(&comm, MPI_COMM_WORLD);
  if (!status) {
    const size_t rank = (size_t)lks_comm_rank(comm), size = (size_t)lks_comm_size(comm);
    const size_t first = ELEMENTS * rank / size, end = ELEMENTS * (rank + 1) / size, count = end - first;
    double *a = malloc((count + 1) * sizeof *a), *b = malloc((count + 1) * sizeof *b), dot = 0, plain = 0;
    if (!a || !b) MPI_Abort(MPI_COMM_WORLD, 1);
    fill(a, b, first, end);
    status = lks_reduce_dot_all(comm, &dot, a, b, count);
    for (size_t i = 0; i < count; i++) plain += a[i] * b[i];
    MPI_Allreduce(MPI_IN_PLACE, &plain, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (!status && rank == 0) printf("reproducible %.17g\nMPI_Allreduce %.17g\n", dot, plain);
    free(a);
    free(b);
  }
  if (status) fprintf(stderr, "%s\n", lks_message());
  lks_comm_destroy_all(&comm);
  MPI_Finalize();
  return status;
}
