#ifndef LKS_FORECAST_PLAN_H
#define LKS_FORECAST_PLAN_H

#include <stdio.h>

#include "base/json.h"
#include "forecast/cost_model.h"
#include "lockstep/config.h"
#include "lockstep/network.h"

/** What a training run will need, told before it is run. */
typedef struct lks_plan_options {
  lks_config config; /* checked; data "": samples of this shape */
  lks_shape shape;
  size_t classes, train, test; /* samples */
  size_t ranks, hosts;         /* 0: as many as this run has; as few as have a core for each thread */
  lks_cost_link between;       /* assumed between hosts where it cannot be measured */
  double seconds;              /* that each measurement is to last */
} lks_plan_options;

/** Bytes. What our own code holds is counted, the rest is measured in a run of one microbatch a rank. */
typedef struct lks_plan_memory {
  lks_network_memory network;
  size_t optimizer, loader; /* moments; mini-batches read ahead, order of the samples */
  size_t own;               /* of each rank: MPI, oneDNN, HDF5, threads */
  size_t program, dataset;  /* program and libraries; samples: each once a host */
  size_t snapshot, writing; /* while a checkpoint is made: on each rank; on rank 0 */
  size_t rank, rank_0;      /* peaks of what is resident in one process, shared memory included */
  size_t host, available;   /* peak of the fullest host; what this one can give, 0: not known */
  size_t largest_batch;     /* mini-batch that would fit, with the same microbatches; 0: none, or not known */
} lks_plan_memory;

/** Seconds. */
typedef struct lks_plan_time {
  lks_cost step;               /* of a whole mini-batch */
  double training, evaluation; /* of an epoch */
  double images_per_second;    /* while training */
} lks_plan_time;

typedef struct lks_plan {
  lks_plan_options options; /* ranks and hosts resolved */
  int threads;
  bool features;
  size_t train, test, steps; /* samples that are used; steps of an epoch */
  bool near_measured, between_measured;
  lks_plan_memory memory;
  lks_plan_time time;
} lks_plan;

/** Collective; options equal on all ranks. Measures with all ranks of this run, on made-up samples; of a
 * dataset the header alone is read. Writes nothing. Equal on all ranks. */
lks_status lks_plan_make_all(lks_plan *plan, lks_comm *comm, const lks_plan_options *options);

/** Local. */
void lks_plan_print(FILE *out, const lks_plan *plan);
void lks_plan_print_json(lks_json *json, const lks_plan *plan);

#endif
