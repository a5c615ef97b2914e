#include "base/arena.h"
#include "comm/communicator.h"
#include "lockstep/exact_sum.h"

lks_status lks_comm_broadcast_all(lks_comm *comm, void *data, size_t bytes, int root)
{
  enum { PART = 1 << 30 };
  lks_life_wait(LKS_WAIT_BROADCAST);
  int code = MPI_SUCCESS;
  for (size_t at = 0; at < bytes && code == MPI_SUCCESS; at += PART) {
    size_t part = bytes - at < PART ? bytes - at : PART;
    code = MPI_Bcast((char *)data + at, (int)part, MPI_BYTE, root, comm->all);
  }
  lks_life_go();
  lks_comm_book(comm, LKS_TRAFFIC_OTHER, comm->rank == root ? bytes : 0);
  return lks_mpi_status(code, "MPI_Bcast");
}

lks_status lks_comm_gather_all(lks_comm *comm, void *out, const void *mine, size_t bytes)
{
  int n;
  lks_status status = lks_mpi_count(&n, bytes);
  if (status) return status;
  lks_life_wait(LKS_WAIT_GATHER);
  int code = MPI_Allgather(mine, n, MPI_BYTE, out, n, MPI_BYTE, comm->all);
  lks_life_go();
  lks_comm_book(comm, LKS_TRAFFIC_OTHER, bytes);
  return lks_mpi_status(code, "MPI_Allgather");
}

lks_status lks_comm_exact_sum_all(lks_comm *comm, int64_t *limbs, size_t count, lks_traffic traffic)
{
  int n;
  lks_status status = lks_mpi_count(&n, count * LKS_EXACT_LIMBS);
  if (status) return status;
  lks_life_wait(LKS_WAIT_EXACT_SUM);
  int code = MPI_Allreduce(MPI_IN_PLACE, limbs, n, MPI_INT64_T, MPI_SUM, comm->all);
  lks_life_go();
  lks_comm_book(comm, traffic, (size_t)n * sizeof *limbs);
  return lks_mpi_status(code, "MPI_Allreduce");
}

lks_status lks_comm_exact_sum_start_all(lks_comm *comm, int64_t *limbs, size_t count, lks_traffic traffic)
{
  int n;
  lks_status status = lks_mpi_count(&n, count * LKS_EXACT_LIMBS);
  if (status) return status;
  if (comm->request[traffic] != MPI_REQUEST_NULL)
    return lks_fail(LKS_ERR_RANK,
                    "a second exact sum of one kind was started before the first was waited for");
  int code = MPI_Iallreduce(MPI_IN_PLACE, limbs, n, MPI_INT64_T, MPI_SUM, comm->all, &comm->request[traffic]);
  lks_comm_book(comm, traffic, (size_t)n * sizeof *limbs);
  return lks_mpi_status(code, "MPI_Iallreduce");
}

lks_status lks_comm_wait_all(lks_comm *comm, lks_traffic traffic)
{
  lks_life_wait(LKS_WAIT_EXACT_SUM);
  int code = MPI_Wait(&comm->request[traffic], MPI_STATUS_IGNORE);
  lks_life_go();
  return lks_mpi_status(code, "MPI_Wait");
}

/* both[2*count]: maxima of values and of their opposites; total[count]: sums. */
static lks_status spread_all(lks_comm *comm, double *both, double *total, int count)
{
  lks_life_wait(LKS_WAIT_TABLE);
  int code = MPI_Allreduce(MPI_IN_PLACE, both, 2 * count, MPI_DOUBLE, MPI_MAX, comm->all);
  if (code == MPI_SUCCESS) code = MPI_Allreduce(MPI_IN_PLACE, total, count, MPI_DOUBLE, MPI_SUM, comm->all);
  lks_life_go();
  return lks_mpi_status(code, "MPI_Allreduce");
}

lks_status lks_comm_spread_all(lks_comm *comm, double *out, const double *values, size_t count)
{
  int n;
  lks_status status = lks_mpi_count(&n, 2 * count);
  if (status) return status;
  double *both = lks_new(3 * count, sizeof *both);
  status = lks_comm_agree_all(comm, both ? LKS_OK : LKS_ERR_RANK);
  if (status || both == NULL) goto done;
  double *total = both + 2 * count;
  for (size_t i = 0; i < count; i++) {
    both[i] = total[i] = values[i];
    both[count + i] = -values[i];
  }
  status = spread_all(comm, both, total, n / 2);
  if (status) goto done;
  for (size_t i = 0; i < count; i++) {
    out[3 * i] = -both[count + i];
    out[3 * i + 1] = total[i] / comm->size;
    out[3 * i + 2] = both[i];
  }
done:
  lks_free(both);
  return status;
}

lks_status lks_comm_max_all(lks_comm *comm, void *values, size_t count, MPI_Datatype type)
{
  int n, size;
  lks_status status = lks_mpi_count(&n, count);
  if (status) return status;
  lks_life_wait(LKS_WAIT_MAXIMUM);
  int code = MPI_Type_size(type, &size);
  if (code == MPI_SUCCESS) code = MPI_Allreduce(MPI_IN_PLACE, values, n, type, MPI_MAX, comm->all);
  lks_life_go();
  if (code == MPI_SUCCESS) lks_comm_book(comm, LKS_TRAFFIC_OTHER, count * (size_t)size);
  return lks_mpi_status(code, "MPI_Allreduce");
}

bool lks_comm_equal_all(lks_comm *comm, uint64_t value)
{
  uint64_t most[2] = {value, ~value}; /* the largest complement is that of the smallest value */
  lks_life_wait(LKS_WAIT_COMPARISON);
  int code = MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_UINT64_T, MPI_MAX, comm->all);
  lks_life_go();
  lks_comm_book(comm, LKS_TRAFFIC_OTHER, sizeof most);
  return code == MPI_SUCCESS && most[0] == ~most[1];
}
