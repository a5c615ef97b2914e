#include "bench/bench_ceiling.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "statistics/statistics.h"
#include "sums/partition.h"

enum { RUNS = 5, SMALLEST = 14, LARGEST = 28 }; /* powers of two: 16 KB to 256 MB */
#define RUN_SECONDS 1e-3

/* Something that a thread does again and again. */
typedef struct load {
  lks_network *network;
  int op;
  lks_work work;
  size_t *microbatch; /* [threads]; SIZE_MAX: this thread has nothing to do */
  char *memory;       /* copies: a piece of `bytes` each thread */
  size_t bytes;
} load;

static lks_status call(const load *l, int thread)
{
  if (l->network) return lks_network_linear_alone(l->network, l->op, l->work, l->microbatch[thread], thread);
  char *from = l->memory + (size_t)thread * l->bytes;
  memcpy(from + l->bytes / 2, from, l->bytes / 2);
  __asm__ volatile("" ::: "memory"); /* nobody reads the copy */
  return LKS_OK;
}

/* Seconds of one call: the median of some runs. */
static lks_status time_calls(double *seconds, const load *l, int thread)
{
  double run[RUNS];
  lks_status status = call(l, thread);
  for (int r = 0; r < RUNS && !status; r++) {
    double begin = lks_seconds(), elapsed = 0;
    size_t calls = 0;
    for (; elapsed < RUN_SECONDS && !status; calls++, elapsed = lks_seconds() - begin)
      status = call(l, thread);
    run[r] = elapsed / (double)calls;
  }
  if (!status) *seconds = lks_quantile(run, RUNS, 0.5);
  return status;
}

/* seconds [threads] out: of a call, on all threads of all ranks at once. */
static lks_status time_threads_all(double *seconds, const load *l, lks_comm *comm, int threads)
{
  lks_status worst = lks_comm_agree_all(comm, LKS_OK);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
  for (int t = 0; t < threads; t++) {
    seconds[t] = 0;
    lks_status status =
        l->microbatch && l->microbatch[t] == SIZE_MAX ? LKS_OK : time_calls(&seconds[t], l, t);
#pragma omp critical(lks_bench_load)
    worst = lks_status_worse(worst, status);
  }
  return lks_comm_agree_all(comm, worst);
}

lks_status lks_bench_alone_all(double *seconds, lks_comm *comm, lks_network *network, int threads,
                               size_t microbatches, int op, lks_work work)
{
  size_t count = (size_t)threads;
  double *call_seconds = lks_new(count, sizeof *call_seconds), mine = 0, spread[3];
  load l = {.network = network, .op = op, .work = work};
  l.microbatch = lks_new(count, sizeof *l.microbatch);
  bool ready = call_seconds && l.microbatch;
  lks_status status = lks_comm_agree_all(comm, ready ? LKS_OK : LKS_ERR_RANK);
  for (size_t t = 0; t < count && ready; t++) {
    size_t begin = lks_partition_begin(microbatches, count, t);
    l.microbatch[t] = begin < lks_partition_begin(microbatches, count, t + 1) ? begin : SIZE_MAX;
  }
  if (!status && call_seconds) status = time_threads_all(call_seconds, &l, comm, threads);
  for (size_t t = 0; t < count && !status && call_seconds; t++) {
    size_t own =
        lks_partition_begin(microbatches, count, t + 1) - lks_partition_begin(microbatches, count, t);
    mine += (double)own * call_seconds[t] / threads;
  }
  if (!status) status = lks_comm_spread_all(comm, spread, &mine, 1);
  if (!status) *seconds = spread[1];
  lks_free(call_seconds);
  lks_free(l.microbatch);
  return status;
}

static lks_status measure_copy_all(double *rate, lks_comm *comm, int threads, size_t bytes)
{
  size_t count = (size_t)threads;
  double *seconds = lks_new(count, sizeof *seconds), mine = 0, spread[3];
  load l = {.memory = lks_new(count, bytes), .bytes = bytes};
  lks_status status = lks_comm_agree_all(comm, seconds && l.memory ? LKS_OK : LKS_ERR_RANK);
  if (!status && l.memory) memset(l.memory, 1, count * bytes); /* zeroed memory is one page again and again */
  if (!status && seconds) status = time_threads_all(seconds, &l, comm, threads);
  for (size_t t = 0; t < count && !status && seconds; t++) mine += (double)bytes / seconds[t] / threads;
  if (!status) status = lks_comm_spread_all(comm, spread, &mine, 1);
  if (!status) *rate = spread[1];
  lks_free(seconds);
  lks_free(l.memory);
  return status;
}

lks_status lks_bench_copy_all(double *rate, lks_bench_copies *copies, lks_comm *comm, int threads,
                              size_t bytes)
{
  int power = SMALLEST;
  while (power < LARGEST && (size_t)1 << power < bytes) power++;
  lks_status status = LKS_OK;
  if (copies->rate[power] == 0)
    status = measure_copy_all(&copies->rate[power], comm, threads, (size_t)1 << power);
  *rate = copies->rate[power];
  return status;
}
