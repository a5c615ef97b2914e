#ifndef LKS_NORM_BATCH_NORM_PARTS_H
#define LKS_NORM_BATCH_NORM_PARTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "kernels/batch_norm.h"
#include "lockstep/batch_norm.h"
#include "norm/norm_sums.h"

/* What the files of lks_batch_norm share. Rows are counted, not samples: a sample has `pixels` of them. */

/** A plan of a shape that there was, and what it was made for. */
typedef struct lks_kept_plan {
  lks_batch_plan *plan;
  size_t *shard_begin;        /* [ranks+1], owned */
  size_t ranks, block, group; /* rows of a block and of a group; group 0: all */
} lks_kept_plan;

/** Work space for plans of at most so many segments, groups and groups that span ranks. */
typedef struct lks_norm_work {
  lks_arena *arena;
  size_t segments, groups, spanning;
  double *segment_sums;      /* [segments,2*channels] */
  int64_t *local;            /* [groups] sets */
  int64_t *message;          /* the set of the mini-batch, what is said beside it, [spanning] sets */
  double *mean;              /* [groups,2*channels] */
  float *form_values;        /* [groups,5*channels] */
  lks_batch_norm_form *form; /* [groups] */
  float *coefficient;        /* [threads,2*channels] */
} lks_norm_work;

/** What a rank has of a mini-batch. */
typedef struct lks_norm_shard {
  int64_t samples, pixels, failed;
} lks_norm_shard;

/** What a message says beside its sums: an accumulator of integers. */
enum { LKS_NORM_ROWS, LKS_NORM_FAULTS };

/** Which forward pass a backward pass belongs to. */
typedef enum lks_norm_pass { LKS_NORM_NOTHING, LKS_NORM_TRAINING, LKS_NORM_RUNNING } lks_norm_pass;

enum { LKS_KEPT_PLANS = 8 };

struct lks_batch_norm {
  lks_comm *comm;  /* borrowed */
  lks_comm *group; /* owned: of the ranks that are normalized together; NULL without such groups */
  size_t channels;
  lks_batch_norm_options options;
  lks_arena *arena;
  float *running_mean, *running_variance; /* [channels] */
  uint64_t updates;
  double *moments, values; /* [2*channels] and n, of the last mini-batch */
  double *group_moments;   /* [2*channels] work space */
  int64_t *precise;        /* a set */
  double precise_values;   /* in it */
  bool precise_on;
  int64_t *group_message; /* a set and what is said beside it, of a group of ranks */
  int64_t *own;           /* a set: this rank's share of the last sums */
  size_t *shard_begin;    /* [ranks+1] */
  lks_norm_shard *shards; /* [ranks] */
  lks_kept_plan kept[LKS_KEPT_PLANS];
  size_t next_kept;
  const lks_batch_plan *plan; /* of the last forward pass; one of these */
  lks_norm_work work;
  lks_norm_pass pass;
  size_t samples, pixels; /* of the last forward pass */
};

/** Local. What is said beside the sums of a message. */
static inline int64_t *lks_norm_facts(const lks_batch_norm *norm, int64_t *message)
{
  return lks_norm_sums_at(message, 1, norm->channels);
}

/** Collective for groups of samples when `training`, else Local. The plan for this rank's rows, and work space for it.
 * `status` is this rank's so far; the returned one is agreed upon with groups of samples alone. */
lks_status lks_norm_plan_all(lks_batch_norm *norm, bool training, lks_status status, size_t samples,
                             size_t pixels);
/** Local. Makes work space for a plan of one block and one group. */
lks_status lks_norm_work_create(lks_batch_norm *norm);
/** Local. Frees plans and work space. */
void lks_norm_plans_free(lks_batch_norm *norm);

/** Collective. From the sums of the segments, which a rank whose status is bad does not have, to those of the
 * groups. Those of the whole mini-batch are there after lks_norm_reduce_end_all. */
lks_status lks_norm_reduce_all(lks_batch_norm *norm, lks_status status);
/** Collective. The same status on all ranks; `status` is this rank's. */
lks_status lks_norm_reduce_end_all(lks_batch_norm *norm, lks_status status);
/** Local. After lks_norm_reduce_all: the set and the number of values of a local group. */
int64_t *lks_norm_group_set(const lks_batch_norm *norm, size_t local_group);
double lks_norm_group_values(const lks_batch_norm *norm, size_t local_group);
/** Local. Whether the sums of the whole mini-batch come later than those of the groups. */
bool lks_norm_pooled_late(const lks_batch_norm *norm);

#endif
