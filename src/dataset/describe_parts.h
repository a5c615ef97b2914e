#ifndef LKS_DATASET_DESCRIBE_PARTS_H
#define LKS_DATASET_DESCRIBE_PARTS_H

#include <stdio.h>

#include "dataset/class_names.h"
#include "dataset/value_summary.h"

/* Lines that describe samples, wherever they come from. */

/** Local. "sample    image of 28 x 28, 1 channel, unsigned bytes" */
void lks_describe_sample(FILE *out, const lks_layout *layout);

/** Local. How many samples of each class the splits have, which are not empty, and what classes are called. names may be NULL.
 * LKS_ERR_RANK. */
lks_status lks_describe_splits(FILE *out, const lks_layout *layout, const int32_t *const label[LKS_SPLITS],
                               const lks_class_names *names);

/** Local. "values    0 to 255, mean 33.3, std 78.6, 81% zeros; 3 of 64 channels are constant: 0 7 63" */
void lks_describe_values(FILE *out, const lks_value_summary *summary);

#endif
