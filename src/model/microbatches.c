#include "model/microbatches.h"

#include <stdio.h>

#include "sums/partition.h"

void lks_microbatches_fail(lks_network *network, lks_status status)
{
#pragma omp critical(lks_network_failure)
  if (!network->failure) {
    network->failure = status;
    snprintf(network->failure_message, sizeof network->failure_message, "%s", lks_message());
  }
}

void lks_microbatches_run(const lks_pass_context *context, lks_microbatch_work work)
{
  lks_network *network = context->network;
  int threads = network->threads;
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
  for (int t = 0; t < threads; t++) {
    size_t begin = lks_partition_begin(context->plan->count, (size_t)threads, (size_t)t);
    size_t end = lks_partition_begin(context->plan->count, (size_t)threads, (size_t)t + 1);
    for (size_t i = begin; i < end; i++) {
      lks_status status = work(context, i, t);
      if (status) lks_microbatches_fail(network, status);
    }
  }
}
