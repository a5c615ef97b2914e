#ifndef LKS_DATASET_WINDOW_ORDER_H
#define LKS_DATASET_WINDOW_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** In which order an epoch takes its samples when memory holds a window of them, and where its windows end.
 *
 * Shuffled: the chunks of the file that hold chosen samples are put in an order by chance and joined to windows of at least
 * `window` samples, the last one of those that are left, and the samples of a window are put in an order by
 * chance. A window that holds all gives the order that there is without windows. Else the order is the given one, cut into windows.
 *
 * Pure: it depends on what stands in the options, and on the epoch. */
typedef struct lks_window_options {
  size_t count;           /* samples of an epoch, at least 1 */
  const uint32_t *subset; /* [count], borrowed; NULL: 0 .. count - 1 */
  size_t chunk;           /* samples of a chunk of the file: sample i lies in chunk i / chunk */
  size_t window;          /* samples, at least 1 */
  size_t portion;         /* not shuffled: a window ends with the chunk in which it has so many samples, */
  size_t most;            /* or with so many; samples that are not ascending have windows of so many */
  bool shuffled;          /* takes samples that are strictly ascending */
  uint64_t seed;
} lks_window_options;

typedef struct lks_window_order {
  const uint32_t *sample; /* [count] the samples of the epoch, in order */
  const size_t *end;      /* [windows] position behind the last sample of each window */
  size_t windows;
} lks_window_order;

/** What makes orders: memory is taken once. */
typedef struct lks_window_planner lks_window_planner;

/** Local. LKS_ERR_USAGE: samples to be shuffled are not ascending; LKS_ERR_RANK. */
lks_status lks_window_planner_create(lks_window_planner **planner, const lks_window_options *options);
void lks_window_planner_destroy(lks_window_planner **planner);

/** Local. Samples of the largest window that there may be. */
size_t lks_window_planner_most(const lks_window_planner *planner);

/** Local. The order of an epoch; borrowed until the next call. */
lks_window_order lks_window_planner_order(lks_window_planner *planner, size_t epoch);

#endif
