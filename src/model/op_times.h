#ifndef LKS_MODEL_OP_TIMES_H
#define LKS_MODEL_OP_TIMES_H

#include "lockstep/network.h"
#include "lockstep/profile.h"
#include "model/stages.h"

/** Where the time of training passes goes, operator by operator and thread by thread. A network without one
 * reads no clock. */
typedef enum lks_work {
  LKS_WORK_FORWARD,
  LKS_WORK_SUMS,     /* a batch norm's sums of its input */
  LKS_WORK_BACKWARD, /* the gradient of the input; of a batch norm: that before its activation, and its sums
                      */
  LKS_WORK_DX,       /* a batch norm's gradient of its input */
  LKS_WORK_WEIGHTS,  /* the gradient of the weights */
  LKS_WORKS
} lks_work;

typedef struct lks_op_times {
  int ops, threads;
  double *seconds; /* [threads][ops][LKS_WORKS] */
} lks_op_times;

/** Local. Zeroes for every operator of the network. */
lks_status lks_op_times_create(lks_op_times **times, const lks_network *network);
void lks_op_times_destroy(lks_op_times **times);

/** Local. Books the time of its operators there from now on; NULL: nowhere. Borrowed. */
void lks_network_op_times(lks_network *network, lks_op_times *times);

/** Local. Seconds of a kind of work, mean over the threads. */
double lks_op_times_seconds(const lks_op_times *times, int op, lks_work work);

static inline double lks_op_times_begin(const lks_op_times *times)
{
  return times ? lks_seconds() : 0;
}

static inline void lks_op_times_book(lks_op_times *times, int thread, int op, lks_work work, double begin)
{
  if (times)
    times->seconds[((ptrdiff_t)thread * times->ops + op) * LKS_WORKS + work] += lks_seconds() - begin;
}

/** Local. The operators that the times are of; borrowed. */
const lks_stages *lks_network_stages(const lks_network *network);

/** Local. Does one kind of work (FORWARD, BACKWARD, WEIGHTS) of a convolution or dense layer by itself, on
 * what a pass left in the memory of a microbatch; its output is overwritten. After a training pass: weights
 * are packed then. */
lks_status lks_network_linear_alone(lks_network *network, int op, lks_work work, size_t microbatch,
                                    int thread);

#endif
