#ifndef LKS_TRAIN_TEST_ORDER_H
#define LKS_TRAIN_TEST_ORDER_H

#include "lockstep/dataset.h"
#include "lockstep/trainer.h"

/** Local. *list: places in a split in the order in which they are evaluated, cut off and repeated as the
 * options say, *count of them; freed with lks_free. The same list anywhere. LKS_ERR_USAGE when the split has
 * fewer samples than options->samples, or there would be too many. */
lks_status lks_test_order_create(uint32_t **list, size_t *count, const lks_samples *samples, size_t classes,
                                 const lks_evaluate_options *options);

#endif
