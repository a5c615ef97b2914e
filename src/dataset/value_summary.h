#ifndef LKS_DATASET_VALUE_SUMMARY_H
#define LKS_DATASET_VALUE_SUMMARY_H

#include <stdint.h>

#include "dataset/contents.h"

/** What the values of samples are like, gathered while these pass by. */
typedef struct lks_value_summary {
  const lks_layout *layout; /* borrowed */
  double least, most;       /* of those that are finite */
  long double sum, square;  /* of these */
  uint64_t count, zeros;
  uint64_t nan, infinite;
  lks_split first_split; /* where the first that is not finite stands */
  size_t first_sample, first_value;
  float *low, *high; /* [channels] */
} lks_value_summary;

/** Local. LKS_ERR_RANK. */
lks_status lks_value_summary_begin(lks_value_summary *summary, const lks_layout *layout);
/** Local. The next samples of a split, of which the first one is number `first`. */
void lks_value_summary_add(lks_value_summary *summary, lks_split split, const void *values, size_t first,
                           size_t samples);
/** Gives the next samples, as many as it is asked for, which are of one split. */
typedef lks_status (*lks_next_function)(void *context, void *values, size_t samples);
/** Local. Adds all samples of both splits, in parts. Errors as `next`; LKS_ERR_RANK. */
lks_status lks_value_summary_add_all(lks_value_summary *summary, lks_next_function next, void *context);
/** Local. */
double lks_value_summary_mean(const lks_value_summary *summary);
double lks_value_summary_std(const lks_value_summary *summary);
/** Local. How many channels have one value everywhere; the first few of them go to `channel` [most]. */
size_t lks_value_summary_constant(const lks_value_summary *summary, size_t *channel, size_t most);
/** Local. */
void lks_value_summary_end(lks_value_summary *summary);

#endif
