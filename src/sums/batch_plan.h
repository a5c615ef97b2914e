#ifndef LKS_SUMS_BATCH_PLAN_H
#define LKS_SUMS_BATCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/settings.h"

/** A run of samples that lie in one microbatch and in one normalization group: what a batch-norm kernel gets
 * at once. Without batch norm (LKS_NORM_NONE) there are no groups, and each microbatch is one segment of
 * group 0, so that element-wise code may loop over segments whatever the mode. */
typedef struct lks_segment {
  size_t microbatch; /* local: 0 is this rank's first */
  size_t offset;     /* first sample, counted inside the microbatch */
  size_t samples;
  size_t group; /* number of the group in the mini-batch */
} lks_segment;

/** How one mini-batch falls apart. Depends on the rank only through first/count and the local lists. */
typedef struct lks_batch_plan {
  size_t samples;      /* of the mini-batch */
  size_t microbatch;   /* samples a microbatch, the last one may be smaller */
  size_t microbatches; /* of the mini-batch */
  size_t first, count; /* this rank's shard, in microbatches; count may be 0 */
  size_t begin, end;   /* and in samples */
  size_t groups;       /* of the mini-batch; 0 with LKS_NORM_NONE */
  bool joined;         /* a remainder of one sample, which has no variance, belongs to the group before it */
  size_t *group_begin; /* [groups+1], in samples of the mini-batch; every group has at least one */
  size_t first_group, local_groups; /* the groups that this rank's shard touches are consecutive */
  size_t *local_spans;              /* [local_groups] slot among the spanning groups, or SIZE_MAX */
  size_t spanning;        /* groups that lie on more than one rank: these need a reduction before use */
  size_t *spanning_group; /* [spanning] their numbers, ascending, equal on all ranks */
  size_t segments;        /* of this rank */
  lks_segment *segment;   /* [segments], ascending */
  size_t *
      segment_begin; /* [count+1]: those of local microbatch i are segment_begin[i] .. segment_begin[i+1]-1 */
} lks_batch_plan;

/** Local: arithmetic from plain ints. rank in 0..size-1; microbatch > 0; samples may be 0. */
lks_status lks_batch_plan_create(lks_batch_plan **plan, size_t samples, size_t microbatch, lks_norm norm,
                                 int size, int rank);

/** Local. The same for shards as they are: rank r has the samples shard_begin[r] .. shard_begin[r+1]-1, from 0 on, as
 * many as it likes, also none, and cuts them into microbatches from its first one on. `first` counts those of the
 * ranks before. norm is of kind SYNC or SIZE. */
lks_status lks_batch_plan_of_shards(lks_batch_plan **plan, const size_t *shard_begin, size_t microbatch,
                                    lks_norm norm, int size, int rank);
void lks_batch_plan_destroy(lks_batch_plan **plan);

/** Local. Samples of local microbatch i. */
size_t lks_batch_plan_samples(const lks_batch_plan *plan, size_t i);

/** Local. The smallest group; 0 when there is none. */
size_t lks_batch_plan_smallest_group(const lks_batch_plan *plan);

#endif
