#include "checkpoint/state_broadcast.h"

lks_status lks_state_broadcast_all(lks_comm *comm, lks_network *network, lks_optimizer *optimizer)
{
  const size_t parameters = lks_network_parameter_count(network) * sizeof(float);
  int64_t counts[2] = {lks_network_batches_tracked(network), optimizer ? lks_optimizer_steps(optimizer) : 0};
  lks_status status = lks_comm_broadcast_all(comm, lks_network_parameters(network), parameters, 0);
  if (!status)
    status = lks_comm_broadcast_all(comm, lks_network_running(network),
                                    lks_network_running_count(network) * sizeof(float), 0);
  const size_t moments = optimizer ? lks_optimizer_moments(optimizer) : 0;
  for (size_t m = 0; !status && m < moments; m++)
    status = lks_comm_broadcast_all(comm, lks_optimizer_moment(optimizer, m), parameters, 0);
  if (!status) status = lks_comm_broadcast_all(comm, counts, sizeof counts, 0);
  if (status) return status;
  lks_network_batches_tracked_set(network, counts[0]);
  if (optimizer) lks_optimizer_steps_set(optimizer, counts[1]);
  lks_network_parameters_changed(network);
  return LKS_OK;
}
