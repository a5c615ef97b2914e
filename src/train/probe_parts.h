#ifndef LKS_TRAIN_PROBE_PARTS_H
#define LKS_TRAIN_PROBE_PARTS_H

#include "train/probe.h"

/* The inside of the probes, shared by probe.c (when), probe_activations.c, probe_step.c and probe_noise.c
 * (what). */

struct lks_probes {
  lks_comm *comm; /* borrowed, as the next four */
  const lks_config *config;
  lks_run_tables *tables; /* rank 0 */
  const lks_setup *setup;
  const lks_dataset *dataset;
  char layer[LKS_NAME_MAX]; /* whose input and weight gradient are looked at */
  lks_probe_feed feed;
  size_t trained;           /* samples that the run learns from */
  lks_selection *selection; /* probe samples, of which activations and drift are measured */

  /* Activations and drift, on rank 0. */
  size_t channels, elements; /* of the layer's input, a sample */
  float *values;             /* [samples, elements] */
  float *column;             /* [samples * elements / channels] of one channel */
  double *moments,
      *moments_before; /* [2*channels] means and deviations, of this measurement and the last one */
  bool measured;       /* moments_before has them */

  /* Gradients and landscape: flat arrays as the network's parameters. */
  float *before, *updated, *gradient;
  float *running;
};

/** Collective. Activations and drift of the network as it is, after `step` steps; rows: write them. */
lks_status lks_probe_activations_all(lks_probes *probes, size_t step, bool rows);

/** Collective. The rows of gradients and landscape, of a step. */
lks_status lks_probe_step_all(lks_probes *probes, const lks_batch *batch, const lks_pass_result *result,
                              double lr, size_t step);

/** Collective. probe-noise.csv, of the network as it is. */
lks_status lks_probe_noise_all(lks_probes *probes);

#endif
