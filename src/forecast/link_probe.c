#include "forecast/link_probe.h"

#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/life.h"
#include "bench/reduction_time.h"
#include "comm/communicator.h"
#include "comm/gradient_sum.h"
#include "lockstep/profile.h"
#include "statistics/statistics.h"

/* Two sizes fix a line: those of a batch norm's sums and of a layer's gradients. */
enum { SMALL = 128, LARGE = 65536, RUNS = 15, BURST = 64 };
enum { FLOATS = 1 << 18 }; /* of a gradient, 1 MB */

lks_status lks_sleep_until_all(lks_comm *comm)
{
  MPI_Request request;
  lks_life_wait(LKS_WAIT_MEASUREMENT);
  int done = 0, code = MPI_Ibarrier(lks_comm_handle(comm), &request);
  while (code == MPI_SUCCESS && !done) {
    code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (!done) nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
  }
  lks_life_go();
  return lks_mpi_status(code, "MPI_Ibarrier");
}

/* Seconds for one more small message to the other one of two ranks. */
static int time_messages(double *seconds, MPI_Comm pair, int64_t *values)
{
  double run[RUNS];
  int rank, code = MPI_Comm_rank(pair, &rank);
  MPI_Request request[2 * BURST];
  MPI_Status done[2 * BURST]; /* MPICH's MPI_STATUSES_IGNORE makes gcc 12 warn */
  lks_life_wait(LKS_WAIT_MEASUREMENT);
  for (int r = 0; r < RUNS && code == MPI_SUCCESS; r++) {
    double begin = lks_seconds();
    for (int m = 0; m < BURST && code == MPI_SUCCESS; m++) {
      code = MPI_Irecv(values + BURST + m, 1, MPI_INT64_T, 1 - rank, m, pair, &request[m]);
      if (code == MPI_SUCCESS)
        code = MPI_Isend(values + m, 1, MPI_INT64_T, 1 - rank, m, pair, &request[BURST + m]);
    }
    if (code == MPI_SUCCESS) code = MPI_Waitall(2 * BURST, request, done);
    run[r] = (lks_seconds() - begin) / BURST;
  }
  lks_life_go();
  *seconds = lks_quantile(run, RUNS, 0.5);
  return code;
}

/* The line through two sizes; two ranks reduce in one round. */
static int probe_pair(lks_cost_link *link, MPI_Comm pair, int64_t *values)
{
  double small, large;
  int code = lks_reduction_time(&small, pair, values, SMALL);
  if (code == MPI_SUCCESS) code = lks_reduction_time(&large, pair, values, LARGE);
  if (code == MPI_SUCCESS) code = time_messages(&link->overhead, pair, values);
  if (code != MPI_SUCCESS) return code;
  double byte = (large - small) / ((LARGE - SMALL) * (double)sizeof *values);
  link->second_byte = byte > 0 ? byte : 0;
  double latency = small - SMALL * (double)sizeof *values * link->second_byte;
  link->latency = latency > 0 ? latency : 0;
  return code;
}

/* Each rank has one block of a gradient, zeros. */
static lks_status time_exchanges_all(double *seconds, lks_gradient_sum *sum, float *out, float *workspace,
                                     size_t rank)
{
  double run[RUNS];
  lks_status status = LKS_OK;
  for (int r = 0; r < RUNS && !status; r++) {
    lks_tree_stack stack;
    double begin = lks_seconds();
    lks_tree_stack_begin(&stack, workspace, FLOATS);
    lks_tree_stack_push(&stack, 0, rank);
    lks_gradient_sum_begin(sum, 2);
    status = lks_gradient_sum_start_all(sum, out, &stack);
    if (!status) status = lks_gradient_sum_finish_all(sum);
    run[r] = lks_seconds() - begin;
  }
  *seconds = lks_quantile(run, RUNS, 0.5);
  return status;
}

