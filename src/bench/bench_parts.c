#include "bench/bench_parts.h"

#include "bench/reduction_time.h"

static bool is_of(lks_part part, lks_work work)
{
  bool forward = work == LKS_WORK_FORWARD || work == LKS_WORK_SUMS;
  return forward == (part == LKS_PART_FORWARD);
}

static void add_layers(lks_bench_arm *arm, lks_part number, int threads)
{
  lks_bench_part *part = &arm->part[number];
  for (size_t l = 0; l < arm->layers; l++)
    for (int w = 0; w < LKS_WORKS; w++) {
      const lks_bench_work *work = &arm->layer[l].work[w];
      if (!is_of(number, (lks_work)w)) continue;
      part->flops += work->flops * threads;
      part->bytes += work->bytes * threads;
      if (work->ceiling > 0) part->alone += (work->flops > 0 ? work->flops : work->bytes) / work->ceiling;
    }
}

/* Reads parameters, gradients and moments; writes parameters and moments. */
static lks_status measure_optimizer_all(lks_bench_part *part, lks_comm *comm, lks_bench_runner *runner,
                                        lks_bench_copies *copies)
{
  const size_t moments = lks_optimizer_moments(lks_bench_runner_optimizer(runner));
  const size_t array = lks_network_parameter_count(lks_bench_runner_network(runner)) * sizeof(float);
  const int threads = lks_bench_runner_threads(runner);
  double rate;
  lks_status status =
      lks_bench_copy_all(&rate, copies, comm, threads, (2 + moments) * array / (size_t)threads);
  if (status) return status;
  part->bytes = (double)((3 + 2 * moments) * array);
  part->alone = part->bytes / threads / rate;
  return LKS_OK;
}

static lks_status measure_reductions_all(lks_bench_part *part, const lks_bench_traffic *traffic,
                                         lks_comm *comm)
{
  double seconds;
  if (traffic->calls <= 0) return LKS_OK;
  lks_status status = lks_reduction_time_all(&seconds, comm, (size_t)(traffic->bytes / traffic->calls));
  if (!status) part->alone = seconds * traffic->calls;
  return status;
}

lks_status lks_bench_parts_all(lks_bench_arm *arm, lks_comm *comm, lks_bench_runner *runner,
                               lks_bench_copies *copies)
{
  const int threads = lks_bench_runner_threads(runner);
  add_layers(arm, LKS_PART_FORWARD, threads);
  add_layers(arm, LKS_PART_BACKWARD, threads);
  lks_status status = measure_optimizer_all(&arm->part[LKS_PART_OPTIMIZER], comm, runner, copies);
  if (lks_comm_size(comm) == 1) return status;
  if (!status)
    status = measure_reductions_all(&arm->part[LKS_PART_BN_COMM], &arm->traffic[LKS_TRAFFIC_NORM], comm);
  if (!status)
    status = measure_reductions_all(&arm->part[LKS_PART_STEP_COMM], &arm->traffic[LKS_TRAFFIC_STEP], comm);
  return status;
}
