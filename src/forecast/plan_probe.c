#include "forecast/plan_probe.h"

#include <math.h>
#include <string.h>

#include "bench/process_memory.h"
#include "checkpoint/checkpoint_write.h"

enum { STEPS = 2 };

static lks_status rehearse(const lks_bench_source *source, const lks_config *config,
                           const lks_snapshot *snapshot)
{
  const lks_checkpoint_header header = {.config = *config,
                                        .model_text = source->text,
                                        .input = source->shape,
                                        .classes = source->classes,
                                        .mean = source->mean,
                                        .std = source->std,
                                        .statistics = source->shape.channels};
  return lks_checkpoint_rehearse(&header, snapshot);
}

/* The peak of a training run is at a checkpoint, and rank 0, which makes the file, has the highest. */
static lks_status probe_checkpoint(lks_plan_probe *mine, bool writes, lks_bench_runner *runner,
                                   const lks_bench_source *source, const lks_config *config)
{
  lks_snapshot snapshot;
  const double before = (double)lks_process_memory_read().now;
  lks_status status =
      lks_snapshot_take(&snapshot, lks_bench_runner_network(runner), lks_bench_runner_optimizer(runner));
  if (status) return status;
  mine->snapshot = (double)(snapshot.elements * sizeof *snapshot.block);
  if (writes) status = rehearse(source, config, &snapshot);
  if (writes) mine->writing = fmax((double)lks_process_memory_read().peak - before, mine->snapshot);
  lks_snapshot_clear(&snapshot);
  return status;
}

static lks_status probe(lks_plan_probe *mine, bool writes, lks_bench_runner *runner,
                        const lks_bench_source *source, const lks_config *config)
{
  const lks_process_memory memory = lks_process_memory_read();
  mine->program = (double)memory.files;
  mine->own = fmax(0, (double)memory.now - mine->program - (double)lks_bench_runner_bytes(runner));
  mine->optimizer = (double)lks_optimizer_bytes(lks_bench_runner_optimizer(runner));
  return probe_checkpoint(mine, writes, runner, source, config);
}

lks_status lks_plan_probe_all(lks_plan_probe *result, lks_comm *comm, const lks_bench_source *source,
                              const lks_config *config)
{
  enum { FIELDS = sizeof *result / sizeof(double) };
  lks_config small = *config;
  lks_bench_runner *runner;
  lks_profile unused = {0};
  lks_plan_probe mine = {0};
  double images, seconds, values[FIELDS], spread[3 * FIELDS];
  small.batch_size = config->microbatch * (size_t)lks_comm_size(comm);
  if (config->bn.kind != LKS_NORM_NONE) small.bn = (lks_norm){LKS_NORM_SYNC, 0};
  lks_status status = lks_bench_runner_create_all(&runner, comm, source, &small);
  if (!status) status = lks_bench_runner_steps_all(runner, STEPS, &images, &seconds, &unused);
  if (!status)
    status = lks_comm_agree_all(comm, probe(&mine, lks_comm_rank(comm) == 0, runner, source, config));
  lks_bench_runner_destroy_all(&runner);
  memcpy(values, &mine, sizeof mine);
  if (!status) status = lks_comm_spread_all(comm, spread, values, FIELDS);
  if (status) return status;
  for (int f = 0; f < FIELDS; f++) values[f] = spread[3 * f + 2];
  memcpy(result, values, sizeof *result);
  return LKS_OK;
}
