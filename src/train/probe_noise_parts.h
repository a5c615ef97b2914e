#ifndef LKS_TRAIN_PROBE_NOISE_PARTS_H
#define LKS_TRAIN_PROBE_NOISE_PARTS_H

#include "train/noise_law.h"
#include "train/probe_parts.h"
#include "train/probe_tables.h"

/* The inside of the noise probe: probe_noise.c (layers alone, and the table), probe_noise_end.c (end to end). */

enum {
  LKS_NOISE_SIZES_MAX = 7,
  LKS_NOISE_PROBES = 64,
  LKS_NOISE_POPULATION = 10000,
  LKS_NOISE_FIRST_SIZE = 8
};

typedef struct lks_noise_probe {
  lks_comm *comm; /* borrowed, as config */
  const lks_config *config;
  int threads;
  lks_setup *setup; /* a network for mini-batches of any of the sizes, with the run's parameters */
  lks_probe_feed feed;
  lks_selection *population, *probe;
  size_t size[LKS_NOISE_SIZES_MAX], sizes; /* of the mini-batches that are drawn */
  size_t norms;
  double **variance;        /* [norms][channels] of the population, equal on all ranks */
  lks_probe_noise_row *row; /* [norms][sizes], on every rank; complete on rank 0 */
} lks_noise_probe;

/** Collective. end_to_end of all rows: every layer takes the statistics of the drawn mini-batch. Takes the network's running
 * statistics for its own. */
lks_status lks_noise_end_to_end_all(lks_noise_probe *probe);

#endif
