#include "bench/reduction_time.h"

#include "base/arena.h"
#include "base/life.h"
#include "comm/communicator.h"
#include "lockstep/profile.h"
#include "statistics/statistics.h"

enum { RUNS = 15, CALLS = 20 };

int lks_reduction_time(double *seconds, MPI_Comm comm, int64_t *values, int count)
{
  double run[RUNS];
  lks_life_wait(LKS_WAIT_MEASUREMENT);
  int code = MPI_Barrier(comm);
  for (int r = 0; r < RUNS && code == MPI_SUCCESS; r++) {
    double begin = lks_seconds();
    for (int c = 0; c < CALLS && code == MPI_SUCCESS; c++)
      code = MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_INT64_T, MPI_SUM, comm);
    run[r] = (lks_seconds() - begin) / CALLS;
    lks_life_beat();
  }
  lks_life_go();
  *seconds = lks_quantile(run, RUNS, 0.5);
  return code;
}

lks_status lks_reduction_time_all(double *seconds, lks_comm *comm, size_t bytes)
{
  const size_t count = bytes / sizeof(int64_t) + 1;
  int64_t *values = lks_new(count, sizeof *values);
  double mine = 0, spread[3];
  int checked = 0;
  lks_status status = values ? lks_mpi_count(&checked, count) : LKS_ERR_RANK;
  status = lks_comm_agree_all(comm, status);
  if (!status)
    status = lks_comm_agree_all(
        comm,
        lks_mpi_status(lks_reduction_time(&mine, lks_comm_handle(comm), values, checked), "MPI_Allreduce"));
  if (!status) status = lks_comm_spread_all(comm, spread, &mine, 1);
  if (!status) *seconds = spread[1];
  lks_free(values);
  return status;
}
