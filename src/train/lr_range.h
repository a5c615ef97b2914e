#ifndef LKS_TRAIN_LR_RANGE_H
#define LKS_TRAIN_LR_RANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/comm.h"
#include "lockstep/config.h"

/* The learning rate range test: a network is trained from its initial weights with a learning rate that grows exponentially from
 * step to step; the loss says where learning begins, is fastest, and breaks down. Source: Smith 2017, section 3.3 (there it
 * grows linearly, and the accuracy is looked at). */

/** How far, in how many steps. */
typedef struct lks_lr_sweep {
  double from, to; /* of the first and the last step */
  size_t steps;
} lks_lr_sweep;

typedef struct lks_lr_point {
  double lr, loss; /* of a step; mean loss of its mini-batch before the update */
  double smoothed; /* mean of the losses around it: as many steps before as behind it, at most lks_lr_reach */
} lks_lr_point;

typedef struct lks_lr_range {
  lks_lr_sweep sweep;
  size_t count;        /* steps done */
  bool diverged;       /* it ended before the last step */
  lks_lr_point *point; /* [count], owned */
} lks_lr_range;

/** What the curve says; lowest and fastest are numbers of points. */
typedef struct lks_lr_reading {
  bool falls;     /* the smoothed loss falls by a tenth or more; if not, there is no suggestion */
  size_t lowest;  /* where it is lowest */
  size_t fastest; /* before that, where it falls fastest */
  double
      suggestion; /* a tenth of the learning rate where it is lowest: with that one some steps are too far already */
} lks_lr_reading;

/** Local. Steps on either side that a smoothed loss is the mean of: a twentieth of all, at least one. */
size_t lks_lr_reach(size_t steps);
/** Local. Smooths point[count].loss. */
void lks_lr_smooth(lks_lr_point *point, size_t count, size_t reach);
/** Local. */
lks_lr_reading lks_lr_read(const lks_lr_range *range);

/** Collective; config (checked) and sweep equal on all ranks. Trains with these settings, but for the learning rate; writes
 * nothing. It ends before the last step where a value is not finite any more, or the smoothed loss is above four times its
 * lowest. The same on all ranks; *range is NULL after a failure. LKS_ERR_DATA, LKS_ERR_IO, LKS_ERR_USAGE. */
lks_status lks_lr_range_all(lks_lr_range **range, lks_comm *comm, const lks_config *config,
                            const lks_lr_sweep *sweep);
/** Local. Takes NULL, sets NULL. */
void lks_lr_range_destroy(lks_lr_range **range);

#endif
