/* Synchronized batch norm in an MPI program of one's own: it needs MPI and two objects of Lockstep, a communicator and
 * the batch norm. Each rank has some rows of a mini-batch, here uneven; what is printed is the same on any number of
 * ranks, to the last bit.
 *
 *   mpicc batch_norm.c -o batch_norm $(pkg-config --cflags --libs lockstep)
 *   mpirun -np 3 ./batch_norm
 */
#include <lockstep/batch_norm.h>
#include <stdio.h>

enum { ROWS = 64, CHANNELS = 3 };

int main(int argc, char **argv)
{
  lks_comm *comm = NULL;
  lks_batch_norm *norm = NULL;
  float x[ROWS * CHANNELS], y[ROWS * CHANNELS], dy[ROWS * CHANNELS], dx[ROWS * CHANNELS];
  float gamma[CHANNELS] = {1, 1, 1}, beta[CHANNELS] = {0, 0, 0}, dgamma[CHANNELS], dbeta[CHANNELS],
        mean[CHANNELS];
  MPI_Init(&argc, &argv);
  lks_status status = lks_comm_create_all(&comm, MPI_COMM_WORLD);
  if (!status) status = lks_batch_norm_create_all(&norm, comm, CHANNELS, NULL);
  if (!status) {
    const int rank = lks_comm_rank(comm), size = lks_comm_size(comm);
    const int first = ROWS * rank * rank / (size * size),
              end = ROWS * (rank + 1) * (rank + 1) / (size * size);
    for (int i = 0; i < (end - first) * CHANNELS; i++) {
      x[i] = (float)((first * CHANNELS + i) * 7919 % 1000) / 100;
      dy[i] = (float)((first * CHANNELS + i) * 104729 % 1000) / 1000;
    }
    status = lks_batch_norm_forward_all(norm, y, x, NULL, gamma, beta, (size_t)(end - first), 1);
    if (!status) status = lks_batch_norm_backward_all(norm, dx, NULL, dgamma, dbeta, dy, x, y);
    if (!status) lks_batch_norm_get_running(norm, mean, NULL, NULL);
    if (!status && rank == size - 1) /* which has the last row */
      for (int c = 0, i = (end - first - 1) * CHANNELS; c < CHANNELS; c++, i++)
        printf("channel %d: y %.9g, dx %.9g, dgamma %.9g, running mean %.9g\n", c, y[i], dx[i], dgamma[c],
               mean[c]);
  }
  if (status) fprintf(stderr, "%s\n", lks_message());
  lks_batch_norm_destroy_all(&norm);
  lks_comm_destroy_all(&comm);
  MPI_Finalize();
  return status;
}
