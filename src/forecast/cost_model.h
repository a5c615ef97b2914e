#ifndef LKS_FORECAST_COST_MODEL_H
#define LKS_FORECAST_COST_MODEL_H

#include "comm/gradient_sum.h"
#include "model/stages.h"
#include "sums/batch_plan.h"

/** What a step costs on machines that are not at hand: arithmetic from plain numbers. Messages cost a latency
 * and a time per byte (Hockney's model); reductions take log2 P rounds, or two of them with the array split
 * when that is cheaper; exchanges of each with each cost every rank an overhead per message, and the ranks
 * of a host share its network. A rank waits for the last one at each reduction, whose times scatter like
 * normal numbers.
 *  Sources: Hockney 1994; Thakur, Rabenseifner & Gropp 2005, "Optimization of collective communication
 * operations in MPICH"; Culler et al. 1993 for the overhead; Alexandrov et al. 1995 for the gap. */
typedef struct lks_cost_link {
  double latency;     /* seconds of a round of a reduction */
  double second_byte; /* seconds a byte */
  double overhead;    /* seconds of the processor for one more message */
  double exchange; /* seconds of the processor for a byte of gradients that two ranks sum: packing, copying,
                      adding */
} lks_cost_link;

typedef struct lks_cost_machine {
  lks_cost_link inside, between; /* two ranks of one host; of two hosts */
  double host_ranks;             /* that a host has cores for */
  double oversubscribed_latency; /* seconds of a reduction for each rank of a host that has more of them */
} lks_cost_machine;

/** What a rank does by itself, in seconds. */
typedef struct lks_cost_work {
  double fixed, microbatch; /* of a step: in any case; for each microbatch */
  double weights;           /* of a microbatch that compute weight gradients: sums travel meanwhile */
  double forward;           /* of a microbatch, in its forward pass */
  double scatter;           /* standard deviation of a microbatch's time */
  double at_work;           /* ranks of a host that were at work when this was measured */
} lks_cost_work;

typedef struct lks_cost_run {
  size_t ranks, hosts;
  size_t batch, microbatch; /* samples */
  lks_norm norm;
  lks_reduce reduce;
} lks_cost_run;

/** Seconds a step, those that nothing else hides. */
typedef struct lks_cost {
  double compute, norm, gradient, end;
  double waiting; /* for the slowest of the ranks */
  double total;
  double forward; /* of an evaluation of the same mini-batch instead */
} lks_cost;

/** Local. A link that nobody measured, from seconds and bytes a second. */
lks_cost_link lks_cost_link_assumed(double latency, double bandwidth);

/** Local. Seconds of a reduction of `bytes` bytes over so many ranks on so many hosts. */
double lks_cost_reduction(const lks_cost_machine *machine, size_t ranks, size_t hosts, double bytes);

/** Local. More ranks on a host than it has cores, or than were at work, take turns. LKS_ERR_RANK when memory
 * runs out. */
lks_status lks_cost_step(lks_cost *cost, const lks_cost_machine *machine, const lks_cost_work *work,
                         const lks_cost_run *run, const lks_stages *stages);

#endif
