#ifndef LKS_BENCH_BENCH_H
#define LKS_BENCH_BENCH_H

#include <stdio.h>

#include "base/json.h"
#include "bench/bench_runner.h"

enum { LKS_BENCH_ARMS_MAX = 24, LKS_BENCH_REPEATS_MAX = 1000 };

typedef struct lks_bench_options {
  lks_config config; /* data "": made-up samples of `shape` */
  char bn[LKS_TEXT_MAX], reduce[LKS_TEXT_MAX], precision[LKS_TEXT_MAX]; /* lists with commas: every
                                                                         combination is an arm */
  lks_shape shape;
  size_t classes;
  size_t repeats; /* measurements of every arm ... */
  double seconds; /* ... and how long each is to last */
} lks_bench_options;

/** Over the ranks. */
typedef struct lks_bench_spread {
  double low, mean, high;
} lks_bench_spread;

/** A part of a step. */
typedef struct lks_bench_part {
  lks_bench_spread seconds; /* LKS_PART_OTHER: what no part has */
  double flops, bytes;      /* of a rank: computed; read and written. 0: not known, or communication */
  double alone;             /* seconds that as much takes by itself: at the ceilings of its work, or a
                               reduction to which no rank is late; 0: not known */
} lks_bench_part;

/** In a step, of the rank that has most. */
typedef struct lks_bench_traffic {
  double calls, bytes;
} lks_bench_traffic;

/** An operator's kind of work; seconds, flops and bytes are those of one thread in one step, means over
 * threads and ranks. */
typedef struct lks_bench_work {
  double seconds, flops, bytes;
  double ceiling; /* flops a second of the same primitive by itself, or bytes a second of a copy of the same
                     size; 0: not known */
} lks_bench_work;

typedef struct lks_bench_layer {
  char name[LKS_NAME_MAX];
  const char *kind; /* "conv"; borrowed, static */
  bool arithmetic;  /* a convolution or dense layer: the ceiling is one of flops */
  lks_bench_work work[LKS_WORKS];
} lks_bench_layer;

typedef struct lks_bench_arm {
  lks_config config;
  size_t steps;   /* of one measurement */
  double *rate;   /* [repeats] images a second, ascending */
  double seconds; /* a step, at the median rate */
  lks_bench_part part[LKS_PARTS];
  lks_bench_traffic traffic[LKS_TRAFFICS];
  size_t layers;
  lks_bench_layer *layer; /* [layers] */
  double arithmetic;      /* seconds a step of all convolutions and dense layers by themselves */
} lks_bench_arm;

typedef struct lks_bench {
  lks_bench_options options;
  int ranks, hosts, threads;
  size_t batch, microbatch;
  lks_shape shape;
  size_t classes;
  size_t arms;
  lks_bench_arm arm[LKS_BENCH_ARMS_MAX];
} lks_bench;

/** Collective. Measures all arms in turn, so that a slow minute of the machine hits all of them. Equal on all
 * ranks. LKS_ERR_USAGE for a bad list. */
lks_status lks_bench_measure_all(lks_bench **bench, lks_comm *comm, const lks_bench_options *options);
void lks_bench_destroy(lks_bench **bench);

/** Local. Share of a step in which a rank does something else than arithmetic of convolutions and dense
 * layers. */
double lks_bench_not_arithmetic(const lks_bench_arm *arm);

/** Local. The tables as text. */
void lks_bench_print(FILE *out, const lks_bench *bench, bool layers);
/** Local. Everything, as members of the object that is open. */
void lks_bench_print_json(lks_json *json, const lks_bench *bench);

#endif