static lks_status probe_exchange_all(double *second_byte, MPI_Comm pair)
{
  const size_t floats = FLOATS;
  lks_comm *comm = NULL;
  lks_gradient_sum *sum = NULL;
  double seconds = 0;
  float *out = lks_new(FLOATS, sizeof *out), *workspace = lks_new(FLOATS, sizeof *workspace);
  lks_status status = lks_comm_create_all(&comm, pair);
  if (!status) status = lks_comm_agree_all(comm, out && workspace ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = lks_gradient_sum_create_all(&sum, comm, LKS_REDUCE_TREE, 1, &floats, 2);
  if (!status) status = time_exchanges_all(&seconds, sum, out, workspace, (size_t)lks_comm_rank(comm));
  *second_byte = seconds / (FLOATS * sizeof(float));
  lks_gradient_sum_destroy_all(&sum);
  lks_comm_destroy_all(&comm);
  lks_free(out);
  lks_free(workspace);
  return status;
}

/* Ranks 0 and `other` measure, all others sleep; all get what they found. */
static lks_status probe_with_all(lks_cost_link *link, lks_comm *comm, int other, int64_t *values)
{
  int rank = lks_comm_rank(comm);
  MPI_Comm pair;
  lks_status measured = LKS_OK;
  lks_life_wait(LKS_WAIT_COMMUNICATOR);
  int code =
      MPI_Comm_split(lks_comm_handle(comm), rank == 0 || rank == other ? 0 : MPI_UNDEFINED, rank, &pair);
  lks_life_go();
  if (code == MPI_SUCCESS && pair != MPI_COMM_NULL) {
    code = probe_pair(link, pair, values);
    if (code == MPI_SUCCESS) measured = probe_exchange_all(&link->exchange, pair);
    MPI_Comm_free(&pair);
  }
  if (code != MPI_SUCCESS) measured = lks_mpi_status(code, "measuring a link");
  lks_status status = lks_status_worse(measured, lks_sleep_until_all(comm));
  status = lks_comm_agree_all(comm, status);
  return status ? status : lks_comm_broadcast_all(comm, link, sizeof *link, 0);
}

/* The lowest rank but 0 that is (or is not) on the host of rank 0; 0: there is none. */
static lks_status find_other_all(int *other, lks_comm *comm, bool same_host)
{
  char host[MPI_MAX_PROCESSOR_NAME];
  strcpy(host, lks_comm_host(comm));
  lks_status status = lks_comm_broadcast_all(comm, host, sizeof host, 0);
  bool wanted = lks_comm_rank(comm) > 0 && (strcmp(host, lks_comm_host(comm)) == 0) == same_host;
  double rank = wanted ? lks_comm_rank(comm) : lks_comm_size(comm), spread[3];
  if (!status) status = lks_comm_spread_all(comm, spread, &rank, 1);
  if (!status) *other = spread[0] < lks_comm_size(comm) ? (int)spread[0] : 0;
  return status;
}

/* Rank 0's host may have more ranks than others. */
static lks_status probe_oversubscribed_all(double *latency, lks_comm *comm)
{
  lks_status status = lks_reduction_time_all(latency, comm, SMALL * sizeof(int64_t));
  if (!status) *latency /= lks_comm_node_size(comm);
  return status ? status : lks_comm_broadcast_all(comm, latency, sizeof *latency, 0);
}

lks_status lks_link_probe_all(lks_cost_machine *machine, lks_comm *comm)
{
  int64_t *values = lks_new(LARGE, sizeof *values);
  int near = 0, far = 0;
  lks_status status = lks_comm_agree_all(comm, values ? LKS_OK : LKS_ERR_RANK);
  if (!status) status = find_other_all(&near, comm, true);
  if (!status) status = find_other_all(&far, comm, false);
  if (!status && near) status = probe_with_all(&machine->inside, comm, near, values);
  if (!status && far) status = probe_with_all(&machine->between, comm, far, values);
  if (!status && lks_comm_size(comm) > machine->host_ranks * lks_comm_node_count(comm))
    status = probe_oversubscribed_all(&machine->oversubscribed_latency, comm);
  lks_free(values);
  return status;
}
