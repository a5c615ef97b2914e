#ifndef LKS_TRAIN_TEST_ORDER_H
#define LKS_TRAIN_TEST_ORDER_H

#include "lockstep/dataset.h"
#include "lockstep/trainer.h"

/** Some samples of a split, or all of them. Borrowed. */
typedef struct lks_chosen {
  lks_samples samples;
  const uint32_t *place; /* [count] in the split; NULL: all, as they are stored */
  size_t count;
} lks_chosen;

/** Local. *list: places in the split in the order in which the chosen samples are evaluated, cut off and repeated as the
 * options say, *count of them; freed with lks_free. The same list anywhere. LKS_ERR_USAGE when fewer are chosen than
 * options->samples, or there would be too many. */
lks_status lks_test_order_create(uint32_t **list, size_t *count, const lks_chosen *chosen, size_t classes,
                                 const lks_evaluate_options *options);

#endif
