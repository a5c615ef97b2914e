#ifndef LKS_CHECKPOINT_SNAPSHOT_H
#define LKS_CHECKPOINT_SNAPSHOT_H

#include "lockstep/comm.h"
#include "lockstep/network.h"
#include "lockstep/optimizer.h"

enum {
  LKS_ARRAY_NAME_MAX = LKS_NAME_MAX + 16,
  LKS_MOMENTS_MAX = 4,
  LKS_MOMENT_NAME_MAX = 32,
  LKS_NO_MOMENT = -1
};

/** One tensor in PyTorch's layout. */
typedef struct lks_snapshot_array {
  char name[LKS_ARRAY_NAME_MAX]; /* "conv1.weight" */
  int moment;                    /* number of the optimizer's moment; LKS_NO_MOMENT: the tensor itself */
  int dimensions;
  size_t extent[4], elements;
  float *data; /* in the snapshot's block */
} lks_snapshot_array;

/** Everything that a step changes, as a file holds it: parameters and running statistics in the model's
 * order, then each moment of the parameters in that order. The body of a checkpoint and what the fingerprint
 * is taken of. */
typedef struct lks_snapshot {
  size_t arrays, elements;
  lks_snapshot_array *array;
  float *block; /* [elements] */
  int64_t batches_tracked;
  bool optimizer; /* the following three hold something */
  int64_t steps;
  size_t moments;
  char moment_name[LKS_MOMENTS_MAX][LKS_MOMENT_NAME_MAX];
} lks_snapshot;

/** Local. Room for the description of `arrays` arrays. LKS_ERR_RANK. */
lks_status lks_snapshot_allocate(lks_snapshot *snapshot, size_t arrays);
/** Local. Room for the data of all arrays, one behind the other. LKS_ERR_RANK. */
lks_status lks_snapshot_place(lks_snapshot *snapshot);
/** Local. Frees what it holds and zeroes it. */
void lks_snapshot_clear(lks_snapshot *snapshot);

/** Local. Copies the state out. optimizer may be NULL. */
lks_status lks_snapshot_take(lks_snapshot *snapshot, lks_network *network, lks_optimizer *optimizer);

/** Local. LKS_ERR_DATA naming the first tensor, or moment, by which it differs from what the network (and the
 * optimizer, unless NULL) holds. */
lks_status lks_snapshot_compare(const lks_snapshot *snapshot, const lks_network *network,
                                lks_optimizer *optimizer);

/** Local. Copies the state in; it has been compared. Tells the network. */
void lks_snapshot_put(const lks_snapshot *snapshot, lks_network *network, lks_optimizer *optimizer);

/** Local. Elements of all parameters, without running statistics and moments. */
int64_t lks_snapshot_parameters(const lks_snapshot *snapshot);

/** Local. LKS_ERR_DATA naming the first value that is not finite, or negative where it is a variance or a
 * mean of squares. */
lks_status lks_snapshot_check(const lks_snapshot *snapshot);

#endif
