#include "train/probe_parts.h"

lks_status lks_probe_noise_all(lks_probes *probes)
{
  (void)probes;
  return LKS_OK;
}
